//! Where everything is on a disk, before it has identifiers.

use super::label::DiskLabel;
use super::model::Piece;
use super::request::{PartitionRequest, TmpfsRequest, VolumeRequest};

/// A disk laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The disk's size.
    pub(super) size_bytes: u64,
    /// Sizes of further disks; places on them follow those on the disks before them.
    pub(super) further_bytes: Vec<u64>,
    /// The kind of its partition table.
    pub(super) label: DiskLabel,
    /// By offset.
    pub(super) partitions: Vec<ArrangedPartition>,
    /// In the order of the request.
    pub(super) groups: Vec<ArrangedGroup>,
    /// Filesystems in memory.
    pub(super) tmpfs: Vec<TmpfsRequest>,
}

/// A partition with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrangedPartition {
    /// What was asked for.
    pub request: PartitionRequest,
    /// Offset of its first byte on the disk.
    pub offset_bytes: u64,
    /// Its size.
    pub size_bytes: u64,
    /// Of a physical volume: the group that it belongs to.
    pub group: Option<String>,
    /// Whether it is in the extended partition of an msdos label.
    pub logical: bool,
    /// Whether an old BIOS starts from it.
    pub active: bool,
}

/// A volume group with its logical volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrangedGroup {
    /// Its name.
    pub name: String,
    /// The size of an extent.
    pub extent_bytes: u64,
    /// Its logical volumes.
    pub volumes: Vec<ArrangedVolume>,
}

/// A logical volume with its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrangedVolume {
    /// What was asked for.
    pub request: VolumeRequest,
    /// Its size: whole extents.
    pub size_bytes: u64,
    /// Where it is, in its own order.
    pub pieces: Vec<Piece>,
}
