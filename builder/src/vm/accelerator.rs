//! Whether KVM works here. `/dev/kvm` can exist and hang every guest, so a guest of one
//! sector is really run.

use super::qemu;
use crate::error::{Context, Result};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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

/// How long the probe may take under KVM, where a guest answers in well under a second.
pub const LIMIT: Duration = Duration::from_secs(5);
/// The port of `isa-debug-exit`, and what the probe writes to it.
const PORT: u16 = 0x501;
const WORD: u8 = 0x15;

/// A boot sector that writes [`WORD`] to [`PORT`] and halts:
/// `mov dx, PORT; mov al, WORD; out dx, al; cli; hlt`.
fn boot_sector() -> [u8; 512] {
    let [low, high] = PORT.to_le_bytes();
    let mut sector = [0; 512];
    sector[..8].copy_from_slice(&[0xba, low, high, 0xb0, WORD, 0xee, 0xfa, 0xf4]);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

/// Whether a guest of QEMU's `program` answers within `limit` under the accelerator called `name`, and
/// if not, why.
///
/// # Errors
/// When the probe cannot be made.
pub fn works(
    program: &Path,
    name: &str,
    limit: Duration,
) -> Result<std::result::Result<(), String>> {
    if name == "kvm"
        && let Err(e) = fs::File::options().read(true).write(true).open("/dev/kvm")
    {
        return Ok(Err(format!("/dev/kvm: {e}")));
    }
    let what = || "cannot probe for KVM".to_owned();
    let mut disk = tempfile::NamedTempFile::new().or_environment(what)?;
    disk.write_all(&boot_sector()).or_environment(what)?;
    let mut child = Command::new(program)
        // The CPU that the machines get: QEMU's own may work where the host's does not.
        .args(["-accel", name, "-cpu", qemu::cpu(name)])
        .args(["-M", "pc", "-m", "16", "-nodefaults", "-display", "none"])
        .args(["-no-reboot", "-device", &format!("isa-debug-exit,iobase={PORT:#x},iosize=1")])
        .arg("-drive")
        .arg(format!("file={},format=raw,if=ide,snapshot=on", disk.path().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .or_environment(what)?;
    let started = Instant::now();
    loop {
        // isa-debug-exit ends QEMU with twice the word and one.
        match child.try_wait().or_environment(what)? {
            Some(status) if status.code() == Some(i32::from(WORD) * 2 + 1) => return Ok(Ok(())),
            Some(status) => return Ok(Err(format!("a guest could not be started ({status})"))),
            None if started.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(Err(format!("a guest hangs (no answer in {} s)", limit.as_secs())));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_guest_answers_in_emulation() {
        let qemu = Path::new("qemu-system-x86_64");
        let limit = Duration::from_secs(60);
        assert_eq!(works(qemu, "tcg", limit).unwrap(), Ok(()));
        assert!(works(qemu, "nonsense", limit).unwrap().is_err());
    }
}
