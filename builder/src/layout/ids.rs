//! Identifiers that derive from a seed.

use crate::base::error::{Error, Result};
use sha2::{Digest, Sha256};

fn derive(seed: &str, what: &str) -> [u8; 32] {
    Sha256::digest(format!("imgbuild {what} {seed}")).into()
}

/// A UUID of version 8 (RFC 9562 §5.8: vendor-specific content) derived from `seed` and `what`.
pub fn uuid(seed: &str, what: &str) -> String {
    let mut b = derive(seed, what);
    b[6] = b[6] & 0x0f | 0x80;
    b[8] = b[8] & 0x3f | 0x80;
    let h = hex::encode(&b[..16]);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

/// A FAT volume serial number as `/dev/disk/by-uuid` spells it, `ABCD-1234`.
pub fn serial(seed: &str, what: &str) -> String {
    let b = derive(seed, what);
    format!("{:02X}{:02X}-{:02X}{:02X}", b[0], b[1], b[2], b[3])
}

/// A UUID in LVM's form: 32 letters and digits in groups of 6-4-4-4-4-4-6.
pub fn lvm_uuid(seed: &str, what: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut text = String::new();
    for (n, byte) in derive(seed, what).into_iter().enumerate() {
        if (6..=26).contains(&n) && (n - 6) % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    }
    text
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
