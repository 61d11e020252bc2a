//! Where everything is on a node's disk, and every identifier on it. Pure arithmetic.

pub mod limits;

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes in a sector. Images are made for 512-byte logical sectors.
pub const SECTOR: u64 = 512;
const MIB: u64 = 1024 * 1024;
/// GPT keeps 33 sectors at the end; one alignment unit covers them.
const TAIL: u64 = MIB;

/// What a partition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// GRUB's core.img for BIOS machines; no filesystem.
    BiosBoot,
    /// The EFI system partition, FAT32.
    Esp,
    /// The root filesystem, ext4.
    Root,
}

impl Purpose {
    /// GPT partition type GUID, textual (UEFI specification 2.10, table 5.7; GNU GRUB
    /// manual for BIOS boot; UAPI discoverable partitions for a generic Linux filesystem).
    pub fn type_guid(self) -> &'static str {
        match self {
            Purpose::BiosBoot => "21686148-6449-6E6F-744E-656564454649",
            Purpose::Esp => "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
            Purpose::Root => "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
        }
    }

    /// GPT partition name.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::BiosBoot => "BIOS boot",
            Purpose::Esp => "EFI System Partition",
            Purpose::Root => "root",
        }
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// What it is for.
    pub purpose: Purpose,
    /// Offset of its first byte on the disk.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// GPT unique GUID, textual.
    pub guid: String,
}

impl Partition {
    /// First logical block.
    pub fn first_lba(&self) -> u64 {
        self.offset / SECTOR
    }

    /// Last logical block, inclusive.
    pub fn last_lba(&self) -> u64 {
        (self.offset + self.size) / SECTOR - 1
    }
}

/// A disk and its identifiers. All nodes of a role share it: cloned machines may
/// have equal UUIDs, and images that differ only in identity can share a base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The virtual disk's size in bytes.
    pub size: u64,
    /// GPT disk GUID, textual.
    pub guid: String,
    /// Partitions by offset.
    pub partitions: Vec<Partition>,
    /// The root filesystem's UUID.
    pub root_uuid: String,
    /// The ext4 directory hash seed, textual.
    pub hash_seed: String,
    /// The ESP's FAT volume serial number.
    pub esp_serial: u32,
}

/// What a kickstart asks for, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The BIOS boot partition.
    pub bios: u64,
    /// The EFI system partition.
    pub esp: u64,
    /// Least size of the root filesystem.
    pub root: u64,
    /// Whether it takes what is left of the disk.
    pub grow: bool,
    /// Its largest size if it grows.
    pub root_maximum: Option<u64>,
    /// What its content needs.
    pub content: u64,
}

impl Layout {
    /// Lays out BIOS boot partition, ESP and root filesystem on a disk of `size` bytes.
    /// Identifiers derive from `seed`.
    ///
    /// # Errors
    /// An input error with need and have when the disk is too small.
    pub fn new(size: u64, sizes: &Sizes, seed: &str) -> Result<Self> {
        let bios = sizes.bios.next_multiple_of(MIB);
        let esp_offset = MIB + bios;
        let esp = sizes.esp.next_multiple_of(MIB);
        let root_offset = esp_offset + esp;
        let root_minimum = sizes.root.max(sizes.content);
        let need = root_offset + root_minimum + TAIL;
        if size < need {
            return Err(Error::input(format!(
                "disk too small: the profile's disk has {} MiB, this image needs at least {} MiB \
                 (root filesystem: {} MiB asked for by the kickstart, about {} MiB for its content)",
                size / MIB,
                need.div_ceil(MIB),
                sizes.root.div_ceil(MIB),
                sizes.content.div_ceil(MIB)
            ))
            .hint("make `disk` in the role's profile larger, or install fewer packages"));
        }
        let partition = |purpose: Purpose, offset, size| Partition {
            purpose,
            offset,
            size,
            guid: uuid(seed, purpose.name()),
        };
        let rest = (size - TAIL - root_offset) / MIB * MIB;
        let root_size =
            if sizes.grow { rest.min(sizes.root_maximum.unwrap_or(rest)) } else { root_minimum };
        let serial = derive(seed, "ESP serial");
        Ok(Self {
            size,
            guid: uuid(seed, "disk"),
            partitions: vec![
                partition(Purpose::BiosBoot, MIB, bios),
                partition(Purpose::Esp, esp_offset, esp),
                partition(Purpose::Root, root_offset, root_size),
            ],
            root_uuid: uuid(seed, "root filesystem"),
            hash_seed: uuid(seed, "hash seed"),
            esp_serial: u32::from_le_bytes([serial[0], serial[1], serial[2], serial[3]]),
        })
    }

    /// The partition for `purpose`.
    pub fn partition(&self, purpose: Purpose) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.purpose == purpose)
    }

    /// The ESP's serial number as `/dev/disk/by-uuid` spells it, `ABCD-1234`.
    pub fn esp_uuid(&self) -> String {
        format!("{:04X}-{:04X}", self.esp_serial >> 16, self.esp_serial & 0xffff)
    }
}

fn derive(seed: &str, what: &str) -> [u8; 16] {
    let digest = Sha256::digest(format!("imgbuild {what} {seed}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes
}

/// A UUID of version 8 (RFC 9562 §5.8: vendor-specific content) derived from `seed` and `what`.
fn uuid(seed: &str, what: &str) -> String {
    let mut b = derive(seed, what);
    b[6] = b[6] & 0x0f | 0x80;
    b[8] = b[8] & 0x3f | 0x80;
    let h = hex::encode(b);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

/// The 16 bytes of a textual UUID in its written order.
///
/// # Errors
/// An input error when `text` is not a UUID.
pub fn uuid_bytes(text: &str) -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    hex::decode_to_slice(text.replace('-', ""), &mut bytes)
        .map_err(|e| Error::input(format!("`{text}` is not a UUID: {e}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    const GIB: u64 = 1024 * MIB;

    fn sizes(root: u64) -> Sizes {
        Sizes { bios: MIB, esp: 200 * MIB, root, grow: true, root_maximum: None, content: 0 }
    }

    #[test]
    fn partitions_are_aligned_disjoint_and_inside_the_disk() {
        for size in [GIB, 50 * GIB, 100 * GIB + 512] {
            let layout = Layout::new(size, &sizes(500 * MIB), "seed").unwrap();
            let mut end = 0;
            for p in &layout.partitions {
                assert_eq!(p.offset % MIB, 0);
                assert!(p.offset >= end && p.size > 0);
                end = p.offset + p.size;
            }
            // The backup GPT: 32 sectors of entries and one of header.
            assert!(end + 33 * SECTOR <= size);
        }
    }

    #[test]
    fn too_small_a_disk_names_need_and_have() {
        let error = Layout::new(GIB, &sizes(GIB), "seed").unwrap_err();
        assert_eq!(error.class, crate::error::Class::Input);
        assert!(error.message.contains("has 1024 MiB"), "{error}");
        assert!(error.message.contains("at least 1227 MiB"), "{error}");
    }

    #[test]
    fn identifiers_follow_the_seed() {
        let a = Layout::new(GIB, &sizes(0), "a").unwrap();
        let b = Layout::new(GIB, &sizes(0), "b").unwrap();
        assert_eq!(a, Layout::new(GIB, &sizes(0), "a").unwrap());
        assert_ne!(a.root_uuid, b.root_uuid);
        assert_eq!(a.root_uuid.as_bytes()[14], b'8');
        assert_eq!(uuid_bytes(&a.root_uuid).unwrap()[6] >> 4, 8);
    }
}
