//! Storage commands that a layout does not support: the one place that decides. A line refused here
//! is refused in the compatibility report, and a build stops at it.

use super::group_violations::find_group_violations;
use super::model::Format;
use super::request::{
    Autopart, AutopartScheme, FilesystemRequest, PartitionRequest, StorageRequest, Target,
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

/// Why nothing is encrypted.
pub const ENCRYPTED: &str = "--encrypted: an encrypted filesystem would ask for its passphrase at \
                             every start of every node, and a key in the image would protect \
                             nothing, as whoever has the image has the key; leave it out, or give \
                             --ignore-encryption";

/// Filesystems that an image can have.
const KINDS: [&str; 4] = ["xfs", "ext4", "ext3", "ext2"];

/// What no layout can hold, each at its place with the reason and what to do.
pub fn find_violations(storage: &StorageRequest) -> Vec<Diagnostic> {
    let encrypted = |place: &Place| Diagnostic::error(place.clone(), ENCRYPTED);
    let mut violations: Vec<Diagnostic> = storage.encrypted.iter().map(encrypted).collect();
    violations.extend(find_target_violations(storage));
    violations.extend(find_growing_bios_boot(storage));
    violations.extend(find_group_violations(storage));
    violations.extend(storage.autopart.as_ref().and_then(find_autopart_violation));
    violations
}

fn find_target_violations(storage: &StorageRequest) -> Vec<Diagnostic> {
    let mut violations = Vec::new();
    let mut seen: HashMap<&str, &Place> = HashMap::new();
    let partitions = storage.partitions.iter().map(|p| (&p.place, &p.target));
    let volumes = storage.logical_volumes.iter().map(|v| (&v.place, &v.target));
    let tmpfs = storage.tmpfs.iter().map(|t| (&t.place, &t.target));
    let mut repeated = Vec::new();
    for (place, target) in partitions.chain(volumes).chain(tmpfs) {
        let name = target.as_str();
        if let Some(first) = seen.insert(name, place).filter(|_| *target != Target::Swap) {
            let at = match first.file == place.file {
                true => format!("line {}", first.line),
                false => format!("{}:{}", first.file, first.line),
            };
            repeated.push(place);
            let why = format!("{name} already exists, at {at}");
            violations.push(Diagnostic::error(place.clone(), why));
        }
    }
    let mut judge = |place: &Place, why: Option<String>| {
        let why = why.filter(|_| !repeated.contains(&place));
        violations.extend(why.map(|why| Diagnostic::error(place.clone(), why)));
    };
    for p in &storage.partitions {
        judge(&p.place, find_target_violation(&p.target, &p.filesystem, false));
    }
    for v in &storage.logical_volumes {
        judge(&v.place, find_target_violation(&v.target, &v.filesystem, true));
    }
    for t in &storage.tmpfs {
        judge(&t.place, find_tmpfs_violation(&t.target, t.options.as_deref()));
    }
    violations
}

fn find_tmpfs_violation(target: &Target, options: Option<&str>) -> Option<String> {
    match target {
        Target::Mount(path) if path == "/boot" || path == "/boot/efi" => {
            Some(format!("{path} is read before there is a tmpfs: leave --fstype=tmpfs out"))
        }
        Target::Mount(path) => find_root_directory(path).or_else(|| find_bad_options(options?)),
        other => Some(format!("{} is not a mount point, so no tmpfs", other.as_str())),
    }
}

/// Why nothing can be mounted there, if so.
fn find_root_directory(path: &str) -> Option<String> {
    ON_ROOT.contains(&path).then(|| format!("{path} belongs to the root filesystem"))
}

fn find_bad_options(options: &str) -> Option<String> {
    let malformed = options.contains(char::is_control);
    malformed.then(|| "--fsoptions has a control character".to_owned())
}

fn find_autopart_violation(auto: &Autopart) -> Option<Diagnostic> {
    let kind = auto.kind.as_deref().filter(|k| !KINDS.contains(k));
    let why = match (auto.scheme, kind) {
        (AutopartScheme::Btrfs, _) => {
            "Btrfs is not supported in images: write --type=lvm or plain".into()
        }
        (_, Some(kind)) => unknown_kind(kind),
        _ => return None,
    };
    Some(Diagnostic::error(auto.place.clone(), why))
}

fn unknown_kind(kind: &str) -> String {
    format!("{kind} is not supported in images: write --fstype=xfs, ext4, ext3 or ext2")
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
            "/boot/efi" => (&[], 11),
            path if ON_ROOT.contains(&path) => return find_root_directory(path),
            path if path == "/boot" && is_volume => {
                return Some("/boot cannot be a logical volume: write `part /boot`".into());
            }
            path if Format::of_mount(path, kind).ext_kind().is_some() => (&KINDS, 16),
            _ => (&KINDS, 12),
        },
        Target::Raid(_) | Target::Btrfs(_) => {
            return Some(format!(
                "{name}: an image is one disk, without RAID and Btrfs: write `part` with a mount \
                 point, or `part pv.1` with volgroup and logvol"
            ));
        }
        Target::Other(_) => {
            return Some(format!("{name} is neither a mount point nor `swap`"));
        }
    };
    if is_volume && matches!(name, "biosboot" | "/boot/efi") {
        return Some(format!("{name} cannot be a logical volume: write `part {name}`"));
    }
    // Anaconda does not ask what /boot/efi is to be either.
    if let Some(kind) = kind.filter(|kind| !kinds.is_empty() && !kinds.contains(kind)) {
        return Some(match target {
            Target::Mount(_) => unknown_kind(kind),
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
    find_bad_options(options)
}

/// A partition for GRUB's code that takes what is left of the disk.
fn find_growing_bios_boot(storage: &StorageRequest) -> Option<Diagnostic> {
    let grows = |p: &&PartitionRequest| p.size.grow && p.target == Target::BiosBoot;
    let place = &storage.partitions.iter().find(grows)?.place;
    let why = "biosboot holds GRUB's code and gains nothing by --grow: leave it out";
    Some(Diagnostic::error(place.clone(), why))
}
