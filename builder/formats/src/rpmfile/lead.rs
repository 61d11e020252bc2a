//! The lead, which every package file begins with.

/// Bytes of the lead, which only says that this is a package.
pub const LEAD: usize = 96;
/// What the lead begins with.
pub const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
