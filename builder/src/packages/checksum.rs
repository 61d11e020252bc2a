//! Checksums by the names that repodata uses, computed incrementally.

use crate::base::error::{Context, Result};
use crate::base::interrupt;
use crate::base::malformed::Malformed;
use formats::digest::DigestKind;
use sha2::digest::DynDigest;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const PIECE: usize = 1 << 20;

/// A checksum: always lower-case hexadecimal of its kind's length, wherever its text is from.
/// It can therefore be (part of) a file's name; see [`Checksum::file_name`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    kind: DigestKind,
    hex: String,
}

impl Checksum {
    /// Reads a checksum as repodata, metalinks and plans write it; upper-case digits are
    /// accepted.
    ///
    /// # Errors
    /// What is wrong with the kind or the value; a value is shown shortened and escaped.
    pub fn parse(kind: &str, value: &str) -> Result<Self, Malformed> {
        let kind = DigestKind::named(kind)
            .ok_or_else(|| format!("checksum kind `{}` is not known", show(kind)))?;
        let digits = kind.digits();
        if value.len() != digits || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!(
                "`{}` is not a {kind} checksum, which has {digits} hexadecimal digits",
                show(value)
            )
            .into());
        }
        Ok(Self { kind, hex: value.to_ascii_lowercase() })
    }

    /// The checksum of `bytes`.
    pub fn of(kind: DigestKind, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(kind);
        hasher.update(bytes);
        hasher.finish()
    }

    /// How it was computed.
    pub fn kind(&self) -> DigestKind {
        self.kind
    }

    /// Its value, lower-case hexadecimal.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The name of a file in the cache that has this checksum: the value and `ending`. Kinds
    /// differ in length, so that values of different kinds differ in name.
    pub fn file_name(&self, ending: &'static str) -> PathBuf {
        PathBuf::from(format!("{}{ending}", self.hex))
    }
}

/// Text from a medium for a message: what cannot be printed is escaped, and the rest cut.
fn show(text: &str) -> String {
    const MOST: usize = 140;
    let escaped: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() { format!("{escaped}…") } else { escaped }
}

/// A checksum being computed.
pub struct Hasher {
    kind: DigestKind,
    digest: Box<dyn DynDigest + Send>,
}

impl Hasher {
    /// Of nothing so far.
    pub fn new(kind: DigestKind) -> Self {
        let digest: Box<dyn DynDigest + Send> = match kind {
            DigestKind::Md5 => Box::new(md5::Md5::default()),
            DigestKind::Sha1 => Box::new(sha1::Sha1::default()),
            DigestKind::Sha224 => Box::new(sha2::Sha224::default()),
            DigestKind::Sha256 => Box::new(sha2::Sha256::default()),
            DigestKind::Sha384 => Box::new(sha2::Sha384::default()),
            DigestKind::Sha512 => Box::new(sha2::Sha512::default()),
        };
        Self { kind, digest }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// The checksum of everything added.
    pub fn finish(mut self) -> Checksum {
        let mut sum = vec![0; self.digest.output_size()];
        // The buffer has the digest's own size, the one thing that can be wrong here.
        let _ = self.digest.finalize_into_reset(&mut sum);
        Checksum { kind: self.kind, hex: hex::encode(sum) }
    }
}

/// What a file's content has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its checksum.
    pub checksum: Checksum,
    /// Length in bytes, or the maximum that is read where no exact one is known.
    pub size: u64,
}

impl Known {
    /// A hasher of its kind.
    pub fn hasher(&self) -> Hasher {
        Hasher::new(self.checksum.kind())
    }

    /// Whether the file at `path` has this content, told by its checksum.
    ///
    /// # Errors
    /// When the file cannot be read, or on interruption.
    pub fn describes(&self, path: &Path) -> Result<bool> {
        let file = File::open(path).or_environment(|| format!("cannot read {}", path.display()))?;
        Ok(self.checksum_of(&file)? == self.checksum)
    }

    /// The checksum of this kind of all that an open file holds, wherever its position is.
    ///
    /// # Errors
    /// As [`Known::describes`].
    pub fn checksum_of(&self, file: &File) -> Result<Checksum> {
        let mut hasher = self.hasher();
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
        for (name, start) in [
            ("md5", "900150983cd24fb0"),
            ("sha", "a9993e364706816a"),
            ("sha1", "a9993e364706816a"),
            ("sha224", "23097d223405d822"),
            ("sha256", "ba7816bf8f01cfea"),
            ("sha384", "cb00753f45a35e8b"),
            ("sha512", "ddaf35a193617aba"),
        ] {
            let kind = DigestKind::named(name).unwrap();
            let mut hasher = Hasher::new(kind);
            hasher.update(b"a");
            hasher.update(b"bc");
            let sum = hasher.finish();
            assert!(sum.hex().starts_with(start), "{name}");
            assert_eq!(sum.hex().len(), kind.digits(), "{name}");
            assert_eq!(Checksum::parse(name, sum.hex()).unwrap(), sum);
            assert_eq!(Checksum::parse(name, &sum.hex().to_uppercase()).unwrap(), sum);
        }
        assert!(DigestKind::named("crc32").is_none() && DigestKind::named("SHA256").is_none());
    }

    #[test]
    fn nothing_but_hexadecimal_of_the_right_length() {
        let good = "0123456789abcdef0123456789abcdef";
        for bad in [
            "",
            "/",
            "..",
            "0123",
            "/etc/cron.d/x",
            &good[1..],
            &format!("{good}0"),
            &format!("/{}", &good[1..]),
            &format!("{}\n", &good[1..]),
            &format!("{}\0", &good[1..]),
            &format!(" {}", &good[1..]),
            &format!("+{}", &good[1..]),
            // As many bytes, but no ASCII digits.
            "０１２３４５６７８９ab",
        ] {
            let said = Checksum::parse("md5", bad).unwrap_err().to_string();
            assert!(said.contains("32 hexadecimal digits"), "{said}");
            assert!(!said.chars().any(char::is_control), "{said:?}");
        }
        let said = Checksum::parse("\u{1b}[2J", good).unwrap_err().to_string();
        assert!(said.contains("`\\u{1b}[2J` is not known"), "{said}");
        assert!(Checksum::parse("md5", &"x".repeat(1 << 20)).unwrap_err().to_string().len() < 400);
    }
}
