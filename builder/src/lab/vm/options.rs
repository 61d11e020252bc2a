//! The user's options for the machines.

use std::path::PathBuf;
use std::time::Duration;

/// What to bring up, and how.
pub struct Up {
    /// The directory of all labs' states.
    pub state: PathBuf,
    /// The cache, for what the lab's repositories are fetched to.
    pub cache: PathBuf,
    /// Output directories of builds.
    pub outputs: Vec<PathBuf>,
    /// Node names; empty for all.
    pub nodes: Vec<String>,
    /// Memory of each machine in bytes, in place of the profile's.
    pub memory: Option<u64>,
    /// What runs the machines.
    pub backend: Backend,
    /// How processors are run.
    pub accelerator: Accelerator,
    /// What starts the boot loader; the disk's usual one if absent.
    pub firmware: Option<Firmware>,
    /// How long firstboot may take.
    pub timeout: Duration,
}

/// What is to run the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// libvirt where it runs, else QEMU.
    Auto,
    /// libvirt, by virsh.
    Libvirt,
    /// Plain QEMU.
    Qemu,
}

/// How a machine's processor is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Accelerator {
    /// KVM where it really works, else emulation.
    Auto,
    /// The host's processor.
    Kvm,
    /// Emulated by QEMU.
    Tcg,
}

/// What starts a machine's boot loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Firmware {
    /// SeaBIOS.
    Bios,
    /// OVMF.
    Uefi,
}

impl Firmware {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
        }
    }
}
