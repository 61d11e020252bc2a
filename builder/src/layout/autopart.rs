//! `autopart` and sizes of swap, as Anaconda 21 (EL7) chooses them.

use super::boot::settle_boot;
use super::request::{
    Autopart, AutopartScheme, FilesystemRequest, GroupRequest, PartitionRequest, SizeRequest,
    StorageRequest, Target, VolumeRequest,
};
use super::units::MIB;

/// `/` and `/home` begin with this size; `/` ends at 50 GiB.
const ROOT_MIB: u64 = 1024;
const ROOT_MAX_MIB: u64 = 50 * MIB_PER_GIB;
const HOME_MIB: u64 = 500;
/// `/home` is separate where there is this much room for it and the others.
const HOME_FROM_MIB: u64 = 50 * MIB_PER_GIB;
const MIB_PER_GIB: u64 = 1024;
/// The product's name is the group's.
const GROUP: &str = "centos";
const MEMBER: &str = "pv.autopart";

/// The storage commands with `autopart` and `reqpart` written out, for this disk and memory.
pub fn expand_automatic(
    storage: &StorageRequest,
    disk_mib: u64,
    memory_mib: u64,
) -> StorageRequest {
    let mut out = storage.clone();
    // What it adds has been reported, where there is a report.
    settle_boot(&mut out, Some(disk_mib.saturating_mul(MIB)), "");
    if let Some(auto) = out.autopart.take() {
        add_automatic(&mut out, &auto, disk_mib, memory_mib);
    }
    out
}

fn add_automatic(out: &mut StorageRequest, auto: &Autopart, disk_mib: u64, memory_mib: u64) {
    let place = &auto.place;
    let kind = auto.kind.as_deref();
    // A tenth of the disk at most.
    let swap = swap_mib(memory_mib, false).min(disk_mib / 10).max(1);
    let home = (!auto.no_home && free_mib(out, auto, disk_mib) >= HOME_FROM_MIB)
        .then(|| (Target::Mount("/home".into()), SizeRequest::growing(HOME_MIB, None), "home"));
    let root = SizeRequest::growing(ROOT_MIB, Some(ROOT_MAX_MIB));
    // Without a /home, / has all there is.
    let root = if home.is_some() { root } else { SizeRequest { max_mib: None, ..root } };
    let wanted = [
        Some((Target::Mount("/".into()), root, "root")),
        home,
        Some((Target::Swap, SizeRequest::fixed(swap), "swap")),
    ];
    for (target, size, name) in wanted.into_iter().flatten() {
        let kind = kind.filter(|_| target != Target::Swap);
        if auto.scheme == AutopartScheme::Plain {
            out.partitions.push(PartitionRequest::new(place, target, size, kind));
        } else {
            let filesystem =
                FilesystemRequest { kind: kind.map(str::to_owned), ..Default::default() };
            let (group, name) = (GROUP.to_owned(), name.to_owned());
            out.logical_volumes.push(VolumeRequest {
                place: place.clone(),
                target,
                group,
                name,
                size,
                filesystem,
            });
        }
    }
    if auto.scheme != AutopartScheme::Plain {
        let member = Target::PhysicalVolume(MEMBER.into());
        out.partitions.push(PartitionRequest::new(
            place,
            member,
            SizeRequest::growing(1, None),
            None,
        ));
        out.volume_groups.push(GroupRequest {
            place: place.clone(),
            name: GROUP.into(),
            members: vec![MEMBER.into()],
            extent_kib: None,
            reserved_mib: None,
            reserved_percent: None,
        });
    }
}

/// What blivet compares with the room that `/home` is worth: of the group, or of the disk.
fn free_mib(out: &StorageRequest, auto: &Autopart, disk_mib: u64) -> u64 {
    /// The start and the end of the disk.
    const ENDS_MIB: u64 = 2;
    let boot = out.partitions.iter().filter_map(|p| p.size.min_mib).sum::<u64>();
    let boot = if auto.scheme == AutopartScheme::Plain { 0 } else { boot };
    disk_mib.saturating_sub(ENDS_MIB + boot)
}

/// MiB of swap for this memory (RHEL 7 Installation Guide, "Recommended
/// Partitioning Scheme").
pub fn swap_mib(memory_mib: u64, hibernation: bool) -> u64 {
    match (memory_mib / MIB_PER_GIB, hibernation) {
        (0..2, false) => memory_mib * 2,
        (0..2, true) => memory_mib * 3,
        (2..8, false) => memory_mib,
        (2..8, true) => memory_mib * 2,
        (8..64, false) => memory_mib / 2,
        (8..64, true) => memory_mib + memory_mib / 2,
        _ => 4 * MIB_PER_GIB,
    }
}
