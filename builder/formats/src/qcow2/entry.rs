//! The size of clusters and the flags of the entries that name them.

/// A cluster is 2 to the power of this.
pub const CLUSTER_BITS: u32 = 16;
/// Bytes of a cluster in what is written.
pub const CLUSTER: u64 = 1 << CLUSTER_BITS;
/// Flag of an L2 entry: one reference.
pub const COPIED: u64 = 1 << 63;
/// Flag of an L2 entry: compressed.
pub const COMPRESSED: u64 = 1 << 62;
/// Flag of an L2 entry: reads as zeros.
pub const ZERO: u64 = 1;
