//! Partitions → their places on the disk.

use super::arrangement::ArrangedPartition;
use super::arranger::Arranger;
use super::boot::MAX_MSDOS_MIB;
use super::disk_names::disk_name;
use super::grow::{GrowRequest, share_growth};
use super::label::DiskLabel;
use super::request::{PartitionRequest, Target};
use super::units::{MIB, SECTOR};
use crate::base::place::Place;
use formats::msdos;

/// The first partition's alignment at the front.
const HEAD_MIB: u64 = 1;
/// The backup of a GUID partition table at the end.
const TAIL_MIB: u64 = 1;
/// The link before each logical partition.
const LINK_MIB: u64 = msdos::LINK_BLOCKS * SECTOR / MIB;
/// Primary partitions of an msdos label, the extended one among them.
const MAX_PRIMARY: usize = msdos::MAX_PRIMARY as usize;

/// What comes first on the disk: what machines read before they have a driver for it, and what
/// must not be in an extended partition.
fn rank(part: &PartitionRequest) -> (u8, bool) {
    let rank = match part.target.as_str() {
        "biosboot" => 0,
        "/boot/efi" => 1,
        "/boot" => 2,
        _ => 3,
    };
    (rank, !part.as_primary)
}

/// One of the machine's disks.
struct ArrangedDisk {
    /// Its number, from 0.
    index: usize,
    /// Where it begins, after the disks before it.
    offset_mib: u64,
    /// Its size.
    size_mib: u64,
}

/// The partitions by offset; those that no layout can hold are left out, which is an error.
pub fn arrange_partitions(arranger: &mut Arranger) -> Vec<ArrangedPartition> {
    find_unknown_disks(arranger);
    let mut arranged = Vec::new();
    let mut offset_mib = 0;
    for (index, size_mib) in arranger.disks_mib.clone().into_iter().enumerate() {
        let disk = ArrangedDisk { index, offset_mib, size_mib };
        arranged.extend(arrange_disk(arranger, &disk));
        offset_mib += size_mib;
    }
    arranged
}

/// Notes what is asked of disks that the machine does not have.
fn find_unknown_disks(arranger: &mut Arranger) {
    let names: Vec<String> = (0..arranger.disks_mib.len()).map(disk_name).collect();
    for part in arranger.storage.partitions.clone() {
        if arranger.disk_of(&part).is_none() {
            let name = part.disk.as_deref().unwrap_or_default();
            let message =
                format!("--ondisk={name}: the machine has the disks {}", names.join(", "));
            let hint = "name one of these, or add it to `more-disks` in [machine] of the profile";
            arranger.push_error(&part.place, message, hint);
        }
    }
}

fn arrange_disk(arranger: &mut Arranger, disk: &ArrangedDisk) -> Vec<ArrangedPartition> {
    let on_disk = |part: &&PartitionRequest| arranger.disk_of(part) == Some(disk.index);
    let mut parts: Vec<_> = arranger.storage.partitions.iter().filter(on_disk).cloned().collect();
    parts.sort_by_key(rank);
    let logical_from = find_logical(arranger, &parts, disk);
    let sizes_mib = choose_sizes(arranger, &parts, parts.len() - logical_from, disk);
    let active = find_active(arranger, &parts).filter(|_| disk.index == 0);
    let mut offset_mib = disk.offset_mib + HEAD_MIB;
    let mut arranged = Vec::new();
    for ((index, request), size_mib) in parts.into_iter().enumerate().zip(sizes_mib) {
        let Some(group) = find_group(arranger, &request) else { continue };
        let logical = index >= logical_from;
        offset_mib = offset_mib.saturating_add(if logical { LINK_MIB } else { 0 });
        arranged.push(ArrangedPartition {
            request,
            offset_bytes: offset_mib.saturating_mul(MIB),
            size_bytes: size_mib.saturating_mul(MIB),
            group,
            logical,
            active: active == Some(index),
        });
        offset_mib = offset_mib.saturating_add(size_mib);
    }
    arranged
}

/// Where the logical partitions begin, as blivet chooses (`partitioning.py`,
/// `getNextPartitionType`): the fourth primary partition is the extended one, unless what
/// would be in it has to be primary.
fn find_logical(arranger: &mut Arranger, parts: &[PartitionRequest], disk: &ArrangedDisk) -> usize {
    if arranger.label() == DiskLabel::Gpt {
        return parts.len();
    }
    if disk.size_mib > MAX_MSDOS_MIB {
        let place = parts.first().map_or_else(Place::default, |p| p.place.clone());
        let message = format!(
            "an msdos label ends at {MAX_MSDOS_MIB} MiB, the disk has {} MiB",
            disk.size_mib
        );
        arranger.push_error(&place, message, "write clearpart --disklabel=gpt, or a smaller disk");
    }
    let first = parts.len().min(MAX_PRIMARY - 1);
    match parts.iter().rposition(|p| p.as_primary) {
        Some(last) if last >= first => {
            if parts.len() > MAX_PRIMARY {
                let message =
                    "an msdos label holds four primary partitions, or three and logical ones";
                let hint = "leave --asprimary out where it is not needed";
                arranger.push_error(&parts[last].place, message, hint);
            }
            parts.len()
        }
        _ => first,
    }
}

/// What an old BIOS takes as the partition to start from: the one that is said to be, else, as
/// Anaconda marks it, the one with /boot.
fn find_active(arranger: &Arranger, parts: &[PartitionRequest]) -> Option<usize> {
    if arranger.label() == DiskLabel::Gpt {
        return None;
    }
    let named = |name: &str| parts.iter().position(|p| p.target.as_str() == name);
    let asked = parts.iter().position(|p| p.active);
    asked.or_else(|| named("/boot")).or_else(|| named("/")).or((!parts.is_empty()).then_some(0))
}

/// What each partition asks for at least, and its share of what is left.
fn choose_sizes(
    arranger: &mut Arranger,
    parts: &[PartitionRequest],
    logical: usize,
    disk: &ArrangedDisk,
) -> Vec<u64> {
    let mut sizes_mib: Vec<u64> = parts.iter().map(|p| arranger.min_mib(&p.size)).collect();
    let tail_mib = if arranger.label() == DiskLabel::Gpt { TAIL_MIB } else { 0 };
    let fixed = HEAD_MIB + tail_mib + LINK_MIB * logical as u64;
    let need = sizes_mib.iter().fold(fixed, |sum, size| sum.saturating_add(*size));
    let have = disk.size_mib;
    if need > have {
        // Those that no line asks for come last; of the others the last one of the file.
        let on_disk = |p: &&PartitionRequest| arranger.disk_of(p) == Some(disk.index);
        let mut written = arranger.storage.partitions.iter().filter(on_disk).rev();
        let last = written.find(|p| p.place.line > 0);
        let (name, key) = match disk.index {
            0 => ("the disk".to_owned(), "a `disk`"),
            index => (format!("the disk {}", disk_name(index)), "one of `more-disks`"),
        };
        let place = last.map_or_else(Place::default, |p| p.place.clone());
        arranger.push_error(
            &place,
            format!("the partitions need {need} MiB, {name} has {have} MiB"),
            &format!("give the profile's machine {key} of {need} MiB or more, or a smaller --size"),
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
