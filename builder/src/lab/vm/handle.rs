//! Handles of what was started here, under either backend: a machine, and the network of a lab.

use super::process::Process;
use super::{qemu, qmp, virsh};
use crate::base::error::{Error, Result};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// How long QEMU may take to report its state.
const PATIENCE: Duration = Duration::from_secs(10);

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Machine {
    /// A QEMU that imgbuild started.
    Qemu(Process),
    /// A libvirt domain.
    Libvirt(virsh::Domain),
}

impl Machine {
    /// Whether it runs.
    ///
    /// # Errors
    /// When what runs it does not report it.
    pub fn alive(&self) -> Result<bool> {
        match self {
            Self::Qemu(process) => Ok(process.alive()),
            Self::Libvirt(domain) => domain.alive(),
        }
    }

    /// QEMU's run state in QEMU's terms, where the machine is on; `directory` is the node's.
    /// `None` when QEMU does not answer just now: it serves one client at a time.
    ///
    /// # Errors
    /// When libvirt does not answer.
    pub fn run_state(&self, directory: &Path) -> Result<Option<String>> {
        match self {
            Self::Qemu(_) => {
                let answer = qmp::execute(directory, "query-status", PATIENCE).ok();
                Ok(answer.and_then(|answer| Some(qmp::run_state(&answer)?.to_owned())))
            }
            Self::Libvirt(domain) => domain.run_state(),
        }
    }

    /// The processor time that it has used; `None` where that is not known.
    pub fn cpu_time(&self) -> Option<Duration> {
        match self {
            Self::Qemu(process) => process.cpu_time(),
            Self::Libvirt(domain) => domain.cpu_time(),
        }
    }

    /// Presses its power button; `directory` is the node's.
    ///
    /// # Errors
    /// Why it cannot be pressed.
    pub fn press_power(&self, directory: &Path) -> Result<()> {
        match self {
            Self::Qemu(_) => {
                qemu::press_power(directory).map_err(|e| Error::environment(e.to_string()))
            }
            Self::Libvirt(domain) => domain.press_power(),
        }
    }

    /// Cuts its power.
    ///
    /// # Errors
    /// When what runs it does not answer.
    pub fn kill(&self) -> Result<()> {
        match self {
            Self::Qemu(process) => process.kill(),
            Self::Libvirt(domain) => domain.kill()?,
        }
        Ok(())
    }

    /// Cuts its power, and nothing but files in the node's directory is left of it.
    ///
    /// # Errors
    /// When what runs it does not answer.
    pub fn remove(&self) -> Result<()> {
        match self {
            Self::Qemu(process) => process.kill(),
            Self::Libvirt(domain) => domain.remove()?,
        }
        Ok(())
    }

    /// QEMU's process, where imgbuild started it.
    pub fn pid(&self) -> Option<i32> {
        match self {
            Self::Qemu(process) => Some(process.pid),
            Self::Libvirt(_) => None,
        }
    }
}

/// A lab's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Network {
    /// The keeper of a network namespace.
    Namespace(Process),
    /// A libvirt network.
    Libvirt(virsh::Network),
}

impl Network {
    /// Whether it is up.
    ///
    /// # Errors
    /// When what keeps it does not report it.
    pub fn alive(&self) -> Result<bool> {
        match self {
            Self::Namespace(keeper) => Ok(keeper.alive()),
            Self::Libvirt(network) => network.alive(),
        }
    }

    /// Takes it down.
    ///
    /// # Errors
    /// When what keeps it does not answer.
    pub fn remove(&self) -> Result<()> {
        match self {
            Self::Namespace(keeper) => {
                keeper.signal(Signal::TERM);
                if !keeper.wait(Duration::from_secs(5)) {
                    keeper.kill();
                }
            }
            Self::Libvirt(network) => network.remove()?,
        }
        Ok(())
    }

    /// The keeper, where it is a namespace.
    pub fn keeper(&self) -> Option<&Process> {
        match self {
            Self::Namespace(keeper) => Some(keeper),
            Self::Libvirt(_) => None,
        }
    }
}
