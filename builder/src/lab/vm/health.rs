//! Whether a machine that is on still runs: by QEMU's run state, and by a console on which the
//! system does not begin.

use super::console::{ConsoleReport, Phase};
use super::directory::LOG;
use super::handle::Machine;
use super::probe;
use super::processor::KVM;
use super::state::VmNode;
use crate::base::error::Result;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How much processor time a machine under KVM may use after the boot loader's last byte before
/// the system's first. A kernel needs about a second there, and ten where virtualisation is
/// nested. Processor time, as on a busy host a good machine is silent for longer. Emulation is
/// not judged by it: it is slow in ways that depend on the host.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Why a machine will not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// KVM failed it; emulated it would run.
    Accelerator(String),
    /// Its own system, its disk or its power.
    Machine(String),
}

impl Stop {
    /// The reason in words.
    pub fn reason(self) -> String {
        match self {
            Self::Accelerator(why) | Self::Machine(why) => why,
        }
    }
}

/// How a machine is, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it is on.
    pub on: bool,
    /// QEMU's run state in QEMU's terms (`running`, `paused`, `internal-error` …); `None` when
    /// it is off or QEMU does not answer just now.
    pub run_state: Option<String>,
}

/// How the machine of a node is; `directory` is the node's.
///
/// # Errors
/// When what runs it does not answer.
pub fn of(node: &VmNode, directory: &Path) -> Result<Health> {
    let on = node.alive()?;
    let run_state = match &node.machine {
        Some(machine) if on => machine.run_state(directory)?,
        _ => None,
    };
    Ok(Health { on, run_state })
}

impl Health {
    /// Why the machine will not go on, if so. One that somebody paused will.
    pub fn stop(&self, node: &VmNode, directory: &Path) -> Option<Stop> {
        if !self.on {
            return Some(Stop::Machine("its machine has ended".into()));
        }
        Some(match self.run_state.as_deref()? {
            state @ "internal-error" => {
                let log = match node.machine {
                    Some(Machine::Libvirt(_)) => "; libvirt's log of it has the reason".to_owned(),
                    _ => qemu_log(directory),
                };
                let words = format!("QEMU stopped its machine ({state}){log}");
                match node.accelerator == KVM {
                    true => Stop::Accelerator(words),
                    false => Stop::Machine(words),
                }
            }
            "guest-panicked" => Stop::Machine("its kernel panicked".into()),
            "shutdown" => Stop::Machine("its system has ended".into()),
            "io-error" => Stop::Machine(format!(
                "QEMU stopped its machine (io-error): the disk in {} cannot be used; is there space?",
                directory.display()
            )),
            "watchdog" => Stop::Machine("its watchdog stopped it".into()),
            _ => return None,
        })
    }
}

/// What QEMU wrote of a failure, to be put after other words, and where.
fn qemu_log(directory: &Path) -> String {
    let path = directory.join(LOG);
    let bytes = fs::read(&path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let last = || text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned);
    match probe::summary(&text).or_else(last) {
        Some(words) => format!(": {words} ({})", path.display()),
        None => String::new(),
    }
}

/// Whether KVM has not shown yet that it can run this node's system.
pub fn is_unproven(node: &VmNode, report: &ConsoleReport) -> bool {
    node.accelerator == KVM && report.phase != Phase::System
}

/// For how long a machine's console has shown nothing new, as watched since the first poll.
#[derive(Clone, Debug, Default)]
pub struct Silence(Option<(u64, Duration)>);

impl Silence {
    /// The reason to give up a machine under KVM whose boot loader has ended and whose system
    /// does not begin; `used` is the processor time that it has used.
    pub fn judge(
        &mut self,
        accelerator: &str,
        report: &ConsoleReport,
        used: impl FnOnce() -> Option<Duration>,
    ) -> Option<Stop> {
        if accelerator != KVM || report.phase != Phase::Loader {
            self.0 = None;
            return None;
        }
        let silent = self.observe(report.length, used()?);
        let words = match report.last.as_str() {
            "" => "nothing".to_owned(),
            line => format!("nothing after \"{line}\""),
        };
        (silent >= SILENCE).then(|| {
            Stop::Accelerator(format!(
                "its system does not begin: {words} on its console in {} s of processor time",
                silent.as_secs()
            ))
        })
    }

    /// How long the console has had this length; `now` is the time used so far.
    fn observe(&mut self, length: u64, now: Duration) -> Duration {
        match self.0 {
            Some((last, since)) if last == length => now.saturating_sub(since),
            _ => {
                self.0 = Some((length, now));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(accelerator: &str) -> VmNode {
        VmNode {
            role: "compute".into(),
            address: [192, 168, 1, 11].into(),
            image: "nova01.qcow2".into(),
            sha256: String::new(),
            machine: None,
            log_start: 0,
            accelerator: accelerator.into(),
        }
    }

    #[test]
    fn what_qemu_says_of_its_state_is_judged() {
        let directory = tempfile::tempdir().unwrap();
        let stop = |state: &str, accelerator: &str| {
            let health = Health { on: true, run_state: Some(state.into()) };
            health.stop(&node(accelerator), directory.path())
        };
        for going_on in ["running", "paused", "prelaunch", "suspended", "inmigrate"] {
            assert_eq!(stop(going_on, KVM), None, "{going_on}");
        }
        for own in ["guest-panicked", "shutdown", "io-error", "watchdog"] {
            assert!(matches!(stop(own, KVM), Some(Stop::Machine(_))), "{own}");
        }
        assert!(matches!(stop("internal-error", "tcg"), Some(Stop::Machine(_))));
        let log = "KVM internal error. Suberror: 1\nemulation failure\nRAX=0\n";
        fs::write(directory.path().join(LOG), log).unwrap();
        let Some(Stop::Accelerator(why)) = stop("internal-error", KVM) else { panic!("no stop") };
        assert!(why.contains("(internal-error): KVM internal error. Suberror: 1, emul"), "{why}");
        let off = Health { on: false, run_state: None };
        assert!(matches!(off.stop(&node(KVM), directory.path()), Some(Stop::Machine(_))));
        let mute = Health { on: true, run_state: None };
        assert_eq!(mute.stop(&node(KVM), directory.path()), None, "QEMU may be busy");
    }

    #[test]
    fn silence_is_counted_from_the_last_byte() {
        let mut silence = Silence::default();
        let seconds = Duration::from_secs;
        assert_eq!(silence.observe(0, seconds(100)), seconds(0));
        assert_eq!(silence.observe(0, seconds(129)), seconds(29));
        assert_eq!(silence.observe(8, seconds(140)), seconds(0));
        assert_eq!(silence.observe(8, seconds(141)), seconds(1));
    }

    #[test]
    fn only_a_boot_loader_under_kvm_is_too_silent() {
        let report = |phase| ConsoleReport { phase, ..ConsoleReport::default() };
        let judge = |accelerator: &str, phase| {
            let mut silence = Silence::default();
            assert_eq!(silence.judge(accelerator, &report(phase), || Some(SILENCE)), None);
            silence.judge(accelerator, &report(phase), || Some(SILENCE * 2))
        };
        assert!(matches!(judge(KVM, Phase::Loader), Some(Stop::Accelerator(_))));
        assert_eq!(judge(KVM, Phase::Menu), None);
        assert_eq!(judge(KVM, Phase::System), None);
        assert_eq!(judge("tcg", Phase::Loader), None);
    }
}
