//! Partitions → their places on the disk.

use super::arrangement::ArrangedPartition;
use super::arranger::Arranger;
use super::grow::{GrowRequest, share_growth};
use super::request::{PartitionRequest, Target};
use super::units::MIB;
use crate::base::place::Place;

/// The first partition's alignment at the front; the table's backup at the end.
const HEAD_MIB: u64 = 1;
const TAIL_MIB: u64 = 1;

/// What comes first on the disk: what machines read before they have a driver for it.
fn rank(part: &PartitionRequest) -> u8 {
    match part.target.as_str() {
        "biosboot" => 0,
        "/boot/efi" => 1,
        "/boot" => 2,
        _ => 3,
    }
}

/// The partitions by offset; those that no layout can hold are left out, which is an error.
pub fn arrange_partitions(arranger: &mut Arranger) -> Vec<ArrangedPartition> {
    let mut parts = arranger.storage.partitions.clone();
    parts.sort_by_key(rank);
    let sizes_mib = choose_sizes(arranger, &parts);
    let mut offset_mib = HEAD_MIB;
    let mut arranged = Vec::new();
    for (request, size_mib) in parts.into_iter().zip(sizes_mib) {
        let Some(group) = find_group(arranger, &request) else { continue };
        arranged.push(ArrangedPartition {
            request,
            offset_bytes: offset_mib.saturating_mul(MIB),
            size_bytes: size_mib.saturating_mul(MIB),
            group,
        });
        offset_mib = offset_mib.saturating_add(size_mib);
    }
    arranged
}

/// What each partition asks for at least, and its share of what is left.
fn choose_sizes(arranger: &mut Arranger, parts: &[PartitionRequest]) -> Vec<u64> {
    let mut sizes_mib: Vec<u64> =
        parts.iter().map(|p| arranger.min_mib(p.target.as_str(), &p.place, &p.size)).collect();
    let need = sizes_mib.iter().fold(HEAD_MIB + TAIL_MIB, |sum, size| sum.saturating_add(*size));
    let have = arranger.disk_mib;
    if need > have {
        let last = arranger.storage.partitions.last();
        let place = last.map_or_else(Place::default, |p| p.place.clone());
        arranger.push_error(
            &place,
            format!("the partitions need {need} MiB, the disk has {have} MiB"),
            "make `disk` larger in the role's profile, or --size smaller",
        );
    }
    let growing: Vec<usize> = (0..parts.len()).filter(|&n| parts[n].size.grow).collect();
    let requests: Vec<GrowRequest> = growing
        .iter()
        .map(|&n| GrowRequest { base: sizes_mib[n], max: parts[n].size.max_mib })
        .collect();
    for (&n, growth) in growing.iter().zip(share_growth(have.saturating_sub(need), &requests)) {
        sizes_mib[n] += growth;
    }
    sizes_mib
}

/// The volume group of a physical volume, none for other partitions; nothing for what no
/// layout can hold, which is an error.
fn find_group(arranger: &mut Arranger, part: &PartitionRequest) -> Option<Option<String>> {
    match &part.target {
        Target::BiosBoot | Target::Swap | Target::Mount(_) => return Some(None),
        Target::PhysicalVolume(member) => {
            let mut groups = arranger.storage.volume_groups.iter();
            if let Some(group) = groups.find(|g| g.members.contains(member)) {
                return Some(Some(group.name.clone()));
            }
        }
        Target::Raid(_) | Target::Btrfs(_) | Target::Other(_) => {}
    }
    arranger.push_error(
        &part.place,
        format!("{} cannot be laid out", part.target.as_str()),
        "`imgbuild validate --report` has the reason",
    );
    None
}
