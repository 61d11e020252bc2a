//! Machines and their network under libvirt, by virsh. Managed resources are known by their UUID,
//! which derives from the directory of the lab's state and the names of lab and node: nothing else
//! is touched, though it has the same name.

use super::qmp;
use crate::base::error::{Context, Error, Result};
use crate::base::programs::{self, ProgramError, VIRSH};
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::time::Duration;

/// Where libvirt is, unless the user's environment says otherwise.
const SYSTEM: &str = "qemu:///system";
/// virsh takes a description from there.
const INPUT: &str = "/dev/stdin";

/// A libvirt that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its address.
    pub uri: String,
}

impl Connection {
    /// The user's libvirt (`LIBVIRT_DEFAULT_URI`) or the system's.
    ///
    /// # Errors
    /// An environment error when none answers.
    pub fn find() -> Result<Self> {
        if VIRSH.find().is_none() {
            return Err(Error::environment("virsh is not installed"));
        }
        let uri = std::env::var("LIBVIRT_DEFAULT_URI").unwrap_or_else(|_| SYSTEM.to_owned());
        let this = Self { uri };
        this.run(&["version"])?;
        Ok(this)
    }

    /// The user that it starts QEMU as, where that is another than who asks for it.
    ///
    /// # Errors
    /// With virsh's message.
    pub fn qemu_user(&self) -> Result<Option<u32>> {
        Ok(base_user(&self.run(&["capabilities"])?))
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with(arguments, "")
    }

    /// Runs virsh with `input` at [`INPUT`].
    fn run_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        let what = || "cannot run virsh".to_owned();
        let mut virsh = VIRSH.command();
        virsh.args(["-q", "-c", &self.uri]).args(arguments).env("LC_ALL", "C");
        let said = match programs::run_with_input(&mut virsh, input.as_bytes()) {
            Ok(output) => return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            Err(ProgramError::Failed { message, .. }) => message,
            Err(e) => return Err(e).or_environment(what),
        };
        let said = said.replace("error: ", "").replace('\n', "; ");
        let error = Error::environment(format!("virsh {}: {said}", arguments.join(" ")));
        Err(match advice(&said) {
            Some(advice) => error.hint(advice),
            None => error,
        })
    }

    /// Runs a verb of virsh on a managed resource; `None` where libvirt does not know that (any
    /// more).
    fn on(&self, verb: &str, uuid: &str, more: &[&str]) -> Result<Option<String>> {
        match self.run(&[&[verb, uuid], more].concat()) {
            Err(e) if is_unknown(&e.message, uuid) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Runs a verb that ends something, which may have ended by itself.
    fn end(&self, verb: &str, uuid: &str) -> Result<()> {
        match self.on(verb, uuid, &[]) {
            Err(e) if e.message.contains("is not running") => Ok(()),
            Err(e) if e.message.contains("is not active") => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Whether virsh reports that there is no such machine or network, and not that it cannot know.
fn is_unknown(said: &str, uuid: &str) -> bool {
    said.contains("not found: no ")
        || said.contains("failed to get ") && said.ends_with(&format!("'{uuid}'"))
}

/// The user in libvirt's capabilities: what the driver for plain ownership ("dac") runs QEMU as.
fn base_user(capabilities: &str) -> Option<u32> {
    let (_, model) = capabilities.split_once("<model>dac</model>")?;
    let (model, _) = model.split_once("</secmodel>")?;
    let (_, label) = model.split_once("<baselabel type='qemu'>+")?;
    label.split_once(':')?.0.parse().ok()
}

/// Output of `virsh domstate --reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// QEMU's run state; none for a machine that is off.
    State(Option<&'static str>),
    /// It is stopped, and QEMU knows why: libvirt reports "paused (unknown)" of an internal error.
    QemuKnows,
}

/// QEMU's run state (qapi/run-state.json) for libvirt's state and reason (virsh(1), domstate).
fn run_state(words: &str) -> Known {
    let (state, reason) = words.trim_end_matches(')').split_once(" (").unwrap_or((words, ""));
    Known::State(match (state, reason) {
        ("" | "shut off", _) => None,
        ("paused", "user") => Some("paused"),
        ("paused", "I/O error") => Some("io-error"),
        ("paused", "watchdog") => Some("watchdog"),
        ("paused", "crashed") | ("crashed", _) => Some("guest-panicked"),
        ("paused", _) => return Known::QemuKnows,
        ("pmsuspended", _) => Some("suspended"),
        _ => Some("running"),
    })
}

/// A hint for libvirt's message, where it allows one.
fn advice(said: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 6] = [
        (
            "already exists with uuid",
            "imgbuild did not create that one and leaves it alone: rename or undefine it, \
             or use --backend qemu",
        ),
        (
            "already in use by interface",
            "another network of this machine has the lab's addresses: take it down, \
             or use --backend qemu",
        ),
        (
            "virtlogd",
            "virtlogd keeps the consoles' logs: start it (`systemctl start virtlogd.socket`)",
        ),
        ("dnsmasq", "libvirt's networks need dnsmasq (Debian package dnsmasq-base)"),
        ("iptables", "libvirt's networks need iptables (Debian package iptables)"),
        ("failed to connect to the hypervisor", "is libvirtd running, and may you use it?"),
    ];
    KNOWN.iter().find(|(words, _)| said.contains(words)).map(|(_, advice)| *advice)
}

/// A managed machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    connection: Connection,
    uuid: String,
}

impl Domain {
    /// Defines the machine that `xml` describes, again if it exists, and starts it.
    ///
    /// # Errors
    /// An environment error with virsh's message; nothing is left then.
    pub fn start(connection: &Connection, uuid: String, xml: &str) -> Result<Self> {
        let this = Self { connection: connection.clone(), uuid };
        // One that runs is of an `up` that was cut off before it could write that down.
        this.kill()?;
        connection.run_with(&["define", INPUT], xml)?;
        if let Err(error) = connection.run(&["start", &this.uuid]) {
            // The first error says more.
            let _ = this.remove();
            return Err(error);
        }
        Ok(this)
    }

    /// Whether it runs.
    ///
    /// # Errors
    /// When libvirt does not report it.
    pub fn alive(&self) -> Result<bool> {
        let state = self.connection.on("domstate", &self.uuid, &[])?;
        Ok(state.is_some_and(|state| !matches!(state.as_str(), "shut off" | "crashed")))
    }

    /// Its run state in QEMU's terms (see [`run_state`]); `None` when it is off.
    ///
    /// # Errors
    /// When libvirt does not report it.
    pub fn run_state(&self) -> Result<Option<String>> {
        let state = self.connection.on("domstate", &self.uuid, &["--reason"])?.unwrap_or_default();
        Ok(match run_state(&state) {
            Known::State(state) => state.map(str::to_owned),
            // libvirt has no term for what stopped it. The question does not change the machine,
            // and one that cannot be asked now is asked again.
            Known::QemuKnows => {
                let question = r#"{"execute": "query-status"}"#;
                let answer = self.connection.on("qemu-monitor-command", &self.uuid, &[question]);
                let answer = answer.ok().flatten().unwrap_or_default();
                let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
                let state = answer.get("return").and_then(qmp::run_state);
                Some(state.unwrap_or("paused").to_owned())
            }
        })
    }

    /// The processor time that it has used; `None` where libvirt does not say.
    pub fn cpu_time(&self) -> Option<Duration> {
        let about = self.connection.on("dominfo", &self.uuid, &[]).ok()??;
        let value = about.lines().find_map(|line| line.strip_prefix("CPU time:"))?;
        Duration::try_from_secs_f64(value.trim().strip_suffix('s')?.parse().ok()?).ok()
    }

    /// Presses its power button (ACPI).
    ///
    /// # Errors
    /// With virsh's message.
    pub fn press_power(&self) -> Result<()> {
        self.connection.run(&["shutdown", &self.uuid, "--mode", "acpi"]).map(drop)
    }

    /// Cuts its power.
    ///
    /// # Errors
    /// With virsh's message.
    pub fn kill(&self) -> Result<()> {
        self.connection.end("destroy", &self.uuid)
    }

    /// Makes libvirt forget it; its disk is left for imgbuild to remove.
    ///
    /// # Errors
    /// With virsh's message.
    pub fn remove(&self) -> Result<()> {
        self.kill()?;
        let all = ["--nvram", "--managed-save", "--snapshots-metadata"];
        self.connection.on("undefine", &self.uuid, &all).map(drop)
    }

    /// The command that joins its console.
    pub fn console(&self) -> Command {
        let mut command = VIRSH.command();
        command.args(["-c", &self.connection.uri, "console", &self.uuid]);
        command
    }
}

/// The lab's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    connection: Connection,
    uuid: String,
}

impl Network {
    /// Defines the network that `xml` describes and starts it.
    ///
    /// # Errors
    /// An environment error with virsh's message; nothing is left then.
    pub fn start(connection: &Connection, uuid: String, xml: &str) -> Result<Self> {
        let this = Self { connection: connection.clone(), uuid };
        connection.run_with(&["net-define", INPUT], xml)?;
        if !this.alive()?
            && let Err(error) = connection.run(&["net-start", &this.uuid])
        {
            // The first error says more.
            let _ = this.remove();
            return Err(error);
        }
        Ok(this)
    }

    /// The libvirt that has it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether it is up.
    ///
    /// # Errors
    /// When libvirt does not report it.
    pub fn alive(&self) -> Result<bool> {
        let info = self.connection.on("net-info", &self.uuid, &[])?.unwrap_or_default();
        Ok(info.lines().any(|l| l.starts_with("Active:") && l.ends_with("yes")))
    }

    /// Takes it down and makes libvirt forget it.
    ///
    /// # Errors
    /// With virsh's message.
    pub fn remove(&self) -> Result<()> {
        self.connection.end("net-destroy", &self.uuid)?;
        self.connection.on("net-undefine", &self.uuid, &[]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_that_of_the_ownership_driver() {
        let model = |name: &str, label: &str| {
            format!(
                "<secmodel>\n<model>{name}</model>\n<doi>0</doi>\n<baselabel type='kvm'>{label}</baselabel>\n<baselabel type='qemu'>{label}</baselabel>\n</secmodel>\n"
            )
        };
        let selinux = model("selinux", "system_u:system_r:svirt_tcg_t:s0");
        assert_eq!(base_user(&format!("{selinux}{}", model("dac", "+64055:+994"))), Some(64055));
        assert_eq!(base_user(&format!("{}{selinux}", model("dac", "+0:+0"))), Some(0));
        // A user's own libvirt starts QEMU as that user.
        assert_eq!(base_user(&selinux), None);
    }

    #[test]
    fn libvirts_words_for_a_state_are_qemus() {
        for (words, expected) in [
            ("", Known::State(None)),
            ("shut off (crashed)", Known::State(None)),
            ("running (booted)", Known::State(Some("running"))),
            ("paused (user)", Known::State(Some("paused"))),
            ("paused (I/O error)", Known::State(Some("io-error"))),
            ("paused (unknown)", Known::QemuKnows),
            ("paused (starting up)", Known::QemuKnows),
            ("crashed (panicked)", Known::State(Some("guest-panicked"))),
        ] {
            assert_eq!(run_state(words), expected, "{words}");
        }
    }
}
