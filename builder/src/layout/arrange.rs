//! Storage commands → places on one disk.

use super::autopart::{expand, swap};
use super::groups;
use super::grow::{Request, share};
use super::ids::{lvm_uuid, serial, uuid};
use super::{Content, Files, Format, Layout, MIB, Partition};
use crate::kickstart::{self, Filesystem, Size, Storage, Target};
use crate::problem::Problem;

/// The first partition's alignment at the front; the table's backup at the end.
const HEAD: u64 = 1;
const TAIL: u64 = 1;

/// What does not fit, and where the kickstart asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the kickstart.
    pub line: usize,
    /// What does not fit: need and have.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Fault {
    pub(super) fn new(line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line, message: message.into(), hint: hint.into() }
    }

    /// As a problem of the kickstart `file`.
    pub fn problem(self, file: &str) -> Problem {
        Problem::at(file, (self.line, 1), self.message).hint(self.hint)
    }
}

/// Lays out a disk of `size` bytes for a machine with `memory` bytes.
///
/// # Errors
/// Everything that does not fit. How large volume groups are that grow is not known where the
/// partitions do not fit; those are not judged then.
pub fn arrange(
    storage: &Storage,
    size: u64,
    memory: u64,
    seed: &str,
) -> Result<Layout, Vec<Fault>> {
    let storage = expand(storage, size / MIB, memory / MIB);
    let mut faults = Vec::new();
    let partitions = partitions(&storage, size, memory, seed, &mut faults);
    let fits = faults.is_empty();
    let mut groups = Vec::new();
    for group in storage.volume_groups.iter().filter(|g| fits || !groups::grows(g, &storage)) {
        groups.extend(groups::group(group, &storage, &partitions, memory, seed, &mut faults));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let hash_seed = uuid(seed, "hash seed");
    Ok(Layout { size, guid: uuid(seed, "disk"), partitions, groups, hash_seed })
}

/// What comes first on the disk: what machines read before they have a driver for it.
fn rank(part: &kickstart::Partition) -> u8 {
    match part.target.as_str() {
        "biosboot" => 0,
        "/boot/efi" => 1,
        "/boot" => 2,
        _ => 3,
    }
}

/// The least size in MiB; 0 where none is asked for, which is a fault.
pub(super) fn least(
    name: &str,
    line: usize,
    size: &Size,
    memory: u64,
    faults: &mut Vec<Fault>,
) -> u64 {
    if size.recommended || size.hibernation {
        return swap(memory / MIB, size.hibernation).max(1);
    }
    if size.least.is_none() {
        faults.push(Fault::new(line, format!("{name} has no size"), "give --size in MiB"));
    }
    size.least.unwrap_or(0)
}

fn partitions(
    storage: &Storage,
    size: u64,
    memory: u64,
    seed: &str,
    faults: &mut Vec<Fault>,
) -> Vec<Partition> {
    let mut parts: Vec<&kickstart::Partition> = storage.partitions.iter().collect();
    parts.sort_by_key(|p| rank(p));
    let mut sizes: Vec<u64> =
        parts.iter().map(|p| least(p.target.as_str(), p.line, &p.size, memory, faults)).collect();
    let need = sizes.iter().fold(HEAD + TAIL, |sum, size| sum.saturating_add(*size));
    let have = size / MIB;
    if need > have {
        faults.push(Fault::new(
            storage.partitions.last().map_or(0, |p| p.line),
            format!("the partitions need {need} MiB, the disk has {have} MiB"),
            "make `disk` larger in the role's profile, or --size smaller",
        ));
    }
    let pool = have.saturating_sub(need);
    let growing: Vec<usize> = (0..parts.len()).filter(|&n| parts[n].size.grow).collect();
    let requests: Vec<Request> =
        growing.iter().map(|&n| Request { base: sizes[n], most: parts[n].size.most }).collect();
    for (&n, growth) in growing.iter().zip(share(pool, &requests)) {
        sizes[n] += growth;
    }
    let mut offset = HEAD;
    let mut found = Vec::new();
    for (part, size) in parts.into_iter().zip(sizes) {
        let Some(content) = content(storage, part, seed, faults) else { continue };
        found.push(Partition {
            name: part_name(&part.target),
            offset: offset.saturating_mul(MIB),
            size: size.saturating_mul(MIB),
            guid: uuid(seed, &format!("partition {}", part.target.as_str())),
            content,
        });
        offset = offset.saturating_add(size);
    }
    found
}

/// GPT partition name.
fn part_name(target: &Target) -> String {
    match target.as_str() {
        "biosboot" => "BIOS boot".into(),
        "/boot/efi" => "EFI System Partition".into(),
        "/" => "root".into(),
        other => other.chars().take(36).collect(),
    }
}

/// What a partition holds; nothing for what no layout can hold, which is a fault.
fn content(
    storage: &Storage,
    part: &kickstart::Partition,
    seed: &str,
    faults: &mut Vec<Fault>,
) -> Option<Content> {
    let name = part.target.as_str();
    match &part.target {
        Target::BiosBoot => return Some(Content::BiosBoot),
        Target::PhysicalVolume(member) => {
            if let Some(group) = storage.volume_groups.iter().find(|g| g.members.contains(member)) {
                let uuid = lvm_uuid(seed, &format!("physical volume {member}"));
                return Some(Content::Physical { group: group.name.clone(), uuid });
            }
        }
        Target::Swap | Target::Mount(_) => {
            let key = part.line.to_string();
            return Some(files_or_swap(&part.target, &part.filesystem, seed, &key));
        }
        Target::Raid(_) | Target::Btrfs(_) | Target::Other(_) => {}
    }
    faults.push(Fault::new(
        part.line,
        format!("{name} cannot be laid out"),
        "`imgbuild validate --report` has the reason",
    ));
    None
}

/// `key` tells several swap areas apart.
pub(super) fn files_or_swap(
    target: &Target,
    filesystem: &Filesystem,
    seed: &str,
    key: &str,
) -> Content {
    let Target::Mount(mount) = target else {
        let uuid = uuid(seed, &format!("swap {key}"));
        let (label, options) = (filesystem.label.clone(), filesystem.options.clone());
        return Content::Swap { uuid, label, options };
    };
    let format = format_of(mount, filesystem.kind.as_deref());
    let what = format!("filesystem {mount}");
    Content::Files(Files {
        mount: mount.clone(),
        format,
        uuid: if format == Format::Efi { serial(seed, &what) } else { uuid(seed, &what) },
        label: filesystem.label.clone(),
        options: filesystem.options.clone(),
    })
}

/// The filesystem for a mount point; XFS is EL7's own choice.
pub(super) fn format_of(mount: &str, kind: Option<&str>) -> Format {
    match (mount, kind) {
        ("/boot/efi", _) => Format::Efi,
        (_, Some("ext4")) => Format::Ext4,
        _ => Format::Xfs,
    }
}
