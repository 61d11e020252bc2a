//! Machines and their network under libvirt, by virsh. What is ours is told by its UUID,
//! which derives from the names of lab and node: nothing else is touched.

use crate::error::{Context, Error, Result};
use serde::{Deserialize, Serialize};
use std::process::Command;

/// Where libvirt is, unless the user's environment says otherwise.
const SYSTEM: &str = "qemu:///system";

/// A libvirt that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its address.
    pub uri: String,
}

impl Connection {
    /// The user's libvirt (`LIBVIRT_DEFAULT_URI`) or the system's; why not, if none answers.
    pub fn find() -> std::result::Result<Self, String> {
        if super::find_program("virsh").is_none() {
            return Err("virsh is not installed".into());
        }
        let uri = std::env::var("LIBVIRT_DEFAULT_URI").unwrap_or_else(|_| SYSTEM.to_owned());
        let this = Self { uri };
        this.run(&["version"]).map_err(|e| e.message)?;
        Ok(this)
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("virsh")
            .args(["-q", "-c", &self.uri])
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .or_environment(|| "cannot start virsh".to_owned())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().replace("error: ", "").replace('\n', "; ");
        Err(Error::environment(format!("virsh {}: {said}", arguments.join(" "))))
    }

    /// Runs a verb that takes a file with `xml`.
    fn define(&self, verb: &str, xml: &str) -> Result<()> {
        let what = || "cannot write a temporary file".to_owned();
        let file = tempfile::NamedTempFile::new().or_environment(what)?;
        std::fs::write(file.path(), xml).or_environment(what)?;
        self.run(&[verb, &file.path().to_string_lossy()]).map(drop)
    }
}

/// A machine of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    connection: Connection,
    uuid: String,
}

impl Domain {
    /// Defines the machine that `xml` describes, anew if it is there, and starts it.
    ///
    /// # Errors
    /// An environment error with what virsh said.
    pub fn start(connection: &Connection, uuid: String, xml: &str) -> Result<Self> {
        let this = Self { connection: connection.clone(), uuid };
        connection.define("define", xml)?;
        if let Err(error) = connection.run(&["start", &this.uuid]) {
            this.remove();
            return Err(error.hint(
                "libvirt's QEMU must be able to read the images and the folder of the machines: \
                 give --state a folder like /var/lib/imgbuild",
            ));
        }
        Ok(this)
    }

    /// Whether it runs.
    pub fn alive(&self) -> bool {
        let off = |state: &str| matches!(state, "shut off" | "crashed");
        self.connection.run(&["domstate", &self.uuid]).is_ok_and(|state| !off(&state))
    }

    /// Presses its power button (ACPI).
    ///
    /// # Errors
    /// With what virsh said.
    pub fn press_power(&self) -> Result<()> {
        self.connection.run(&["shutdown", &self.uuid, "--mode", "acpi"]).map(drop)
    }

    /// Cuts its power.
    pub fn kill(&self) {
        // It may have ended by itself meanwhile.
        let _ = self.connection.run(&["destroy", &self.uuid]);
    }

    /// Makes libvirt forget it; its disk is ours to remove.
    pub fn remove(&self) {
        self.kill();
        let _ = self.connection.run(&["undefine", &self.uuid, "--nvram"]);
    }

    /// The command that joins its console.
    pub fn console(&self) -> Command {
        let mut command = Command::new("virsh");
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
    /// An environment error with what virsh said; nothing is left then.
    pub fn start(connection: &Connection, uuid: String, xml: &str) -> Result<Self> {
        let this = Self { connection: connection.clone(), uuid };
        connection.define("net-define", xml)?;
        if !this.alive()
            && let Err(error) = connection.run(&["net-start", &this.uuid])
        {
            this.remove();
            return Err(error.hint("is the lab's network in use on this machine already?"));
        }
        Ok(this)
    }

    /// Whether it is up.
    pub fn alive(&self) -> bool {
        let info = self.connection.run(&["net-info", &self.uuid]).unwrap_or_default();
        info.lines().any(|l| l.starts_with("Active:") && l.ends_with("yes"))
    }

    /// Takes it down and makes libvirt forget it.
    pub fn remove(&self) {
        for verb in ["net-destroy", "net-undefine"] {
            let _ = self.connection.run(&[verb, &self.uuid]);
        }
    }
}
