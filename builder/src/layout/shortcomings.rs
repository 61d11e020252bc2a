//! What the storage commands leave out, and what they need of the installed system.

use super::arrangement::{ArrangedGroup, ArrangedPartition};
use super::autopart::expand_automatic;
use super::model::Format;
use super::request::{FilesystemRequest, StorageRequest, Target};
use super::units::MIB;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::BootMode;
use crate::base::place::Place;

/// The smallest sizes: FAT32 begins above 65525 clusters, 34 MiB with 512-byte clusters; of the
/// root filesystem Anaconda's own; a kernel with its initramfs for any machine takes about 40 MiB,
/// and two must fit for an update.
const MIN_MIB: [(&str, u64); 3] = [("/boot/efi", 40), ("/", 250), ("/boot", 100)];
/// The smallest filesystems: EL7's mkfs.xfs makes none smaller, and ext3 needs its journal.
const MIN_XFS_MIB: u64 = 16;
const MIN_EXT3_MIB: u64 = 8;
/// A disk and a memory on which `autopart` makes everything that it makes on any.
const ANY_DISK_MIB: u64 = u64::MAX;
const ANY_MEMORY_MIB: u64 = 1024;

/// What a system needs and the commands, none of them refused, do not ask for. `file` is the
/// kickstart's.
pub fn find_shortcomings(storage: &StorageRequest, file: &str) -> Vec<Diagnostic> {
    let storage = expand_automatic(storage, ANY_DISK_MIB, ANY_MEMORY_MIB);
    let root = Target::Mount("/".into());
    let partitions = storage.partitions.iter().map(|p| &p.target);
    let mut targets = partitions.chain(storage.logical_volumes.iter().map(|v| &v.target));
    match targets.any(|target| *target == root) {
        true => Vec::new(),
        false => {
            let missing = Diagnostic::of_file(file, "part / is missing");
            vec![missing.hint("add: part / --fstype=ext4 --size=4096 --grow")]
        }
    }
}

/// What is too small for its purpose when everything has grown.
pub fn find_small<'a>(
    partitions: impl Iterator<Item = &'a ArrangedPartition>,
    groups: &'a [ArrangedGroup],
) -> Vec<Diagnostic> {
    let partitions = partitions.map(|p| {
        let request = &p.request;
        (&request.target, &request.filesystem, &request.place, p.size_bytes)
    });
    let volumes = groups.iter().flat_map(|g| &g.volumes).map(|v| {
        let request = &v.request;
        (&request.target, &request.filesystem, &request.place, v.size_bytes)
    });
    let judge = |(target, files, place, bytes): (&Target, &FilesystemRequest, &Place, u64)| {
        let Target::Mount(path) = target else { return None };
        let of_format = match Format::of_mount(path, files.kind.as_deref()) {
            Format::Xfs => Some(("xfs", MIN_XFS_MIB)),
            Format::Ext3 => Some(("ext3", MIN_EXT3_MIB)),
            Format::Ext2 | Format::Ext4 | Format::Efi => None,
        };
        let of_purpose = MIN_MIB.into_iter().find(|(known, _)| known == path);
        let (what, min_mib) =
            of_purpose.into_iter().chain(of_format).max_by_key(|(_, mib)| *mib)?;
        let mib = bytes / MIB;
        let hint = format!(
            "{what} needs {min_mib} MiB or more: by --size, or by --grow without a small --maxsize"
        );
        let small =
            || Diagnostic::error(place.clone(), format!("part {path}: {mib} MiB is too small"));
        (mib < min_mib).then(|| small().hint(hint))
    };
    partitions.chain(volumes).filter_map(judge).collect()
}

/// What a machine starts from and is not on its first disk, which ends at `end`.
pub fn find_far_boot(
    partitions: &[ArrangedPartition],
    groups: &[ArrangedGroup],
    end: u64,
) -> Vec<Diagnostic> {
    let far = |p: &&ArrangedPartition| p.offset_bytes >= end;
    let error = |place: &Place, what: &str| {
        let message = format!("{what} is not on the first disk, from which an image starts");
        let hint = "write --ondisk=vda for it, or a /boot of its own there";
        Diagnostic::error(place.clone(), message).hint(hint)
    };
    let is_boot = |p: &&ArrangedPartition| {
        ["biosboot", "/boot/efi", "/boot"].contains(&p.request.target.as_str())
    };
    let named = partitions.iter().filter(far).filter(is_boot);
    let mut errors: Vec<Diagnostic> =
        named.map(|p| error(&p.request.place, p.request.target.as_str())).collect();
    // Without a /boot of its own, the root filesystem holds it.
    let is = |target: &Target, path: &str| target.as_str() == path;
    let volumes = || groups.iter().flat_map(|group| &group.volumes);
    let has_boot = partitions.iter().any(|p| is(&p.request.target, "/boot"))
        || volumes().any(|v| is(&v.request.target, "/boot"));
    if !has_boot {
        let roots = partitions.iter().filter(far).filter(|p| is(&p.request.target, "/"));
        errors.extend(roots.map(|p| error(&p.request.place, "/ with its /boot")));
    }
    let holds_boot = if has_boot { "/boot" } else { "/" };
    let volumes = volumes().filter(|v| is(&v.request.target, holds_boot));
    let volumes = volumes.filter(|v| v.pieces.iter().any(|piece| piece.offset >= end));
    errors.extend(volumes.map(|v| error(&v.request.place, holds_boot)));
    errors
}

/// Packages that the target needs to start and for its filesystems; Anaconda adds them by itself
/// as well.
pub fn required_packages(storage: &StorageRequest) -> Vec<&'static str> {
    let storage = expand_automatic(storage, ANY_DISK_MIB, ANY_MEMORY_MIB);
    let partitions = storage.partitions.iter().map(|p| (&p.target, &p.filesystem));
    let volumes = storage.logical_volumes.iter().map(|v| (&v.target, &v.filesystem));
    let is_xfs = |(target, files): (&Target, &FilesystemRequest)| {
        matches!(target, Target::Mount(path)
            if Format::of_mount(path, files.kind.as_deref()) == Format::Xfs)
    };
    let boot = storage.boot.unwrap_or(BootMode::Both);
    let mut found = vec!["kernel"];
    if boot.has_bios() {
        found.extend(["grub2-pc", "grub2-pc-modules", "grub2-tools"]);
    }
    if boot.has_uefi() {
        found.extend(["grub2-efi-x64", "shim-x64", "efibootmgr"]);
    }
    if partitions.chain(volumes).any(is_xfs) {
        found.push("xfsprogs");
    }
    if !storage.volume_groups.is_empty() {
        found.push("lvm2");
    }
    found
}
