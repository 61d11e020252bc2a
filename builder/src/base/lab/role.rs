//! What the nodes of a role are to be.

use super::install_disk::InstallDisk;
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
    /// Sizes of its further disks in bytes, whole MiB.
    pub more_disks: Vec<u64>,
    /// What starts it; the kickstart decides where absent.
    pub boot: Option<BootMode>,
    /// The disk that an installer writes to.
    pub install_disk: InstallDisk,
}

impl LabMachine {
    /// Sizes of all its disks in bytes.
    pub fn disks(&self) -> impl Iterator<Item = u64> {
        [self.disk].into_iter().chain(self.more_disks.iter().copied())
    }
}

/// The firmware that a disk starts under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootMode {
    /// BIOS only.
    Bios,
    /// UEFI only.
    Uefi,
    /// Either.
    Both,
}

impl BootMode {
    /// Every one, as a profile spells them.
    pub const NAMES: [(&'static str, Self); 3] =
        [("bios", Self::Bios), ("uefi", Self::Uefi), ("both", Self::Both)];

    /// Whether BIOS is among it.
    pub fn has_bios(self) -> bool {
        self != Self::Uefi
    }

    /// Whether UEFI is among it.
    pub fn has_uefi(self) -> bool {
        self != Self::Bios
    }

    /// As in a profile.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
            Self::Both => "both",
        }
    }
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
