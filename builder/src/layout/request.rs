//! A request for a disk layout, as values; the kickstart's storage commands become these.
//!
//! What is absent here was absent in the kickstart: defaults are set when the disk is laid out.
//! Existing devices, encryption, RAID and Btrfs have no values: their lines are refused in
//! the report.

use super::label::DiskLabel;
use crate::base::lab::BootMode;
use crate::base::place::Place;

/// Everything asked of the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageRequest {
    /// `part`, `partition`, in order.
    pub partitions: Vec<PartitionRequest>,
    /// `part --fstype=tmpfs`, in order.
    pub tmpfs: Vec<TmpfsRequest>,
    /// `volgroup`, in order.
    pub volume_groups: Vec<GroupRequest>,
    /// `logvol`, in order.
    pub logical_volumes: Vec<VolumeRequest>,
    /// `autopart`; it excludes all of the above.
    pub autopart: Option<Autopart>,
    /// `reqpart`; it excludes `autopart`.
    pub reqpart: Option<Reqpart>,
    /// Where lines want something encrypted.
    pub encrypted: Vec<Place>,
    /// `clearpart --disklabel`.
    pub label: Option<DiskLabel>,
    /// The profile's `boot`; what the kickstart implies where absent.
    pub boot: Option<BootMode>,
}

impl StorageRequest {
    /// Whether nothing lays out the disk.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
            && self.volume_groups.is_empty()
            && self.logical_volumes.is_empty()
            && self.autopart.is_none()
            && self.reqpart.is_none()
    }

    /// The same with only the lines of its places.
    pub fn with_lines_only(&self) -> Self {
        let mut bare = self.clone();
        let partitions = bare.partitions.iter_mut().map(|p| &mut p.place);
        let groups = bare.volume_groups.iter_mut().map(|g| &mut g.place);
        let volumes = bare.logical_volumes.iter_mut().map(|v| &mut v.place);
        let volumes = volumes.chain(bare.tmpfs.iter_mut().map(|t| &mut t.place));
        let volumes = volumes.chain(&mut bare.encrypted);
        let single = (bare.autopart.iter_mut().map(|a| &mut a.place))
            .chain(bare.reqpart.iter_mut().map(|r| &mut r.place));
        for place in partitions.chain(groups).chain(volumes).chain(single) {
            (place.file, place.column) = (String::new(), 0);
        }
        bare
    }
}

/// One `part` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRequest {
    /// Where its command is.
    pub place: Place,
    /// What it is for.
    pub target: Target,
    /// How large it is.
    pub size: SizeRequest,
    /// What is on it.
    pub filesystem: FilesystemRequest,
    /// `--ondisk`, without `/dev/`.
    pub disk: Option<String>,
    /// `--asprimary`: not in the extended partition of an msdos label.
    pub as_primary: bool,
    /// `--active`: what an old BIOS starts from, on an msdos label.
    pub active: bool,
}

impl PartitionRequest {
    /// One that no `part` line asks for.
    pub fn new(place: &Place, target: Target, size: SizeRequest, kind: Option<&str>) -> Self {
        let filesystem = FilesystemRequest { kind: kind.map(str::to_owned), ..Default::default() };
        let (disk, as_primary, active) = (None, false, false);
        let place = place.clone();
        Self { place, target, size, filesystem, disk, as_primary, active }
    }
}

/// One `part --fstype=tmpfs` line, which takes no room on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TmpfsRequest {
    /// Where its command is.
    pub place: Place,
    /// Where it is mounted.
    pub target: Target,
    /// `--size`; half of the memory where absent.
    pub size_mib: Option<u64>,
    /// `--fsoptions`.
    pub options: Option<String>,
}

/// Where a partition or logical volume belongs: the first argument of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A mount point: an absolute path without `.`, `..`, doubled or trailing slashes.
    Mount(String),
    /// `swap`.
    Swap,
    /// `biosboot`: GRUB's core image under BIOS; no filesystem.
    BiosBoot,
    /// `pv.ID`: a physical volume, named so by `volgroup`.
    PhysicalVolume(String),
    /// `raid.ID`.
    Raid(String),
    /// `btrfs.ID`.
    Btrfs(String),
    /// `none` of a logical volume, or any other word.
    Other(String),
}

impl Target {
    /// Reads the first argument of `part` or `logvol`.
    pub fn parse(text: &str) -> Self {
        let owned = text.to_owned();
        match text.split_once('.').map_or(text, |(kind, _)| kind) {
            _ if text.starts_with('/') => Self::Mount(normalize_path(text)),
            "pv" => Self::PhysicalVolume(owned),
            "raid" => Self::Raid(owned),
            "btrfs" => Self::Btrfs(owned),
            _ if text == "swap" => Self::Swap,
            _ if text == "biosboot" => Self::BiosBoot,
            _ => Self::Other(owned),
        }
    }

    /// As in a kickstart.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Swap => "swap",
            Self::BiosBoot => "biosboot",
            Self::Mount(text)
            | Self::PhysicalVolume(text)
            | Self::Raid(text)
            | Self::Btrfs(text)
            | Self::Other(text) => text,
        }
    }
}

/// An absolute path without `.`, `..` and superfluous slashes.
fn normalize_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// How large a partition or logical volume is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeRequest {
    /// `--size`: the minimum.
    pub min_mib: Option<u64>,
    /// `--maxsize`: the maximum, where it grows.
    pub max_mib: Option<u64>,
    /// `--grow`: takes a share of what is left.
    pub grow: bool,
    /// `--percent` of the volume group, 1 to 100; `logvol` only.
    pub percent: Option<u8>,
    /// `--recommended`: of swap, by the machine's memory.
    pub recommended: bool,
    /// `--hibernation`: of swap, large enough for the memory's content.
    pub hibernation: bool,
}

impl SizeRequest {
    /// Exactly so much.
    pub fn fixed(mib: u64) -> Self {
        Self { min_mib: Some(mib), ..Self::default() }
    }

    /// At least so much, and what is left up to a maximum.
    pub fn growing(min_mib: u64, max_mib: Option<u64>) -> Self {
        Self { min_mib: Some(min_mib), max_mib, grow: true, ..Self::default() }
    }
}

/// The filesystem on a partition or logical volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesystemRequest {
    /// `--fstype`.
    pub kind: Option<String>,
    /// `--label`.
    pub label: Option<String>,
    /// `--fsoptions`: the fourth field of fstab(5).
    pub options: Option<String>,
    /// `--mkfsoptions`: arguments for mkfs.
    pub mkfs: Option<String>,
    /// `--fsprofile`: a usage type of mke2fs.
    pub profile: Option<String>,
}

/// One `volgroup` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRequest {
    /// Where its command is.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Physical volumes, as in [`Target::PhysicalVolume`].
    pub members: Vec<String>,
    /// `--pesize`; absent means LVM's default of 4096.
    pub extent_kib: Option<u64>,
    /// `--reserved-space`: left unused.
    pub reserved_mib: Option<u64>,
    /// `--reserved-percent`: left unused, 1 to 99.
    pub reserved_percent: Option<u8>,
}

/// One `logvol` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRequest {
    /// Where its command is.
    pub place: Place,
    /// What it is for.
    pub target: Target,
    /// `--vgname`.
    pub group: String,
    /// `--name`.
    pub name: String,
    /// How large it is.
    pub size: SizeRequest,
    /// What is on it.
    pub filesystem: FilesystemRequest,
}

/// `autopart`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autopart {
    /// Where its command is.
    pub place: Place,
    /// `--type`, `--nolvm`.
    pub scheme: AutopartScheme,
    /// `--fstype` of the filesystems that it chooses.
    pub kind: Option<String>,
    /// `--nohome`.
    pub no_home: bool,
}

/// What `autopart` creates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutopartScheme {
    /// Logical volumes; Anaconda's default.
    #[default]
    Lvm,
    /// Partitions only: `plain`, `partition`, `--nolvm`.
    Plain,
    /// Btrfs subvolumes.
    Btrfs,
    /// Thin logical volumes.
    ThinLvm,
}

/// `reqpart`: what the platform needs to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reqpart {
    /// Where its command is.
    pub place: Place,
    /// `--add-boot`: a separate /boot as well.
    pub boot: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_and_paths_tidied() {
        assert_eq!(Target::parse("//var/./log//../lib/"), Target::Mount("/var/lib".into()));
        assert_eq!(Target::parse("/"), Target::Mount("/".into()));
        assert_eq!(Target::parse("pv.01"), Target::PhysicalVolume("pv.01".into()));
        assert_eq!(Target::parse("swap"), Target::Swap);
        assert_eq!(Target::parse("swap.1"), Target::Other("swap.1".into()));
        assert_eq!(Target::parse("none").as_str(), "none");
    }
}
