//! Little-endian numbers in bytes.

/// The 16-bit number at `at`, `None` when the bytes end before or inside it.
pub fn get_le16(bytes: &[u8], at: usize) -> Option<u16> {
    field(bytes, at).map(u16::from_le_bytes)
}

/// The 32-bit number at `at`, `None` when the bytes end before or inside it.
pub fn get_le32(bytes: &[u8], at: usize) -> Option<u32> {
    field(bytes, at).map(u32::from_le_bytes)
}

/// The 64-bit number at `at`, `None` when the bytes end before or inside it.
pub fn get_le64(bytes: &[u8], at: usize) -> Option<u64> {
    field(bytes, at).map(u64::from_le_bytes)
}

/// The 16-bit number at `at` of a structure of known length.
///
/// # Panics
/// When the bytes end before or inside it.
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The 32-bit number at `at` of a structure of known length.
///
/// # Panics
/// When the bytes end before or inside it.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from(le16(bytes, at)) | u32::from(le16(bytes, at + 2)) << 16
}

/// The 64-bit number at `at` of a structure of known length.
///
/// # Panics
/// When the bytes end before or inside it.
pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_and_end_with_the_bytes() {
        let bytes: Vec<u8> = (1..=9).collect();
        assert_eq!((le16(&bytes, 1), get_le16(&bytes, 1)), (0x0302, Some(0x0302)));
        assert_eq!((le32(&bytes, 1), get_le32(&bytes, 1)), (0x0504_0302, Some(0x0504_0302)));
        let long = 0x0908_0706_0504_0302;
        assert_eq!((le64(&bytes, 1), get_le64(&bytes, 1)), (long, Some(long)));
        for at in [8, 9, 100, usize::MAX] {
            assert_eq!(get_le16(&bytes, at), None, "{at}");
            assert_eq!(get_le32(&bytes, at), None, "{at}");
            assert_eq!(get_le64(&bytes, at), None, "{at}");
        }
    }
}
