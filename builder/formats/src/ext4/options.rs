//! What a filesystem is besides its tree.

/// What the filesystem is to be.
#[derive(Clone, Debug)]
pub struct Ext4Options {
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
