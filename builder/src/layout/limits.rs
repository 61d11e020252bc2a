//! What of a kickstart's storage commands a layout cannot hold: the one place that
//! says so. A line refused here is refused in the compatibility report, and a build
//! stops at it.

use crate::kickstart::{Partition, Storage, Target};
use crate::problem::Problem;
use crate::profile::{Machine, show_size};

/// GRUB's core image with ext4 and GPT takes about 60 KiB; partitions are whole MiB.
const MIN_BIOS_BOOT: u64 = 1;
/// FAT32 begins above 65525 clusters; 34 MiB with 512-byte clusters, so 40.
const MIN_EFI: u64 = 40;
/// A node with OpenStack's packages takes about 2 GiB.
const MIN_ROOT: u64 = 2048;
/// GPT at both ends, and the first partition's alignment.
const TABLE: u64 = 2;

/// Lines (of the file) that no layout can hold yet, each with the reason and what to do.
pub fn refusals(storage: &Storage) -> Vec<(usize, String)> {
    let mut refusals = Vec::new();
    for (index, part) in storage.partitions.iter().enumerate() {
        let before = &storage.partitions[..index];
        refusals.extend(refusal(part, before).map(|why| (part.line, why)));
    }
    let plain = "an image holds plain partitions only: write `part biosboot`, `part /boot/efi` \
                 and `part /`";
    let groups = storage.volume_groups.iter().map(|g| g.line);
    let volumes = storage.logical_volumes.iter().map(|v| v.line);
    let lines = groups.chain(volumes).chain(storage.autopart.iter().map(|a| a.line));
    refusals.extend(lines.map(|line| (line, plain.to_owned())));
    if let Some(reqpart) = storage.reqpart.as_ref().filter(|r| r.boot) {
        let why = "a separate /boot is not made in images: write reqpart without --add-boot";
        refusals.push((reqpart.line, why.into()));
    }
    refusals
}

fn refusal(part: &Partition, before: &[Partition]) -> Option<String> {
    let name = part.target.as_str();
    let (kinds, features): (&[&str], _) = match (&part.target, name) {
        (Target::BiosBoot, _) => (&["biosboot"], false),
        (Target::Mount(_), "/boot/efi") => (&["efi", "vfat"], true),
        (Target::Mount(_), "/") => (&["ext4"], true),
        (target, _) => return Some(unknown(target)),
    };
    if before.iter().any(|p| p.target == part.target) {
        return Some(format!("{name} is there already"));
    }
    let disks = before.iter().filter_map(|p| p.disk.as_ref());
    if let Some(other) = disks.into_iter().find(|d| part.disk.as_ref().is_some_and(|e| e != *d)) {
        return Some(format!("an image is one disk, and {other} is named already"));
    }
    let files = &part.filesystem;
    if let Some(kind) = files.kind.as_deref().filter(|kind| !kinds.contains(kind)) {
        return Some(format!(
            "{name} as {kind} is not made in images: write --fstype={}",
            kinds[0]
        ));
    }
    if !features && (files.label.is_some() || files.options.is_some()) {
        return Some("biosboot has no label and no options: it holds GRUB's code".into());
    }
    if files.mkfs.is_some() || files.profile.is_some() {
        return Some("the filesystem's features are those that EL7 reads".into());
    }
    if part.size.recommended || part.size.hibernation {
        return Some("give the size with --size".into());
    }
    (part.size.grow && name != "/").then(|| "only / can grow: leave --grow out here".into())
}

fn unknown(target: &Target) -> String {
    let why = match target {
        Target::Swap => {
            "swap is not made in images yet: leave it out, or make a swap file in %post"
        }
        Target::PhysicalVolume(_) | Target::Raid(_) | Target::Btrfs(_) => {
            "an image holds plain partitions only"
        }
        Target::Mount(path) if path == "/boot" => {
            "a separate /boot is not made in images: GRUB reads the kernels from /"
        }
        Target::Mount(_) => "only /, /boot/efi and biosboot are made in images: leave it to /",
        Target::BiosBoot | Target::Other(_) => "it belongs to another kind of machine",
    };
    format!("{}: {why}", target.as_str())
}

/// What the layout of a kickstart without refused lines lacks, for a machine.
pub fn shortcomings(storage: &Storage, file: &str, machine: Option<&Machine>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let required = storage.reqpart.is_some();
    for (name, least, example) in [
        ("biosboot", MIN_BIOS_BOOT, "--fstype=biosboot --size=2"),
        ("/boot/efi", MIN_EFI, "--fstype=efi --size=200"),
        ("/", MIN_ROOT, "--fstype=ext4 --size=4096 --grow"),
    ] {
        match storage.partitions.iter().find(|p| p.target.as_str() == name) {
            None if required && name != "/" => {}
            None => {
                let problem = Problem::whole(file, format!("part {name} is missing"));
                problems.push(problem.hint(format!("add: part {name} {example}")));
            }
            Some(part) if part.size.least.unwrap_or(0) < least => {
                let size = part.size.least.unwrap_or(0);
                let message = format!("part {name}: {size} MiB is too small");
                let hint = format!("give --size={least} or more (MiB)");
                problems.push(Problem::at(file, (part.line, 1), message).hint(hint));
            }
            Some(_) => {}
        }
    }
    problems.extend(machine.and_then(|machine| too_large(storage, file, machine)));
    problems
}

fn too_large(storage: &Storage, file: &str, machine: &Machine) -> Option<Problem> {
    let last = storage.partitions.last()?;
    let sizes = storage.partitions.iter().filter_map(|p| p.size.least);
    let total = sizes.sum::<u64>() + TABLE;
    let (need, have) = (show_size(total << 20), show_size(machine.disk));
    (total << 20 > machine.disk).then(|| {
        let message = format!("the partitions need {need}, the disk has {have}");
        let hint = "make `disk` larger in the role's profile, or --size smaller";
        Problem::at(file, (last.line, 1), message).hint(hint)
    })
}
