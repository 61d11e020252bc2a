//! Where everything is on a disk, with every identifier on it.

use super::disk_names::disk_name;
use super::disk_range::{DiskRange, FurtherDisk};
use super::ids::uuid_bytes;
use super::label::DiskLabel;
use super::units::{MIB, SECTOR};
use crate::base::error::{Error, Result};
use formats::ext4::ExtKind;
use formats::msdos;
use serde::{Deserialize, Serialize};

/// What a partition or a logical volume holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DeviceContent {
    /// GRUB's core.img for BIOS machines; no filesystem.
    BiosBoot,
    /// A physical volume of a volume group.
    Physical {
        /// The group's name.
        group: String,
        /// Its UUID in LVM's form.
        uuid: String,
    },
    /// A swap area.
    Swap {
        /// Its UUID.
        uuid: String,
        /// Its label.
        label: Option<String>,
        /// Options of its line in fstab; the usual ones if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        options: Option<String>,
    },
    /// A filesystem.
    Files(Files),
}

/// A kind of filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// ext2 as EL7 makes it.
    Ext2,
    /// ext3 as EL7 makes it.
    Ext3,
    /// ext4 as EL7 makes it.
    Ext4,
    /// XFS, by the target's own mkfs.xfs.
    Xfs,
    /// FAT32 of the EFI system partition.
    Efi,
}

impl Format {
    /// The filesystem for a mount point; XFS is EL7's own choice.
    pub fn of_mount(mount: &str, kind: Option<&str>) -> Self {
        match (mount, kind) {
            ("/boot/efi", _) => Self::Efi,
            (_, Some("ext2")) => Self::Ext2,
            (_, Some("ext3")) => Self::Ext3,
            (_, Some("ext4")) => Self::Ext4,
            _ => Self::Xfs,
        }
    }

    /// Its name in fstab(5).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Efi => "vfat",
        }
    }

    /// Which of ext2, ext3 and ext4 it is, if it is one.
    pub fn ext_kind(self) -> Option<ExtKind> {
        match self {
            Self::Ext2 => Some(ExtKind::Ext2),
            Self::Ext3 => Some(ExtKind::Ext3),
            Self::Ext4 => Some(ExtKind::Ext4),
            Self::Xfs | Self::Efi => None,
        }
    }
}

/// A filesystem and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Mount point, absolute.
    pub mount: String,
    /// Its kind.
    pub format: Format,
    /// Its UUID as `/dev/disk/by-uuid` spells it.
    pub uuid: String,
    /// Its label.
    pub label: Option<String>,
    /// Mount options; the kind's usual ones if absent.
    pub options: Option<String>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// GPT partition name.
    pub name: String,
    /// Offset of its first byte on the disk.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// GPT unique GUID, textual.
    pub guid: String,
    /// What it holds.
    pub content: DeviceContent,
    /// Whether it is in the extended partition of an msdos label.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub logical: bool,
    /// Whether an old BIOS takes it as the one to start from, on an msdos label.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active: bool,
}

impl Partition {
    /// First and last logical block, inclusive, on the disk that it is on.
    pub fn blocks(&self, disk: &DiskRange<'_>) -> (u64, u64) {
        let offset = self.offset.saturating_sub(disk.offset);
        (offset / SECTOR, (offset + self.size) / SECTOR - 1)
    }

    /// GPT partition type GUID, textual (UEFI specification 2.10, table 5.7; GNU GRUB
    /// manual for BIOS boot; UAPI discoverable partitions for the others).
    pub fn type_guid(&self) -> &'static str {
        match &self.content {
            DeviceContent::BiosBoot => "21686148-6449-6E6F-744E-656564454649",
            DeviceContent::Files(Files { format: Format::Efi, .. }) => {
                "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
            }
            DeviceContent::Files(_) => "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
            DeviceContent::Swap { .. } => "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F",
            DeviceContent::Physical { .. } => "E6D6D379-F507-44C2-A23C-238F2A3DF928",
        }
    }

    /// Its type on an msdos label, as sfdisk lists them.
    pub fn msdos_type(&self) -> u8 {
        match &self.content {
            DeviceContent::Files(Files { format: Format::Efi, .. }) => 0xef,
            DeviceContent::BiosBoot | DeviceContent::Files(_) => 0x83,
            DeviceContent::Swap { .. } => 0x82,
            DeviceContent::Physical { .. } => 0x8e,
        }
    }
}

/// A filesystem in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Mount point, absolute.
    pub mount: String,
    /// Its size; half of the memory if absent.
    pub size_mib: Option<u64>,
    /// Mount options.
    pub options: Option<String>,
}

/// An LVM volume group on partitions of the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its UUID in LVM's form.
    pub uuid: String,
    /// Bytes in an extent.
    pub extent: u64,
    /// Its logical volumes.
    pub volumes: Vec<Volume>,
}

/// A stretch of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Offset of its first byte on the disk.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// A logical volume, which may lie on several physical volumes of its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its UUID in LVM's form.
    pub uuid: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where it is: whole extents, in its own order.
    pub pieces: Vec<Piece>,
    /// What it holds.
    pub content: DeviceContent,
}

/// A disk and its identifiers, and further disks. All nodes of a role share it: cloned machines may
/// have equal UUIDs, and images that differ only in identity can share a base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The virtual disk's size in bytes.
    pub size: u64,
    /// Further disks, whose places follow those on the disks before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<FurtherDisk>,
    /// The kind of its partition table.
    #[serde(default, skip_serializing_if = "DiskLabel::is_gpt")]
    pub label: DiskLabel,
    /// GPT disk GUID, textual; an msdos label has its first four bytes as signature.
    pub guid: String,
    /// Partitions by offset.
    pub partitions: Vec<Partition>,
    /// Volume groups.
    pub groups: Vec<VolumeGroup>,
    /// Filesystems in memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<Tmpfs>,
    /// The seed of ext4's directory hashes, textual.
    pub hash_seed: String,
}

/// A partition or logical volume, as it is written and mounted.
#[derive(Clone, Debug)]
pub struct Device<'a> {
    /// Its size in bytes.
    pub size: u64,
    /// Where on the disk it is, in its own order.
    pub pieces: Vec<Piece>,
    /// Group and volume, for a logical volume.
    pub volume: Option<(&'a str, &'a str)>,
    /// What it holds.
    pub content: &'a DeviceContent,
}

impl Device<'_> {
    /// How the kernel's `root=` and `/etc/fstab` name it: logical volumes by their name under
    /// /dev/mapper, where `grub2-mkconfig` looks for them as well, all else by UUID.
    pub fn source(&self) -> String {
        match (self.volume, self.content) {
            (Some((group, name)), _) => {
                format!("/dev/mapper/{}-{}", group.replace('-', "--"), name.replace('-', "--"))
            }
            (None, DeviceContent::Files(Files { uuid, .. }) | DeviceContent::Swap { uuid, .. }) => {
                format!("UUID={uuid}")
            }
            (None, DeviceContent::BiosBoot | DeviceContent::Physical { .. }) => String::new(),
        }
    }
}

impl Layout {
    /// Whether the packages fit, which need `content` bytes: into the root filesystem where it
    /// holds them all, else into all filesystems together.
    ///
    /// # Errors
    /// An input error with need and have.
    pub fn check_content(&self, content: u64) -> Result<()> {
        let holds = |files: &Files| {
            !matches!(files.mount.as_str(), "/boot" | "/boot/efi" | "/home" | "/tmp")
        };
        let sizes = self.devices().filter_map(|d| match d.content {
            DeviceContent::Files(files) if holds(files) => Some(d.size),
            _ => None,
        });
        let have: u64 = sizes.sum();
        if have >= content {
            return Ok(());
        }
        Err(Error::input(format!(
            "disk too small: the packages need about {} MiB, the filesystems for them have {} MiB \
             (the profile's disk has {} MiB)",
            content.div_ceil(MIB),
            have / MIB,
            self.size / MIB
        ))
        .hint("make `disk` in the role's profile or the kickstart's --size larger, or install fewer packages"))
    }

    /// Partitions and logical volumes.
    pub fn devices(&self) -> impl Iterator<Item = Device<'_>> {
        let partitions = self.partitions.iter().map(|p| Device {
            size: p.size,
            pieces: vec![Piece { offset: p.offset, size: p.size }],
            volume: None,
            content: &p.content,
        });
        let volumes = self.groups.iter().flat_map(|g| {
            g.volumes.iter().map(|v| Device {
                size: v.size,
                pieces: v.pieces.clone(),
                volume: Some((g.name.as_str(), v.name.as_str())),
                content: &v.content,
            })
        });
        partitions.chain(volumes)
    }

    /// The filesystems with their devices, outer mount points first.
    pub fn filesystems(&self) -> Vec<(Device<'_>, &Files)> {
        let mut found: Vec<_> = self
            .devices()
            .filter_map(|d| match d.content {
                DeviceContent::Files(files) => Some((d.clone(), files)),
                _ => None,
            })
            .collect();
        found.sort_by(|a, b| a.1.mount.cmp(&b.1.mount));
        found
    }

    /// The filesystem mounted at `mount`.
    pub fn mounted(&self, mount: &str) -> Option<(Device<'_>, &Files)> {
        self.filesystems().into_iter().find(|(_, files)| files.mount == mount)
    }

    /// The filesystem that holds `/boot`, and the directory in it: `` or `/boot`.
    pub fn boot(&self) -> Option<(Device<'_>, &Files, &'static str)> {
        let own = self.mounted("/boot").map(|(d, f)| (d, f, ""));
        own.or_else(|| self.mounted("/").map(|(d, f)| (d, f, "/boot")))
    }

    /// All disks.
    pub fn disks(&self) -> Vec<DiskRange<'_>> {
        let first = DiskRange { name: disk_name(0), offset: 0, size: self.size, guid: &self.guid };
        let further = self.further.iter().zip(1..).map(|(disk, index)| {
            let FurtherDisk { offset, size, guid } = disk;
            DiskRange { name: disk_name(index), offset: *offset, size: *size, guid }
        });
        [first].into_iter().chain(further).collect()
    }

    /// Bytes of all disks.
    pub fn total_size(&self) -> u64 {
        self.further.iter().fold(self.size, |sum, disk| sum.saturating_add(disk.size))
    }

    /// The partitions of a disk with their numbers in its table.
    pub fn numbered(&self, disk: &DiskRange<'_>) -> Vec<(u32, &Partition)> {
        let range = disk.offset..disk.offset.saturating_add(disk.size);
        let own: Vec<&Partition> =
            self.partitions.iter().filter(|p| range.contains(&p.offset)).collect();
        msdos::numbers(own.iter().map(|p| p.logical)).zip(own.iter().copied()).collect()
    }

    /// Whether it starts under BIOS.
    pub fn has_bios(&self) -> bool {
        self.label == DiskLabel::Msdos || self.bios_boot().is_some()
    }

    /// Whether it starts under UEFI.
    pub fn has_uefi(&self) -> bool {
        self.has(Format::Efi)
    }

    /// The signature of an msdos label on this disk.
    ///
    /// # Errors
    /// An input error when the plan's GUID is not one.
    pub fn signature(disk: &DiskRange<'_>) -> Result<u32> {
        let [a, b, c, d, ..] = uuid_bytes(disk.guid)?;
        Ok(u32::from_be_bytes([a, b, c, d]))
    }

    /// The BIOS boot partition.
    pub fn bios_boot(&self) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.content == DeviceContent::BiosBoot)
    }

    /// Whether any filesystem is of this kind.
    pub fn has(&self, format: Format) -> bool {
        self.filesystems().iter().any(|(_, files)| files.format == format)
    }
}
