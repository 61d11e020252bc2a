//! Volume groups → extents of their physical volumes.

use super::arrangement::{ArrangedGroup, ArrangedPartition, ArrangedVolume};
use super::arranger::Arranger;
use super::grow::{GrowRequest, share_growth};
use super::model::Piece;
use super::request::{GroupRequest, StorageRequest, Target, VolumeRequest};
use super::units::MIB;
use formats::lvm2;

/// LVM's default extent.
const DEFAULT_EXTENT_KIB: u64 = 4096;

/// Free extents of one physical volume.
struct FreeExtents {
    /// Where on the disk the first one is.
    offset_bytes: u64,
    count: u64,
}

/// Whether a physical volume of the group takes free space of the disk.
pub fn group_grows(group: &GroupRequest, storage: &StorageRequest) -> bool {
    let is_member = |target: &Target| group.members.iter().any(|m| m == target.as_str());
    storage.partitions.iter().any(|p| p.size.grow && is_member(&p.target))
}

/// The group with its logical volumes, on those of `partitions` that belong to it; nothing
/// where they do not fit, which is an error.
pub fn arrange_group(
    arranger: &mut Arranger,
    group: &GroupRequest,
    partitions: &[ArrangedPartition],
) -> Option<ArrangedGroup> {
    let extent_bytes = group.extent_kib.unwrap_or(DEFAULT_EXTENT_KIB) * 1024;
    let members = partitions.iter().filter(|p| p.group.as_ref() == Some(&group.name));
    let mut free: Vec<FreeExtents> = members
        .map(|p| FreeExtents {
            offset_bytes: p.offset_bytes + lvm2::DATA,
            count: p.size_bytes.saturating_sub(lvm2::DATA) / extent_bytes,
        })
        .collect();
    let asked = arranger.storage.logical_volumes.iter().filter(|v| v.group == group.name);
    let asked: Vec<VolumeRequest> = asked.cloned().collect();
    let have = Extents { count: free.iter().map(|f| f.count).sum(), bytes: extent_bytes };
    let sizes = choose_extents(arranger, group, &asked, &have)?;
    let volumes = asked.into_iter().zip(sizes).map(|(request, count)| ArrangedVolume {
        request,
        size_bytes: count * extent_bytes,
        pieces: allocate_extents(&mut free, count, extent_bytes),
    });
    Some(ArrangedGroup { name: group.name.clone(), extent_bytes, volumes: volumes.collect() })
}

/// Takes `wanted` extents, as lvm2 does: from one physical volume that has so many, else from
/// one after the other. Together they have as many.
fn allocate_extents(free: &mut [FreeExtents], wanted: u64, extent_bytes: u64) -> Vec<Piece> {
    let single = free.iter().position(|f| f.count >= wanted);
    let from = single.map_or(0..free.len(), |n| n..n + 1);
    let mut left = wanted;
    let mut pieces = Vec::new();
    for extents in &mut free[from] {
        let count = extents.count.min(left);
        if count > 0 {
            pieces.push(Piece { offset: extents.offset_bytes, size: count * extent_bytes });
        }
        extents.offset_bytes += count * extent_bytes;
        extents.count -= count;
        left -= count;
    }
    pieces
}

/// The extents of a group.
struct Extents {
    count: u64,
    /// Size of one.
    bytes: u64,
}

impl Extents {
    /// How many extents hold so much.
    fn to_hold(&self, mib: u64) -> u64 {
        mib.saturating_mul(MIB).div_ceil(self.bytes)
    }
}

/// Each logical volume's size in extents: what is asked for, then percentages of what is
/// free next to that, then growth.
fn choose_extents(
    arranger: &mut Arranger,
    group: &GroupRequest,
    asked: &[VolumeRequest],
    have: &Extents,
) -> Option<Vec<u64>> {
    let mut sizes = Vec::new();
    for volume in asked {
        let size = match volume.size.min_mib {
            None if volume.size.percent.is_some() => 1,
            _ => have.to_hold(arranger.min_mib(&volume.size)),
        };
        sizes.push(size);
    }
    let by_percent = have.count * u64::from(group.reserved_percent.unwrap_or(0)) / 100;
    let reserved = have.to_hold(group.reserved_mib.unwrap_or(0)).max(by_percent);
    let need = sizes.iter().fold(reserved, |sum, size| sum.saturating_add(*size));
    let Some(free) = have.count.checked_sub(need) else {
        let place = asked.last().map_or(&group.place, |v| &v.place);
        let message = format!(
            "the logical volumes of {} need {} MiB, the group has {} MiB",
            group.name,
            u128::from(need) * u128::from(have.bytes) / u128::from(MIB),
            have.count * have.bytes / MIB
        );
        let more_mib = ((need - have.count).saturating_mul(have.bytes)).div_ceil(MIB);
        let disk_mib = arranger.disk_mib.saturating_add(more_mib);
        let hint = match group_grows(group, &arranger.storage) {
            true => format!(
                "give the profile's machine a `disk` of {disk_mib} MiB or more, or a smaller --size"
            ),
            false => {
                "make its physical volume larger (--grow) or add one, or --size smaller".into()
            }
        };
        arranger.push_error(place, message, &hint);
        return None;
    };
    grow_volumes(asked, &mut sizes, free, have);
    Some(sizes)
}

/// Shares `free` extents out: percentages first, then growth.
fn grow_volumes(asked: &[VolumeRequest], sizes: &mut [u64], free: u64, have: &Extents) {
    let mut pool = free;
    for (volume, size) in asked.iter().zip(sizes.iter_mut()) {
        let percent = u64::from(volume.size.percent.unwrap_or(0));
        let max = volume.size.max_mib.map_or(u64::MAX, |m| have.to_hold(m).saturating_sub(*size));
        let growth = (free * percent / 100).min(pool).min(max);
        *size += growth;
        pool -= growth;
    }
    let grows = |v: &VolumeRequest| v.size.grow && v.size.percent.is_none();
    let growing: Vec<usize> = (0..asked.len()).filter(|&n| grows(&asked[n])).collect();
    let request = |&n: &usize| GrowRequest {
        base: sizes[n],
        max: asked[n].size.max_mib.map(|mib| have.to_hold(mib)),
    };
    let requests: Vec<GrowRequest> = growing.iter().map(request).collect();
    for (&n, growth) in growing.iter().zip(share_growth(pool, &requests)) {
        sizes[n] += growth;
    }
}
