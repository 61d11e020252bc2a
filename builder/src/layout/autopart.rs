//! `autopart`, `reqpart` and sizes of swap, as Anaconda 21 (EL7) chooses them.

use crate::kickstart::{
    Autopart, Filesystem, LogicalVolume, Partition, Scheme, Size, Storage, Target, VolumeGroup,
};

/// MiB of the platform's partitions.
const BIOS_BOOT: u64 = 1;
const EFI: u64 = 200;
const BOOT: u64 = 1024;
/// `/` and `/home` begin so, in MiB; `/` ends at 50 GiB.
const ROOT: u64 = 1024;
const ROOT_MOST: u64 = 50 * 1024;
const HOME: u64 = 500;
/// `/home` is made apart on disks with this much free, in MiB.
const HOME_FROM: u64 = 50 * 1024;
/// The product's name is the group's.
const GROUP: &str = "centos";
const MEMBER: &str = "pv.autopart";

/// The storage commands with `autopart` and `reqpart` written out, for a disk of `disk` and a
/// memory of `memory` MiB.
pub fn expand(storage: &Storage, disk: u64, memory: u64) -> Storage {
    let mut out = storage.clone();
    if let Some(reqpart) = out.reqpart.take() {
        platform(&mut out, reqpart.line, reqpart.boot, None);
    }
    if let Some(auto) = out.autopart.take() {
        platform(&mut out, auto.line, true, auto.kind.as_deref());
        automatic(&mut out, &auto, disk, memory);
    }
    out
}

fn partition(line: usize, target: Target, size: Size, kind: Option<&str>) -> Partition {
    let filesystem = Filesystem { kind: kind.map(str::to_owned), ..Filesystem::default() };
    let (disk, as_primary, active) = (None, false, false);
    Partition { line, target, size, filesystem, disk, as_primary, active }
}

fn fixed(mib: u64) -> Size {
    Size { least: Some(mib), ..Size::default() }
}

fn growing(least: u64, most: Option<u64>) -> Size {
    Size { least: Some(least), most, grow: true, ..Size::default() }
}

/// What the platform needs to start, unless it is asked for already.
fn platform(out: &mut Storage, line: usize, boot: bool, kind: Option<&str>) {
    let mut wanted = vec![
        (Target::BiosBoot, BIOS_BOOT, Some("biosboot")),
        (Target::Mount("/boot/efi".into()), EFI, Some("efi")),
    ];
    if boot {
        wanted.push((Target::Mount("/boot".into()), BOOT, kind));
    }
    for (target, size, kind) in wanted {
        if !out.partitions.iter().any(|p| p.target == target) {
            out.partitions.push(partition(line, target, fixed(size), kind));
        }
    }
}

fn automatic(out: &mut Storage, auto: &Autopart, disk: u64, memory: u64) {
    let line = auto.line;
    let kind = auto.kind.as_deref();
    // A tenth of the disk at most.
    let swap = swap(memory, false).min(disk / 10).max(1);
    let home = (!auto.no_home && disk >= HOME_FROM)
        .then(|| (Target::Mount("/home".into()), growing(HOME, None), "home"));
    let root = growing(ROOT, Some(ROOT_MOST));
    // Without a /home, / has all there is.
    let root = if home.is_some() { root } else { Size { most: None, ..root } };
    let wanted = [
        Some((Target::Mount("/".into()), root, "root")),
        home,
        Some((Target::Swap, fixed(swap), "swap")),
    ];
    for (target, size, name) in wanted.into_iter().flatten() {
        let kind = kind.filter(|_| target != Target::Swap);
        if auto.scheme == Scheme::Plain {
            out.partitions.push(partition(line, target, size, kind));
        } else {
            let filesystem = Filesystem { kind: kind.map(str::to_owned), ..Filesystem::default() };
            let (group, name) = (GROUP.to_owned(), name.to_owned());
            out.logical_volumes.push(LogicalVolume { line, target, group, name, size, filesystem });
        }
    }
    if auto.scheme != Scheme::Plain {
        let member = Target::PhysicalVolume(MEMBER.into());
        out.partitions.push(partition(line, member, growing(1, None), None));
        out.volume_groups.push(VolumeGroup {
            line,
            name: GROUP.into(),
            members: vec![MEMBER.into()],
            extent: None,
            reserved: None,
            reserved_percent: None,
        });
    }
}

/// MiB of swap for a memory of `memory` MiB (RHEL 7 Installation Guide, "Recommended
/// Partitioning Scheme").
pub fn swap(memory: u64, hibernation: bool) -> u64 {
    const GIB: u64 = 1024;
    match (memory / GIB, hibernation) {
        (0..2, false) => memory * 2,
        (0..2, true) => memory * 3,
        (2..8, false) => memory,
        (2..8, true) => memory * 2,
        (8..64, false) => memory / 2,
        (8..64, true) => memory + memory / 2,
        _ => 4 * GIB,
    }
}
