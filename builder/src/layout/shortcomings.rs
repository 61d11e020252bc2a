//! What the storage commands leave out, and what they need of the installed system.

use super::autopart::expand_automatic;
use super::model::Format;
use super::request::{FilesystemRequest, StorageRequest, Target};
use crate::base::diagnostic::Diagnostic;

/// GRUB's core image with the modules for XFS takes about 60 KiB; partitions are whole MiB.
const MIN_BIOS_BOOT_MIB: u64 = 1;
/// FAT32 begins above 65525 clusters; 34 MiB with 512-byte clusters, so 40.
const MIN_EFI_MIB: u64 = 40;
/// Anaconda's own minimum.
const MIN_ROOT_MIB: u64 = 250;
/// A kernel with its initramfs for any machine takes about 40 MiB; two must fit for an update.
const MIN_BOOT_MIB: u64 = 100;
/// A disk and a memory on which `autopart` makes everything that it makes on any.
const ANY_DISK_MIB: u64 = u64::MAX;
const ANY_MEMORY_MIB: u64 = 1024;

/// What a system needs and the commands, none of them refused, do not ask for. `file` is the
/// kickstart's.
pub fn find_shortcomings(storage: &StorageRequest, file: &str) -> Vec<Diagnostic> {
    let mut shortcomings = Vec::new();
    let storage = expand_automatic(storage, ANY_DISK_MIB, ANY_MEMORY_MIB);
    for (name, min_mib, example) in [
        ("biosboot", MIN_BIOS_BOOT_MIB, "part biosboot --fstype=biosboot --size=2"),
        ("/boot/efi", MIN_EFI_MIB, "part /boot/efi --fstype=efi --size=200"),
        ("/", MIN_ROOT_MIB, "part / --fstype=ext4 --size=4096 --grow"),
        ("/boot", MIN_BOOT_MIB, ""),
    ] {
        let partitions = storage.partitions.iter().map(|p| (&p.place, &p.target, &p.size));
        let volumes = storage.logical_volumes.iter().map(|v| (&v.place, &v.target, &v.size));
        let found = partitions.chain(volumes).find(|(_, target, _)| target.as_str() == name);
        match found {
            None if name == "/boot" => {}
            None => {
                let missing = Diagnostic::of_file(file, format!("part {name} is missing"));
                let other = if name == "/" { "" } else { " (or reqpart)" };
                shortcomings.push(missing.hint(format!("add: {example}{other}")));
            }
            Some((place, _, size)) if size.min_mib.is_some_and(|size| size < min_mib) => {
                let size = size.min_mib.unwrap_or(0);
                let message = format!("part {name}: {size} MiB is too small");
                let hint = format!("give --size={min_mib} or more (MiB)");
                shortcomings.push(Diagnostic::error(place.clone(), message).hint(hint));
            }
            Some(_) => {}
        }
    }
    shortcomings
}

/// Packages that the target needs for its filesystems; Anaconda adds them by itself as well.
pub fn required_packages(storage: &StorageRequest) -> Vec<&'static str> {
    let storage = expand_automatic(storage, ANY_DISK_MIB, ANY_MEMORY_MIB);
    let partitions = storage.partitions.iter().map(|p| (&p.target, &p.filesystem));
    let volumes = storage.logical_volumes.iter().map(|v| (&v.target, &v.filesystem));
    let is_xfs = |(target, files): (&Target, &FilesystemRequest)| {
        matches!(target, Target::Mount(path)
            if Format::of_mount(path, files.kind.as_deref()) == Format::Xfs)
    };
    let mut found = Vec::new();
    if partitions.chain(volumes).any(is_xfs) {
        found.push("xfsprogs");
    }
    if !storage.volume_groups.is_empty() {
        found.push("lvm2");
    }
    found
}
