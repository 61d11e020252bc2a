//! The machine that `%pre` scripts find: that of the profile, as far as files of the kernel and of
//! an installer tell. Its disks are empty files.

use crate::base::error::{Context, Result};
use crate::base::lab::LabMachine;
use crate::layout::disk_name;
use crate::tree::sandbox::{MachineContent, MachineFile};
use std::fmt::Write;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What an installer that starts from a medium has on its kernel's command line.
const COMMAND_LINE: &str = "BOOT_IMAGE=vmlinuz initrd=initrd.img inst.ks=file:/run/install/ks.cfg \
                            inst.repo=hd:LABEL=CentOS\\x207\\x20x86_64 quiet";
/// Consoles that scripts open and talk to; nobody answers there.
const CONSOLES: [&str; 8] = ["console", "tty1", "tty2", "tty3", "tty4", "tty5", "tty6", "tty7"];
/// The major number of virtio disks.
const MAJOR: u32 = 252;
/// Bytes of a sector.
const SECTOR: u64 = 512;

/// Describes `machine` with the kernel's further `arguments` and a kickstart of this `text`; its
/// disks are created in `directory`.
///
/// # Errors
/// A build error when they cannot be.
pub fn describe(
    machine: &LabMachine,
    arguments: &str,
    text: &str,
    directory: &Path,
) -> Result<Vec<MachineFile>> {
    let command_line = format!("{COMMAND_LINE} {arguments}");
    let mut files = vec![
        file("/proc/cmdline", format!("{}\n", command_line.trim_end())),
        file("/proc/cpuinfo", processors(machine.cpus)),
        file("/proc/meminfo", memory(machine.memory / 1024)),
        file("/run/install/ks.cfg", text.to_owned()),
    ];
    let console = |name: &&str| link(&format!("/dev/{name}"), "null".to_owned());
    files.extend(CONSOLES.iter().map(console));
    let mut partitions = "major minor  #blocks  name\n\n".to_owned();
    for (name, index, size) in disks(machine) {
        let place = directory.join(&name);
        let create = || {
            File::create_new(&place)?.set_len(size)?;
            // Whoever root inside is; nobody else gets to the directory.
            fs::set_permissions(&place, Permissions::from_mode(0o666))
        };
        create().or_build(|| format!("cannot create {}", place.display()))?;
        files.push(MachineFile {
            path: format!("/dev/{name}"),
            content: MachineContent::Disk(place),
        });
        files.extend(describe_disk(&name, index, size));
        // Writing to a String cannot fail.
        let _ = writeln!(partitions, "{MAJOR:4} {:8} {:10} {name}", index * 16, size / 1024);
    }
    files.push(file("/proc/partitions", partitions));
    Ok(files)
}

/// The disks by name, number and size in bytes.
fn disks(machine: &LabMachine) -> Vec<(String, u32, u64)> {
    let sizes = machine.disks().zip(0..);
    sizes.map(|(size, index)| (disk_name(index as usize), index, size)).collect()
}

/// What the kernel has of a disk below /sys, and udev below /dev/disk.
fn describe_disk(name: &str, index: u32, size: u64) -> Vec<MachineFile> {
    let slot = format!("0000:00:{:02x}.0", index + 4);
    let device = format!("devices/pci0000:00/{slot}/virtio{index}/block/{name}");
    let numbers = format!("{MAJOR}:{}", index * 16);
    let mut files: Vec<MachineFile> = [
        ("dev", numbers.clone()),
        ("size", (size / SECTOR).to_string()),
        ("removable", "0".to_owned()),
        ("ro", "0".to_owned()),
        ("range", "16".to_owned()),
        ("device/vendor", "0x1af4".to_owned()),
        ("queue/logical_block_size", SECTOR.to_string()),
        ("queue/physical_block_size", SECTOR.to_string()),
        ("queue/hw_sector_size", SECTOR.to_string()),
        ("queue/rotational", "1".to_owned()),
        ("queue/minimum_io_size", SECTOR.to_string()),
        ("queue/optimal_io_size", "0".to_owned()),
        ("alignment_offset", "0".to_owned()),
    ]
    .map(|(key, value)| file(&format!("/sys/{device}/{key}"), format!("{value}\n")))
    .into();
    files.extend([
        link(&format!("/sys/block/{name}"), format!("../{device}")),
        link(&format!("/sys/class/block/{name}"), format!("../../{device}")),
        link(&format!("/sys/dev/block/{numbers}"), format!("../../{device}")),
        link(&format!("/dev/disk/by-path/pci-{slot}"), format!("../../{name}")),
    ]);
    files
}

fn processors(count: u32) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        // Writing to a String cannot fail.
        let _ =
            write!(text, "processor\t: {number}\nmodel name\t: virtual\ncpu cores\t: {count}\n\n");
        text
    })
}

/// An empty machine of this much memory.
fn memory(kib: u64) -> String {
    let used = [("MemTotal", kib), ("MemFree", kib), ("MemAvailable", kib)];
    let none = ["Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree", "Shmem", "Slab"];
    let all = used.into_iter().chain(none.map(|name| (name, 0)));
    all.map(|(name, kib)| format!("{:<15} {kib:>8} kB\n", format!("{name}:"))).collect()
}

fn file(path: &str, text: String) -> MachineFile {
    MachineFile { path: path.to_owned(), content: MachineContent::Text(text) }
}

fn link(path: &str, target: String) -> MachineFile {
    MachineFile { path: path.to_owned(), content: MachineContent::Link(target) }
}
