//! Units of sizes.

/// Bytes in a sector. Images are made for 512-byte logical sectors.
pub const SECTOR: u64 = 512;

/// Bytes in a MiB.
pub const MIB: u64 = 1024 * 1024;
