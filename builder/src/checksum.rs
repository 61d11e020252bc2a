//! Checksums by the names that repodata uses, fed piece by piece.

use crate::error::{Context, Error, Result};
use crate::interrupt;
use sha2::digest::DynDigest;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// A checksum being computed.
pub struct Hasher(Box<dyn DynDigest + Send>);

impl Hasher {
    /// For the kind called `name` in repodata (`sha256`, `sha`, …); `None` when it is not known.
    pub fn new(name: &str) -> Option<Self> {
        Some(Self(match name {
            "md5" => Box::new(md5::Md5::default()),
            "sha" | "sha1" => Box::new(sha1::Sha1::default()),
            "sha224" => Box::new(sha2::Sha224::default()),
            "sha256" => Box::new(sha2::Sha256::default()),
            "sha384" => Box::new(sha2::Sha384::default()),
            "sha512" => Box::new(sha2::Sha512::default()),
            _ => return None,
        }))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of everything added, lower-case hexadecimal.
    pub fn finish(mut self) -> String {
        let mut sum = vec![0; self.0.output_size()];
        // The buffer has the digest's own size, the one thing that can be wrong here.
        let _ = self.0.finalize_into_reset(&mut sum);
        hex::encode(sum)
    }
}

/// What a file's content has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Checksum kind by its repodata name.
    pub kind: String,
    /// Lower-case hexadecimal value.
    pub value: String,
    /// Length in bytes, or the most that is read where no exact one is known.
    pub size: u64,
}

impl Known {
    /// A hasher of its kind.
    ///
    /// # Errors
    /// An input error when the kind is not known.
    pub fn hasher(&self) -> Result<Hasher> {
        Hasher::new(&self.kind)
            .ok_or_else(|| Error::input(format!("checksum kind `{}` is not known", self.kind)))
    }

    /// Whether the file at `path` has this content, told by its checksum.
    ///
    /// # Errors
    /// When the file cannot be read, the kind is not known, or on interruption.
    pub fn describes(&self, path: &Path) -> Result<bool> {
        let file = File::open(path).or_environment(|| format!("cannot read {}", path.display()))?;
        Ok(self.checksum_of(&file)?.eq_ignore_ascii_case(&self.value))
    }

    /// The checksum of this kind of all that an open file holds, wherever its position is.
    ///
    /// # Errors
    /// As [`Known::describes`].
    pub fn checksum_of(&self, file: &File) -> Result<String> {
        let mut hasher = self.hasher()?;
        let (mut piece, mut at) = (vec![0; PIECE], 0);
        loop {
            interrupt::check()?;
            match file.read_at(&mut piece, at) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(n) => {
                    hasher.update(&piece[..n]);
                    at += n as u64;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e).or_environment(|| "cannot read back a file".to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_their_names() {
        // `printf abc | sha1sum` and so on.
        for (kind, start) in [
            ("md5", "900150983cd24fb0"),
            ("sha", "a9993e364706816a"),
            ("sha1", "a9993e364706816a"),
            ("sha224", "23097d223405d822"),
            ("sha256", "ba7816bf8f01cfea"),
            ("sha384", "cb00753f45a35e8b"),
            ("sha512", "ddaf35a193617aba"),
        ] {
            let mut hasher = Hasher::new(kind).unwrap();
            hasher.update(b"a");
            hasher.update(b"bc");
            assert!(hasher.finish().starts_with(start), "{kind}");
        }
        assert!(Hasher::new("crc32").is_none());
    }
}
