//! Java's trust store, which `update-ca-trust` makes: each certificate carries the time at
//! which it was put in. Source: the JKS format as OpenJDK's `JavaKeyStore` describes it.

use sha1::{Digest, Sha1};

const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
const TRUSTED_CERTIFICATE: u32 = 2;
/// What everybody protects trust stores with.
const PASSWORD: &str = "changeit";
const DIGEST: usize = 20;

/// Gives every entry the time `time` (seconds since 1970). `None` when the bytes are not a
/// trust store that the well-known password opens; it is left alone then.
pub fn settled(store: &[u8], time: i64) -> Option<Vec<u8>> {
    let (content, seal) = store.split_at_checked(store.len().checked_sub(DIGEST)?)?;
    if digest(content) != seal {
        return None;
    }
    let mut content = content.to_vec();
    let stamp = u64::try_from(time).ok()? * 1000;
    let mut at = Cursor { bytes: &mut content, offset: 0 };
    if at.number()? != MAGIC || at.number()? != VERSION {
        return None;
    }
    for _ in 0..at.number()? {
        if at.number()? != TRUSTED_CERTIFICATE {
            return None;
        }
        at.skip_text()?;
        at.take(8)?.copy_from_slice(&stamp.to_be_bytes());
        at.skip_text()?;
        let length = at.number()?;
        at.take(length as usize)?;
    }
    let seal = digest(&content);
    content.extend(seal);
    Some(content)
}

fn digest(content: &[u8]) -> [u8; DIGEST] {
    let mut sha1 = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        sha1.update(unit.to_be_bytes());
    }
    sha1.update("Mighty Aphrodite");
    sha1.update(content);
    sha1.finalize().into()
}

struct Cursor<'a> {
    bytes: &'a mut [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn take(&mut self, length: usize) -> Option<&mut [u8]> {
        let end = self.offset.checked_add(length)?;
        let part = self.bytes.get_mut(self.offset..end)?;
        self.offset = end;
        Some(part)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A text with its length in two bytes before it.
    fn skip_text(&mut self) -> Option<()> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::from(length)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(time: u64) -> Vec<u8> {
        let mut content = Vec::new();
        content.extend([MAGIC, VERSION, 1, TRUSTED_CERTIFICATE].map(u32::to_be_bytes).concat());
        content.extend(b"\0\x02ca");
        content.extend(time.to_be_bytes());
        content.extend(b"\0\x05X.509\0\0\0\x03DER");
        let seal = digest(&content);
        content.extend(seal);
        content
    }

    #[test]
    fn only_the_times_change() {
        assert_eq!(settled(&store(1_234_567), 1000).unwrap(), store(1_000_000));
        let mut damaged = store(1);
        damaged[20] ^= 1;
        assert_eq!(settled(&damaged, 1000), None);
        assert_eq!(settled(b"", 1000), None);
    }
}
