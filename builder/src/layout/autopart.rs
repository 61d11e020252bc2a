//! `autopart`, `reqpart` and sizes of swap, as Anaconda 21 (EL7) chooses them.

use super::request::{
    Autopart, AutopartScheme, FilesystemRequest, GroupRequest, PartitionRequest, SizeRequest,
    StorageRequest, Target, VolumeRequest,
};
use crate::base::place::Place;

/// MiB of the platform's partitions.
const BIOS_BOOT_MIB: u64 = 1;
const EFI_MIB: u64 = 200;
const BOOT_MIB: u64 = 1024;
/// `/` and `/home` begin with this size; `/` ends at 50 GiB.
const ROOT_MIB: u64 = 1024;
const ROOT_MAX_MIB: u64 = 50 * MIB_PER_GIB;
const HOME_MIB: u64 = 500;
/// `/home` is separate on disks of this size and larger.
const HOME_FROM_MIB: u64 = 50 * MIB_PER_GIB;
const MIB_PER_GIB: u64 = 1024;
/// The product's name is the group's.
const GROUP: &str = "centos";
const MEMBER: &str = "pv.autopart";

/// The storage commands with `autopart` and `reqpart` written out, for this
/// disk and memory.
pub fn expand_automatic(
    storage: &StorageRequest,
    disk_mib: u64,
    memory_mib: u64,
) -> StorageRequest {
    let mut out = storage.clone();
    if let Some(reqpart) = out.reqpart.take() {
        add_platform(&mut out, &reqpart.place, reqpart.boot, None);
    }
    if let Some(auto) = out.autopart.take() {
        add_platform(&mut out, &auto.place, true, auto.kind.as_deref());
        add_automatic(&mut out, &auto, disk_mib, memory_mib);
    }
    out
}

fn partition_request(
    place: &Place,
    target: Target,
    size: SizeRequest,
    kind: Option<&str>,
) -> PartitionRequest {
    let filesystem = FilesystemRequest { kind: kind.map(str::to_owned), ..Default::default() };
    let (disk, as_primary, active) = (None, false, false);
    let place = place.clone();
    PartitionRequest { place, target, size, filesystem, disk, as_primary, active }
}

fn fixed_size(mib: u64) -> SizeRequest {
    SizeRequest { min_mib: Some(mib), ..SizeRequest::default() }
}

fn growing_size(min_mib: u64, max_mib: Option<u64>) -> SizeRequest {
    SizeRequest { min_mib: Some(min_mib), max_mib, grow: true, ..SizeRequest::default() }
}

/// What the platform needs to start, unless it is asked for already.
fn add_platform(out: &mut StorageRequest, place: &Place, boot: bool, kind: Option<&str>) {
    let mut wanted = vec![
        (Target::BiosBoot, BIOS_BOOT_MIB, Some("biosboot")),
        (Target::Mount("/boot/efi".into()), EFI_MIB, Some("efi")),
    ];
    if boot {
        wanted.push((Target::Mount("/boot".into()), BOOT_MIB, kind));
    }
    for (target, size, kind) in wanted {
        if !out.partitions.iter().any(|p| p.target == target) {
            out.partitions.push(partition_request(place, target, fixed_size(size), kind));
        }
    }
}

fn add_automatic(out: &mut StorageRequest, auto: &Autopart, disk_mib: u64, memory_mib: u64) {
    let place = &auto.place;
    let kind = auto.kind.as_deref();
    // A tenth of the disk at most.
    let swap = swap_mib(memory_mib, false).min(disk_mib / 10).max(1);
    let home = (!auto.no_home && disk_mib >= HOME_FROM_MIB)
        .then(|| (Target::Mount("/home".into()), growing_size(HOME_MIB, None), "home"));
    let root = growing_size(ROOT_MIB, Some(ROOT_MAX_MIB));
    // Without a /home, / has all there is.
    let root = if home.is_some() { root } else { SizeRequest { max_mib: None, ..root } };
    let wanted = [
        Some((Target::Mount("/".into()), root, "root")),
        home,
        Some((Target::Swap, fixed_size(swap), "swap")),
    ];
    for (target, size, name) in wanted.into_iter().flatten() {
        let kind = kind.filter(|_| target != Target::Swap);
        if auto.scheme == AutopartScheme::Plain {
            out.partitions.push(partition_request(place, target, size, kind));
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
        out.partitions.push(partition_request(place, member, growing_size(1, None), None));
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
