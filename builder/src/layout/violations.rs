//! Storage commands that a layout does not support: the one place that decides. A line refused here
//! is refused in the compatibility report, and a build stops at it.

use super::group_violations::find_group_violations;
use super::model::Format;
use super::request::{
    Autopart, AutopartScheme, FilesystemRequest, SizeRequest, StorageRequest, Target,
};
use crate::base::diagnostic::Diagnostic;
use crate::base::place::Place;
use std::collections::HashMap;

/// Directories that belong to the root filesystem (Anaconda, `sanityCheck`).
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

/// What no layout can hold, each at its place with the reason and what to do.
pub fn find_violations(storage: &StorageRequest) -> Vec<Diagnostic> {
    let mut violations = find_target_violations(storage);
    violations.extend(find_second_disk(storage));
    violations.extend(find_size_violations(storage));
    violations.extend(find_group_violations(storage));
    violations.extend(storage.autopart.as_ref().and_then(find_autopart_violation));
    violations
}

fn find_target_violations(storage: &StorageRequest) -> Vec<Diagnostic> {
    let mut violations = Vec::new();
    let mut seen: HashMap<&str, &Place> = HashMap::new();
    let partitions = storage.partitions.iter().map(|p| (&p.place, &p.target, &p.filesystem, false));
    let volumes =
        storage.logical_volumes.iter().map(|v| (&v.place, &v.target, &v.filesystem, true));
    for (place, target, filesystem, is_volume) in partitions.chain(volumes) {
        let name = target.as_str();
        if let Some(first) = seen.insert(name, place).filter(|_| *target != Target::Swap) {
            let at = match first.file == place.file {
                true => format!("line {}", first.line),
                false => format!("{}:{}", first.file, first.line),
            };
            let why = format!("{name} already exists, at {at}");
            violations.push(Diagnostic::error(place.clone(), why));
            continue;
        }
        let why = find_target_violation(target, filesystem, is_volume);
        violations.extend(why.map(|why| Diagnostic::error(place.clone(), why)));
    }
    violations
}

fn find_autopart_violation(auto: &Autopart) -> Option<Diagnostic> {
    let kind = auto.kind.as_deref().filter(|k| !["ext4", "xfs"].contains(k));
    let why = match (auto.scheme, kind) {
        (AutopartScheme::Btrfs, _) => {
            "Btrfs is not supported in images: --type=lvm or plain".into()
        }
        (AutopartScheme::ThinLvm, _) => {
            "thin volumes are not supported in images: --type=lvm or plain".into()
        }
        (_, Some(kind)) => unknown_kind(kind),
        _ => return None,
    };
    Some(Diagnostic::error(auto.place.clone(), why))
}

fn unknown_kind(kind: &str) -> String {
    format!("{kind} is not supported in images: write --fstype=xfs or ext4")
}

/// Why nothing like this can be made.
fn find_target_violation(
    target: &Target,
    files: &FilesystemRequest,
    is_volume: bool,
) -> Option<String> {
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
            path if Format::of_mount(path, kind) == Format::Ext4 => (&["ext4"], 16),
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
            _ => {
                format!("{name} as {kind} is not supported in images: write --fstype={}", kinds[0])
            }
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
    let malformed = options.contains(|c: char| c.is_whitespace() || c.is_control());
    malformed.then(|| "--fsoptions is one word: options joined by commas".to_owned())
}

/// An image is one disk.
fn find_second_disk(storage: &StorageRequest) -> Option<Diagnostic> {
    let loader = storage.boot_drive.iter().map(|(place, disk)| (place, disk.as_str()));
    let named = storage.partitions.iter().filter_map(|p| Some((&p.place, p.disk.as_deref()?)));
    let mut named = named.chain(loader);
    let (_, first) = named.next()?;
    let (place, other) = named.find(|(_, disk)| *disk != first)?;
    let why = format!("an image is one disk: {first} is named already, and now {other}");
    Some(Diagnostic::error(place.clone(), why))
}

/// Options for sizes that contradict what they are for.
fn find_size_violations(storage: &StorageRequest) -> Vec<Diagnostic> {
    let partitions = storage.partitions.iter().map(|p| (&p.place, &p.target, &p.size));
    let volumes = storage.logical_volumes.iter().map(|v| (&v.place, &v.target, &v.size));
    let judge = |(place, target, size): (&Place, &Target, &SizeRequest)| {
        let chosen = size.recommended || size.hibernation;
        let why = if chosen && *target != Target::Swap {
            "--recommended and --hibernation are for swap: give --size"
        } else if chosen && (size.min_mib.is_some() || size.grow || size.percent.is_some()) {
            "--recommended chooses the size: leave --size, --grow and --percent out"
        } else if size.grow && *target == Target::BiosBoot {
            "biosboot holds GRUB's code and gains nothing by --grow"
        } else if size.max_mib.is_some() && !size.grow && size.percent.is_none() {
            "--maxsize is the end of growing: add --grow, or leave it out"
        } else if size.min_mib.is_none() && !chosen && size.percent.is_none() {
            "it has no size: give --size in MiB"
        } else {
            return None;
        };
        Some(Diagnostic::error(place.clone(), format!("{}: {why}", target.as_str())))
    };
    partitions.chain(volumes).filter_map(judge).collect()
}
