//! A host whose KVM only half works, by doubles of QEMU and virsh that are put before the real
//! ones in PATH. Their files' names here show what they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The real QEMU.
pub const REAL: &str = "/usr/bin/qemu-system-x86_64";
/// What the boot loader shows last, and a machine that KVM fails after it.
pub const LOADER: &str = "\r\n  Booting `CentOS Linux 7'\r\n\r\n";
/// QEMU's own message when KVM cannot go on (accel/kvm/kvm-all.c), shortened.
pub const MESSAGES: &str = "KVM internal error. Suberror: 1\n\
    extra data[0]: 0x0000000000000001\n\
    emulation failure\n\
    RAX=00000000ffffff46 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000\n";
/// A double of virsh, see there.
const VIRSH: &str = include_str!("virsh-half-kvm-double");

/// The file next to the double that names the node whose clock has lost the time.
const LATE: &str = "late";
/// How QEMU is asked for a clock that begins in 1970.
const EPOCH: [&str; 2] = ["-rtc", "base=1970-01-01T00:00:00"];

/// More arguments of the real QEMU for the machine `name`, by the doubles' directory.
pub fn clock(directory: &Path, name: &str) -> &'static [&'static str] {
    match fs::read_to_string(directory.join(LATE)) {
        Ok(late) if late == name => &EPOCH,
        _ => &[],
    }
}

/// How KVM fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// It runs a boot sector and no kernel, which the probe notices.
    BootSector,
    /// It runs the probe, and QEMU stops every machine.
    InternalError,
    /// It runs the probe, and every machine spins without output.
    Silent,
}

impl Variant {
    const NAMES: [(Self, &str); 3] = [
        (Self::BootSector, "boot-sector"),
        (Self::InternalError, "internal-error"),
        (Self::Silent, "silent"),
    ];

    /// The one that the file `variant` in the doubles' directory names.
    ///
    /// # Panics
    /// When it names none.
    pub fn read(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join("variant")).expect("the file `variant`");
        let known = Self::NAMES.iter().find(|(_, name)| *name == text);
        known.unwrap_or_else(|| panic!("the variant `{text}`")).0
    }
}

/// The directory with the doubles.
pub struct HalfKvm(PathBuf);

impl HalfKvm {
    /// Makes `directory`; `double` is the program `qemu_half_kvm_double`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(directory: PathBuf, double: &Path, variant: Variant) -> Self {
        fs::create_dir(&directory).expect("directory");
        fs::copy(double, directory.join("qemu-system-x86_64")).expect("the double");
        let this = Self(directory);
        this.fail_by(variant);
        this
    }

    /// Adds the double of virsh.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn add_virsh(&self) {
        let program = self.0.join("virsh");
        fs::write(&program, VIRSH).expect("the double");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
    }

    /// From now on KVM fails in this way.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn fail_by(&self, variant: Variant) {
        let (_, name) = Variant::NAMES.iter().find(|(v, _)| *v == variant).expect("a variant");
        fs::write(self.0.join("variant"), name).expect("the file `variant`");
    }

    /// From now on this node's clock begins in 1970 at every start, as with an empty battery.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn lose_time_of(&self, node: &str) {
        fs::write(self.0.join(LATE), node).expect("the file `late`");
    }

    /// The directory to be put before all others in PATH.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// The guests that QEMU was asked to run since the last call: `probe kvm`, `machine kvm nova01`.
    pub fn calls(&self) -> Vec<String> {
        let path = self.0.join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(&path);
        text.lines().map(str::to_owned).collect()
    }
}
