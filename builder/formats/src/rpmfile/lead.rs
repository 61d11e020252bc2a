//! The lead, which every package file begins with.

/// Bytes of the lead, which only says that this is a package.
pub const LEAD: usize = 96;
/// What the lead begins with.
pub const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// Bytes of the name, with its NUL.
const NAME: usize = 66;

/// The lead of a binary package: version 3, Linux, with a signature header.
pub(super) fn lead(name: &str) -> Vec<u8> {
    let mut lead = [&LEAD_MAGIC[..], &[3, 0, 0, 0, 0, 0]].concat();
    lead.extend(name.bytes().take(NAME - 1));
    lead.resize(10 + NAME, 0);
    lead.extend([0, 1, 0, 5]);
    lead.resize(LEAD, 0);
    lead
}
