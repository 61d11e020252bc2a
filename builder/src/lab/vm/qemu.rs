//! One machine in plain QEMU: its command line, its start, its power button.

use super::directory::{LOG, OVERLAY, SERIAL, overlay};
use super::images::Machine;
use super::network::{self, Namespace};
use super::options::Firmware;
use super::process::Process;
use super::processor::{TCG, cpu};
use super::qmp;
use crate::base::error::{Context, Error, Result};
use crate::base::programs::{self, ProgramError};
use formats::qcow2::{self, Backing};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const PID: &str = "pid";
/// How long QEMU may take to answer when its power button is pressed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Places of UEFI's code and variables on Debian, Fedora and SUSE.
const FIRMWARE: [(&str, &str); 3] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
];

/// How a machine is to be started.
pub struct Start<'a> {
    /// The program.
    pub qemu: &'a Path,
    /// The machine.
    pub machine: &'a Machine,
    /// The node's directory, absolute.
    pub directory: &'a Path,
    /// The process that holds the lab network.
    pub keeper: Option<&'a Process>,
    /// `kvm` or `tcg`.
    pub accelerator: &'a str,
    /// Memory in bytes.
    pub memory: u64,
    /// Firmware.
    pub firmware: Firmware,
}

/// Creates the node's disks, unless they exist: overlays, so that the images stay as built.
///
/// # Errors
/// A build error when one cannot be written.
pub fn make_disks(machine: &Machine, directory: &Path) -> Result<()> {
    let first = [(OVERLAY.to_owned(), &machine.image, machine.disk)].into_iter();
    let further = machine.further.iter().map(|d| (overlay(&d.name), &d.image, d.size));
    for (file, image, size) in first.chain(further) {
        let path = directory.join(file);
        if path.exists() {
            continue;
        }
        let what = || format!("cannot write {}", path.display());
        let name = image
            .to_str()
            .ok_or_else(|| Error::input(format!("{}: its name is not UTF-8", image.display())))?;
        let temporary = tempfile::NamedTempFile::new_in(directory).or_build(what)?;
        let backing = Backing { name, format: machine.format };
        qcow2::overlay(temporary.as_file(), size, backing).or_build(what)?;
        temporary.persist(&path).or_build(what)?;
    }
    Ok(())
}

/// Starts the machine in the lab network and returns its process.
///
/// # Errors
/// An environment error with QEMU's message.
pub fn start(options: &Start<'_>) -> Result<Process> {
    let Start { directory, machine, .. } = options;
    network::add_tap(options.keeper, machine.address)?;
    for stale in [SERIAL, qmp::SOCKET, PID] {
        let _ = fs::remove_file(directory.join(stale));
    }
    let mut command = Namespace::of(options.keeper)?.command(options.qemu);
    command.args(arguments(options)?).current_dir(directory).stdin(Stdio::null());
    match programs::run(&mut command) {
        Ok(_) => {}
        Err(ProgramError::Failed { status, message }) => {
            return Err(Error::environment(format!(
                "{}: QEMU ended with {status}: {message}",
                machine.name
            )));
        }
        Err(e) => {
            return Err(e).or_environment(|| format!("cannot start {}", options.qemu.display()));
        }
    }
    let pid = fs::read_to_string(directory.join(PID)).ok().and_then(|p| p.trim().parse().ok());
    pid.and_then(Process::of)
        .ok_or_else(|| Error::environment(format!("{}: QEMU ended at once", machine.name)))
}

fn arguments(options: &Start<'_>) -> Result<Vec<OsString>> {
    let Start { machine, directory, accelerator, .. } = options;
    // A second emulated processor costs more than it gives.
    let cpu = cpu(accelerator);
    let (accelerator, cpus) = match *accelerator {
        TCG => ("tcg,thread=multi,tb-size=256", 1),
        other => (other, machine.cpus),
    };
    let mut arguments: Vec<String> = vec!["-name".into(), machine.name.clone()];
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|w| (*w).to_owned()));
    add(&["-accel", accelerator, "-cpu", cpu, "-smp", &cpus.to_string()]);
    add(&["-m", &(options.memory >> 20).to_string(), "-nodefaults", "-display", "none"]);
    add(&["-daemonize", "-pidfile", PID, "-D", LOG]);
    // QEMU works in the node's directory: these are names in it, short enough for sockets.
    let further = machine.further.iter().map(|disk| overlay(&disk.name));
    for file in [OVERLAY.to_owned()].into_iter().chain(further) {
        add(&["-drive", &format!("file={file},format=qcow2,if=virtio,discard=unmap")]);
    }
    let tap = network::tap(machine.address);
    add(&["-netdev", &format!("tap,id=lab,ifname={tap},script=no,downscript=no")]);
    add(&["-device", &format!("virtio-net-pci,netdev=lab,mac={}", machine.mac)]);
    add(&["-device", "virtio-rng-pci"]);
    add(&[
        "-chardev",
        &format!(
            "socket,id=serial,path={SERIAL},server=on,wait=off,logfile=console.log,logappend=on"
        ),
        "-serial",
        "chardev:serial",
    ]);
    add(&["-qmp", &format!("unix:{},server=on,wait=off", qmp::SOCKET)]);
    match options.firmware {
        Firmware::Bios => add(&["-M", "pc"]),
        Firmware::Uefi => {
            let (code, variables) =
                FIRMWARE.iter().find(|(code, _)| Path::new(code).exists()).ok_or_else(|| {
                    Error::environment("UEFI firmware for virtual machines is not installed").hint(
                        "install OVMF (Debian: ovmf, Fedora: edk2-ovmf), or use --firmware bios",
                    )
                })?;
            let own = directory.join("variables.fd");
            if !own.exists() {
                fs::copy(variables, &own).or_environment(|| format!("cannot copy {variables}"))?;
            }
            add(&["-M", "q35"]);
            add(&["-drive", &format!("if=pflash,format=raw,readonly=on,file={code}")]);
            add(&["-drive", "if=pflash,format=raw,file=variables.fd"]);
        }
    }
    Ok(arguments.into_iter().map(OsString::from).collect())
}

/// Presses the machine's power button (ACPI).
///
/// # Errors
/// When QEMU does not answer.
pub fn press_power(directory: &Path) -> io::Result<()> {
    qmp::execute(directory, "system_powerdown", PATIENCE).map(drop)
}
