//! What a filesystem is besides its tree.

/// One of the three filesystems, which differ in their features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtKind {
    /// Without a journal.
    Ext2,
    /// With a journal, files mapped block by block.
    Ext3,
    /// With a journal from 8 MiB on, files mapped by extents.
    #[default]
    Ext4,
}

impl ExtKind {
    /// Whether it has extents, flexible groups, and groups that need not be initialised.
    pub fn is_ext4(self) -> bool {
        self == Self::Ext4
    }
}

/// What the filesystem is to be.
#[derive(Clone, Debug)]
pub struct Ext4Options {
    /// Which of them.
    pub kind: ExtKind,
    /// Filesystem UUID, bytes in textual order.
    pub uuid: [u8; 16],
    /// Seed of directory hashes.
    pub hash_seed: [u8; 16],
    /// Volume label, at most 16 bytes.
    pub label: String,
    /// When it was created, seconds since 1970.
    pub time: u32,
    /// Part of the blocks kept for root, in percent.
    pub reserved_percent: u64,
}
