//! Volume groups → extents of their physical volumes.

use super::arrange::{Fault, files_or_swap, least};
use super::grow::{Request, share};
use super::ids::lvm_uuid;
use super::{Content, Group, MIB, Partition, Piece, Volume};
use crate::kickstart::{LogicalVolume, Storage, Target, VolumeGroup};
use formats::lvm2;

/// LVM's default extent, KiB.
const EXTENT: u64 = 4096;

/// Free extents of one physical volume.
struct Room {
    /// Where on the disk the first one is, in bytes.
    offset: u64,
    free: u64,
}

/// Whether a physical volume of the group takes free space of the disk.
pub fn grows(group: &VolumeGroup, storage: &Storage) -> bool {
    let mine = |target: &Target| group.members.iter().any(|member| member == target.as_str());
    storage.partitions.iter().any(|p| p.size.grow && mine(&p.target))
}

/// The group with its logical volumes, on those of `partitions` that belong to it; nothing
/// where they do not fit, which is a fault.
pub fn group(
    group: &VolumeGroup,
    storage: &Storage,
    partitions: &[Partition],
    memory: u64,
    seed: &str,
    faults: &mut Vec<Fault>,
) -> Option<Group> {
    let extent = group.extent.unwrap_or(EXTENT) * 1024;
    let mine = |p: &&Partition| matches!(&p.content, Content::Physical { group: g, .. } if *g == group.name);
    let room = |p: &Partition| Room {
        offset: p.offset + lvm2::DATA,
        free: p.size.saturating_sub(lvm2::DATA) / extent,
    };
    let mut rooms: Vec<Room> = partitions.iter().filter(mine).map(room).collect();
    let asked: Vec<&LogicalVolume> =
        storage.logical_volumes.iter().filter(|v| v.group == group.name).collect();
    let have = rooms.iter().map(|r| r.free).sum();
    let sizes = extents(group, &asked, have, extent, memory, faults)?;
    let volume = |(volume, size): (&LogicalVolume, u64)| {
        let what = format!("{}/{}", group.name, volume.name);
        Volume {
            name: volume.name.clone(),
            uuid: lvm_uuid(seed, &format!("logical volume {what}")),
            size: size * extent,
            pieces: take(&mut rooms, size, extent),
            content: files_or_swap(&volume.target, &volume.filesystem, seed, &what),
        }
    };
    let volumes = asked.into_iter().zip(sizes).map(volume).collect();
    let uuid = lvm_uuid(seed, &format!("volume group {}", group.name));
    Some(Group { name: group.name.clone(), uuid, extent, volumes })
}

/// Takes `wanted` extents, as lvm2 does: from one physical volume that has so many, else from
/// one after the other. Together they have as many.
fn take(rooms: &mut [Room], wanted: u64, extent: u64) -> Vec<Piece> {
    let one = rooms.iter().position(|room| room.free >= wanted);
    let from = one.map_or(0..rooms.len(), |n| n..n + 1);
    let mut left = wanted;
    let mut pieces = Vec::new();
    for room in &mut rooms[from] {
        let part = room.free.min(left);
        if part > 0 {
            pieces.push(Piece { offset: room.offset, size: part * extent });
        }
        room.offset += part * extent;
        room.free -= part;
        left -= part;
    }
    pieces
}

/// Each logical volume's size in extents: what is asked for, then percentages of what is
/// free beside that, then growth.
fn extents(
    group: &VolumeGroup,
    asked: &[&LogicalVolume],
    have: u64,
    extent: u64,
    memory: u64,
    faults: &mut Vec<Fault>,
) -> Option<Vec<u64>> {
    let in_extents = |mib: u64| mib.saturating_mul(MIB).div_ceil(extent);
    let mut sizes = Vec::new();
    for volume in asked {
        let size = match volume.size.least {
            None if volume.size.percent.is_some() => 1,
            _ => in_extents(least(&volume.name, volume.line, &volume.size, memory, faults)),
        };
        sizes.push(size);
    }
    let by_percent = have * u64::from(group.reserved_percent.unwrap_or(0)) / 100;
    let reserved = in_extents(group.reserved.unwrap_or(0)).max(by_percent);
    let need = sizes.iter().fold(reserved, |sum, size| sum.saturating_add(*size));
    let Some(mut pool) = have.checked_sub(need) else {
        let line = asked.last().map_or(group.line, |v| v.line);
        faults.push(Fault::new(
            line,
            format!(
                "the logical volumes of {} need {} MiB, the group has {} MiB",
                group.name,
                u128::from(need) * u128::from(extent) / u128::from(MIB),
                have * extent / MIB
            ),
            "make its physical volume larger (--grow) or add one, or --size smaller",
        ));
        return None;
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
    Some(sizes)
}
