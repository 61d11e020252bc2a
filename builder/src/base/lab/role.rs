//! What the nodes of a role are to be.

use std::collections::BTreeMap;

/// The (virtual) machine of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabMachine {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in bytes, whole MiB.
    pub memory: u64,
    /// Disk size in bytes, whole MiB.
    pub disk: u64,
}

/// Units (without `.service`) and their wanted state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Enabled at boot.
    pub enabled: Vec<String>,
    /// Not started at boot; need not be installed.
    pub disabled: Vec<String>,
}

impl Services {
    /// Whether it says anything of `unit`.
    pub fn names(&self, unit: &str) -> bool {
        self.enabled.iter().chain(&self.disabled).any(|named| named == unit)
    }
}

/// What a role does for OpenStack beyond its services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenStack {
    /// The Open vSwitch bridge that takes over the node's address.
    pub bridge: Option<String>,
    /// packstack, on the node that runs it.
    pub packstack: Option<Packstack>,
}

/// How packstack is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packstack {
    /// Whether the controller runs guests as well.
    pub compute_on_controller: bool,
    /// A program on the node in packstack's place, such as a test double.
    pub program: Option<String>,
    /// Keys of the answer file with legal values; they go before the lab's own.
    pub answers: BTreeMap<String, String>,
}
