//! What of a kickstart's storage commands a layout cannot hold: the one place that
//! says so. A line refused here is refused in the compatibility report, and a build
//! stops at it.

use super::arrange::{arrange, format_of};
use super::autopart::expand;
use super::{Format, MIB};
use crate::kickstart::{Filesystem, Scheme, Storage, Target};
use crate::problem::Problem;
use crate::spec::Machine;
use std::collections::HashMap;

/// GRUB's core image with the modules for XFS takes about 60 KiB; partitions are whole MiB.
const MIN_BIOS_BOOT: u64 = 1;
/// FAT32 begins above 65525 clusters; 34 MiB with 512-byte clusters, so 40.
const MIN_EFI: u64 = 40;
/// Anaconda's own least.
const MIN_ROOT: u64 = 250;
/// A kernel with its initramfs for any machine takes about 40 MiB; two must fit for an update.
const MIN_BOOT: u64 = 100;
/// Folders that belong to the root filesystem (Anaconda, `sanityCheck`).
const ON_ROOT: [&str; 13] = [
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/lost+found",
    "/mnt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/sysroot",
];

/// Lines (of the file) that no layout can hold, each with the reason and what to do.
pub fn refusals(storage: &Storage) -> Vec<(usize, String)> {
    let mut refusals = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let places = storage.partitions.iter().map(|p| (p.line, &p.target, &p.filesystem, false));
    let volumes = storage.logical_volumes.iter().map(|v| (v.line, &v.target, &v.filesystem, true));
    for (line, target, filesystem, is_volume) in places.chain(volumes) {
        let name = target.as_str();
        if let Some(first) = seen.insert(name, line).filter(|_| *target != Target::Swap) {
            refusals.push((line, format!("{name} is there already, at line {first}")));
            continue;
        }
        refusals.extend(place(target, filesystem, is_volume).map(|why| (line, why)));
    }
    refusals.extend(one_disk(storage));
    refusals.extend(sizes(storage));
    refusals.extend(groups(storage));
    if let Some(auto) = &storage.autopart {
        let kind = auto.kind.as_deref().filter(|k| !["ext4", "xfs"].contains(k));
        let why = match (auto.scheme, kind) {
            (Scheme::Btrfs, _) => Some("Btrfs is not made in images: --type=lvm or plain".into()),
            (Scheme::ThinLvm, _) => {
                Some("thin volumes are not made in images: --type=lvm or plain".into())
            }
            (_, Some(kind)) => Some(unknown_kind(kind)),
            _ => None,
        };
        refusals.extend(why.map(|why| (auto.line, why)));
    }
    refusals
}

fn unknown_kind(kind: &str) -> String {
    format!("{kind} is not made in images: write --fstype=xfs or ext4")
}

/// Why nothing like this can be made.
fn place(target: &Target, files: &Filesystem, is_volume: bool) -> Option<String> {
    let name = target.as_str();
    if files.mkfs.is_some() || files.profile.is_some() {
        return Some("the filesystem's features are those that EL7 reads".into());
    }
    let kind = files.kind.as_deref();
    let (kinds, label): (&[&str], usize) = match target {
        Target::BiosBoot => (&["biosboot"], 0),
        Target::PhysicalVolume(_) => (&["lvmpv"], 0),
        Target::Swap => (&["swap"], 16),
        Target::Mount(path) => match path.as_str() {
            "/boot/efi" => (&["efi", "vfat"], 11),
            path if ON_ROOT.contains(&path) => {
                return Some(format!("{path} belongs to the root filesystem"));
            }
            path if path == "/boot" && is_volume => {
                return Some("/boot cannot be a logical volume: write `part /boot`".into());
            }
            path if format_of(path, kind) == Format::Ext4 => (&["ext4"], 16),
            _ => (&["xfs", "ext4"], 12),
        },
        Target::Raid(_) | Target::Btrfs(_) => {
            return Some(format!("{name}: an image is one disk, without RAID and Btrfs"));
        }
        Target::Other(_) => {
            return Some(format!("{name} is neither a mount point nor `swap`"));
        }
    };
    if is_volume && matches!(name, "biosboot" | "/boot/efi") {
        return Some(format!("{name} cannot be a logical volume: write `part {name}`"));
    }
    if let Some(kind) = kind.filter(|kind| !kinds.contains(kind)) {
        return Some(match target {
            Target::Mount(path) if path != "/boot/efi" => unknown_kind(kind),
            _ => format!("{name} as {kind} is not made in images: write --fstype={}", kinds[0]),
        });
    }
    if let Some(text) = files.label.as_deref().filter(|text| text.len() > label) {
        return Some(match label {
            0 => format!("{name} has no filesystem, so no label"),
            _ => format!("the label `{text}` has more than {label} bytes"),
        });
    }
    let options = files.options.as_deref().unwrap_or_default();
    if label == 0 && !options.is_empty() {
        return Some(format!("{name} has no filesystem, so no mount options"));
    }
    let broken = options.contains(|c: char| c.is_whitespace() || c.is_control());
    broken.then(|| "--fsoptions is one word: options joined by commas".to_owned())
}

/// An image is one disk.
fn one_disk(storage: &Storage) -> Option<(usize, String)> {
    let loader = storage.boot_drive.iter().map(|(line, disk)| (*line, disk.as_str()));
    let named = storage.partitions.iter().filter_map(|p| Some((p.line, p.disk.as_deref()?)));
    let mut named = named.chain(loader);
    let (_, first) = named.next()?;
    let (line, other) = named.find(|(_, disk)| *disk != first)?;
    Some((line, format!("an image is one disk: {first} is named already, and now {other}")))
}

/// Options for sizes that contradict what they are for.
fn sizes(storage: &Storage) -> Vec<(usize, String)> {
    let partitions = storage.partitions.iter().map(|p| (p.line, &p.target, &p.size));
    let volumes = storage.logical_volumes.iter().map(|v| (v.line, &v.target, &v.size));
    let judge = |(line, target, size): (usize, &Target, &crate::kickstart::Size)| {
        let chosen = size.recommended || size.hibernation;
        let why = if chosen && *target != Target::Swap {
            "--recommended and --hibernation are for swap: give --size"
        } else if chosen && (size.least.is_some() || size.grow || size.percent.is_some()) {
            "--recommended chooses the size: leave --size, --grow and --percent out"
        } else if size.grow && *target == Target::BiosBoot {
            "biosboot holds GRUB's code and gains nothing by --grow"
        } else if size.most.is_some() && !size.grow && size.percent.is_none() {
            "--maxsize is the end of growing: add --grow, or leave it out"
        } else if size.least.is_none() && !chosen && size.percent.is_none() {
            "it has no size: give --size in MiB"
        } else {
            return None;
        };
        Some((line, format!("{}: {why}", target.as_str())))
    };
    partitions.chain(volumes).filter_map(judge).collect()
}

/// Volume groups and what refers to them.
fn groups(storage: &Storage) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for (index, group) in storage.volume_groups.iter().enumerate() {
        let name = &group.name;
        if storage.volume_groups[..index].iter().any(|g| g.name == *name) {
            found.push((group.line, format!("volume group {name} is there already")));
        }
        if !lvm_name(name) {
            found.push((group.line, format!("`{name}` is no name for a volume group")));
        }
        // LVM's own bounds; the format wants a power of two.
        if group.extent.is_some_and(|kib| !kib.is_power_of_two() || !(4..=1 << 22).contains(&kib)) {
            found.push((group.line, "--pesize is a power of two in KiB, at least 4".into()));
        }
        for member in &group.members {
            let there = storage.partitions.iter().any(|p| p.target.as_str() == member);
            if !there {
                found.push((group.line, format!("{member} is nowhere: add `part {member}`")));
            }
            if let Some(other) = owners.insert(member, name) {
                found.push((group.line, format!("{member} belongs to {other} already")));
            }
        }
    }
    for part in &storage.partitions {
        let member = part.target.as_str();
        if matches!(part.target, Target::PhysicalVolume(_)) && !owners.contains_key(member) {
            let why = format!("{member} is in no volume group: add `volgroup NAME {member}`");
            found.push((part.line, why));
        }
    }
    for (index, volume) in storage.logical_volumes.iter().enumerate() {
        let (group, name) = (&volume.group, &volume.name);
        let same = |v: &crate::kickstart::LogicalVolume| v.group == *group && v.name == *name;
        if storage.logical_volumes[..index].iter().any(same) {
            found.push((volume.line, format!("{group} has a volume {name} already")));
        }
        if !storage.volume_groups.iter().any(|g| g.name == *group) {
            found.push((volume.line, format!("there is no volume group `{group}`: add volgroup")));
        }
        if !lvm_name(name) {
            found.push((volume.line, format!("`{name}` is no name for a logical volume")));
        }
        let shares = storage.logical_volumes[..=index].iter().filter(|v| v.group == *group);
        let percent: u64 = shares.filter_map(|v| v.size.percent).map(u64::from).sum();
        if volume.size.percent.is_some() && percent > 100 {
            let why = format!("--percent adds up to {percent} in {group}: 100 is all that is free");
            found.push((volume.line, why));
        }
    }
    found
}

/// Names that LVM takes (lvm(8), "Valid names"), short enough for what follows from them.
fn lvm_name(name: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"+_.-".contains(&b);
    let reserved = ["snapshot", "pvmove"].iter().any(|r| name.starts_with(r));
    (1..=100).contains(&name.len())
        && name.bytes().all(ok)
        && !name.starts_with('-')
        && ![".", ".."].contains(&name)
        && !reserved
}

/// What the layout of a kickstart without refused lines lacks, for a machine.
pub fn shortcomings(storage: &Storage, file: &str, machine: Option<&Machine>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let whole = expand(storage, u64::MAX, 1024);
    for (name, least, example) in [
        ("biosboot", MIN_BIOS_BOOT, "part biosboot --fstype=biosboot --size=2"),
        ("/boot/efi", MIN_EFI, "part /boot/efi --fstype=efi --size=200"),
        ("/", MIN_ROOT, "part / --fstype=ext4 --size=4096 --grow"),
        ("/boot", MIN_BOOT, ""),
    ] {
        let partitions = whole.partitions.iter().map(|p| (p.line, &p.target, &p.size));
        let volumes = whole.logical_volumes.iter().map(|v| (v.line, &v.target, &v.size));
        let found = partitions.chain(volumes).find(|(_, target, _)| target.as_str() == name);
        match found {
            None if name == "/boot" => {}
            None => {
                let problem = Problem::whole(file, format!("part {name} is missing"));
                let other = if name == "/" { "" } else { " (or reqpart)" };
                problems.push(problem.hint(format!("add: {example}{other}")));
            }
            Some((line, _, size)) if size.least.is_some_and(|size| size < least) => {
                let size = size.least.unwrap_or(0);
                let message = format!("part {name}: {size} MiB is too small");
                let hint = format!("give --size={least} or more (MiB)");
                problems.push(Problem::at(file, (line, 1), message).hint(hint));
            }
            Some(_) => {}
        }
    }
    let faults = |machine: &Machine| arrange(storage, machine.disk, machine.memory, "").err();
    let faults = machine.and_then(faults).into_iter().flatten();
    problems.extend(faults.map(|fault| fault.problem(file)));
    problems
}

/// Packages that the target needs for its filesystems; Anaconda adds them by itself as well.
pub fn packages(storage: &Storage) -> Vec<&'static str> {
    let whole = expand(storage, u64::MAX / MIB, 1024);
    let partitions = whole.partitions.iter().map(|p| (&p.target, &p.filesystem));
    let volumes = whole.logical_volumes.iter().map(|v| (&v.target, &v.filesystem));
    let is_xfs = |(target, files): (&Target, &Filesystem)| {
        matches!(target, Target::Mount(path)
            if format_of(path, files.kind.as_deref()) == Format::Xfs)
    };
    let mut found = Vec::new();
    if partitions.chain(volumes).any(is_xfs) {
        found.push("xfsprogs");
    }
    if !whole.volume_groups.is_empty() {
        found.push("lvm2");
    }
    found
}
