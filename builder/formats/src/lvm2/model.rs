//! A volume group as it is to be written.

use super::layout::DATA;

/// A volume group, all physical volumes of which are in one file.
#[derive(Clone, Debug)]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its UUID in LVM's form, with hyphens.
    pub uuid: String,
    /// Bytes in an extent, a power of two.
    pub extent: u64,
    /// Its physical volumes.
    pub physical: Vec<Physical>,
    /// Its logical volumes.
    pub volumes: Vec<Volume>,
    /// When it was created, seconds since 1970.
    pub time: i64,
}

/// A physical volume.
#[derive(Clone, Debug)]
pub struct Physical {
    /// Its UUID in LVM's form.
    pub uuid: String,
    /// A hint where it is, such as `/dev/vda3`.
    pub device: String,
    /// Where it is in the file, in bytes.
    pub offset: u64,
    /// Bytes in it.
    pub size: u64,
}

impl Physical {
    /// Whole extents in it.
    pub(super) fn extents(&self, extent: u64) -> u64 {
        self.size.saturating_sub(DATA) / extent
    }
}

/// A logical volume: its segments one after the other.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its UUID in LVM's form.
    pub uuid: String,
    /// Its segments in order.
    pub segments: Vec<Segment>,
}

/// Adjoining extents of one physical volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which of the group's physical volumes they are on.
    pub physical: usize,
    /// The first of its extents there.
    pub first: u64,
    /// How many there are.
    pub extents: u64,
}
