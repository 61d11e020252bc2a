//! Storage commands → places on one disk.

use super::autopart::{expand, swap};
use super::grow::{Request, share};
use super::ids::{lvm_uuid, serial, uuid};
use super::{Content, Files, Format, Group, Layout, MIB, Partition, Volume};
use crate::format::lvm2;
use crate::kickstart::{self, Filesystem, LogicalVolume, Size, Storage, Target, VolumeGroup};

/// The first partition's alignment at the front; the table's backup at the end.
const HEAD: u64 = 1;
const TAIL: u64 = 1;
/// LVM's default extent, KiB.
const EXTENT: u64 = 4096;

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
    fn new(line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line, message: message.into(), hint: hint.into() }
    }
}

/// Lays out a disk of `size` bytes for a machine with `memory` bytes.
///
/// # Errors
/// The first thing that does not fit.
pub fn arrange(storage: &Storage, size: u64, memory: u64, seed: &str) -> Result<Layout, Fault> {
    let storage = expand(storage, size / MIB, memory / MIB);
    let partitions = partitions(&storage, size, memory, seed)?;
    let mut groups = Vec::new();
    for group in &storage.volume_groups {
        groups.push(volumes(group, &storage, &partitions, memory, seed)?);
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

/// The least size in MiB.
fn least(name: &str, line: usize, size: &Size, memory: u64) -> Result<u64, Fault> {
    if size.recommended || size.hibernation {
        return Ok(swap(memory / MIB, size.hibernation).max(1));
    }
    size.least.ok_or_else(|| Fault::new(line, format!("{name} has no size"), "give --size in MiB"))
}

fn partitions(
    storage: &Storage,
    size: u64,
    memory: u64,
    seed: &str,
) -> Result<Vec<Partition>, Fault> {
    let mut parts: Vec<&kickstart::Partition> = storage.partitions.iter().collect();
    parts.sort_by_key(|p| rank(p));
    let mut sizes = parts
        .iter()
        .map(|p| least(p.target.as_str(), p.line, &p.size, memory))
        .collect::<Result<Vec<u64>, Fault>>()?;
    let need: u64 = sizes.iter().sum::<u64>() + HEAD + TAIL;
    let have = size / MIB;
    let Some(pool) = have.checked_sub(need) else {
        let line = storage.partitions.last().map_or(0, |p| p.line);
        return Err(Fault::new(
            line,
            format!("the partitions need {need} MiB, the disk has {have} MiB"),
            "make `disk` larger in the role's profile, or --size smaller",
        ));
    };
    let growing: Vec<usize> = (0..parts.len()).filter(|&n| parts[n].size.grow).collect();
    let requests: Vec<Request> =
        growing.iter().map(|&n| Request { base: sizes[n], most: parts[n].size.most }).collect();
    for (&n, growth) in growing.iter().zip(share(pool, &requests)) {
        sizes[n] += growth;
    }
    let mut offset = HEAD;
    let mut found = Vec::new();
    for (part, size) in parts.into_iter().zip(sizes) {
        found.push(Partition {
            name: part_name(&part.target),
            offset: offset * MIB,
            size: size * MIB,
            guid: uuid(seed, &format!("partition {}", part.target.as_str())),
            content: content(storage, part, seed)?,
        });
        offset += size;
    }
    Ok(found)
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

fn content(storage: &Storage, part: &kickstart::Partition, seed: &str) -> Result<Content, Fault> {
    let name = part.target.as_str();
    match &part.target {
        Target::BiosBoot => Ok(Content::BiosBoot),
        Target::PhysicalVolume(member) => {
            let group = storage.volume_groups.iter().find(|g| g.members.contains(member));
            let group = group.ok_or_else(|| {
                let message = format!("{member} is in no volume group");
                Fault::new(part.line, message, format!("add: volgroup NAME {member}"))
            })?;
            let uuid = lvm_uuid(seed, &format!("physical volume {member}"));
            Ok(Content::Physical { group: group.name.clone(), uuid })
        }
        Target::Swap | Target::Mount(_) => {
            Ok(files_or_swap(&part.target, &part.filesystem, seed, &part.line.to_string()))
        }
        Target::Raid(_) | Target::Btrfs(_) | Target::Other(_) => Err(Fault::new(
            part.line,
            format!("{name} cannot be laid out"),
            "`imgbuild validate --report` has the reason",
        )),
    }
}

/// `key` tells several swap areas apart.
fn files_or_swap(target: &Target, filesystem: &Filesystem, seed: &str, key: &str) -> Content {
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

/// Free extents of one physical volume.
struct Room {
    offset: u64,
    extents: u64,
    used: u64,
}

fn volumes(
    group: &VolumeGroup,
    storage: &Storage,
    partitions: &[Partition],
    memory: u64,
    seed: &str,
) -> Result<Group, Fault> {
    let extent = group.extent.unwrap_or(EXTENT) * 1024;
    let mine = |p: &&Partition| matches!(&p.content, Content::Physical { group: g, .. } if *g == group.name);
    let mut rooms: Vec<Room> = partitions
        .iter()
        .filter(mine)
        .map(|p| {
            let extents = p.size.saturating_sub(lvm2::DATA) / extent;
            Room { offset: p.offset + lvm2::DATA, extents, used: 0 }
        })
        .collect();
    let asked: Vec<&LogicalVolume> =
        storage.logical_volumes.iter().filter(|v| v.group == group.name).collect();
    let have: u64 = rooms.iter().map(|r| r.extents).sum();
    let sizes = extents(group, &asked, have, extent, memory)?;
    let mut found = Vec::new();
    for (volume, size) in asked.into_iter().zip(sizes) {
        let Some(room) = rooms.iter_mut().find(|r| r.extents - r.used >= size) else {
            return Err(Fault::new(
                volume.line,
                format!("{} does not fit into one physical volume of {}", volume.name, group.name),
                "an image is one disk: one `part pv.…` for each volume group is enough",
            ));
        };
        let what = format!("{}/{}", group.name, volume.name);
        found.push(Volume {
            name: volume.name.clone(),
            uuid: lvm_uuid(seed, &format!("logical volume {what}")),
            offset: room.offset + room.used * extent,
            size: size * extent,
            content: files_or_swap(&volume.target, &volume.filesystem, seed, &what),
        });
        room.used += size;
    }
    let uuid = lvm_uuid(seed, &format!("volume group {}", group.name));
    Ok(Group { name: group.name.clone(), uuid, extent, volumes: found })
}

/// Each logical volume's size in extents: what is asked for, then percentages of what is
/// free beside that, then growth.
fn extents(
    group: &VolumeGroup,
    asked: &[&LogicalVolume],
    have: u64,
    extent: u64,
    memory: u64,
) -> Result<Vec<u64>, Fault> {
    let in_extents = |mib: u64| (mib * MIB).div_ceil(extent);
    let mut sizes = Vec::new();
    for volume in asked {
        let size = match volume.size.least {
            None if volume.size.percent.is_some() => 1,
            _ => in_extents(least(&volume.name, volume.line, &volume.size, memory)?),
        };
        sizes.push(size);
    }
    let by_percent = have * u64::from(group.reserved_percent.unwrap_or(0)) / 100;
    let reserved = in_extents(group.reserved.unwrap_or(0)).max(by_percent);
    let need = sizes.iter().sum::<u64>() + reserved;
    let Some(mut pool) = have.checked_sub(need) else {
        let line = asked.last().map_or(group.line, |v| v.line);
        return Err(Fault::new(
            line,
            format!(
                "the logical volumes of {} need {} MiB, the group has {} MiB",
                group.name,
                need * extent / MIB,
                have * extent / MIB
            ),
            "make its physical volume larger (--grow), or --size smaller",
        ));
    };
    let free = pool;
    for (volume, size) in asked.iter().zip(&mut sizes) {
        let percent = u64::from(volume.size.percent.unwrap_or(0));
        let most = volume.size.most.map_or(u64::MAX, |m| in_extents(m).saturating_sub(*size));
        let growth = (free * percent / 100).min(pool).min(most);
        *size += growth;
        pool -= growth;
    }
    let grows = |v: &LogicalVolume| v.size.grow && v.size.percent.is_none();
    let growing: Vec<usize> = (0..asked.len()).filter(|&n| grows(asked[n])).collect();
    let requests: Vec<Request> = growing
        .iter()
        .map(|&n| Request { base: sizes[n], most: asked[n].size.most.map(in_extents) })
        .collect();
    for (&n, growth) in growing.iter().zip(share(pool, &requests)) {
        sizes[n] += growth;
    }
    Ok(sizes)
}
