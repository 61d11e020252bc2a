//! repomd.xml: the metadata files that a repository has. Source: createrepo_c's documentation.

use crate::base::error::{Error, Result};
use crate::base::malformed::Malformed;
use crate::base::xml::{self, Token};
use crate::packages::checksum::Checksum;

/// More than any metadata file has as it is on the medium, compressed or not; a larger one is
/// not read.
pub const MAX_METADATA: u64 = 512 << 20;
/// Largest repomd.xml.
pub const MAX_REPOMD: u64 = 16 << 20;

/// Kinds that hold nothing that others do not hold as well, or nothing about installing.
const OF_NO_USE: [&str; 8] = [
    "other",
    "other_db",
    "primary_db",
    "filelists_db",
    "primary_zck",
    "filelists_zck",
    "other_zck",
    "group_zck",
];

/// One metadata file as repomd.xml names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// `primary`, `filelists_db`, …
    pub kind: String,
    /// Its path below the repository.
    pub location: String,
    /// Its checksum, or why there is none: metadata of unknown kinds, which nobody reads, may
    /// have checksums of unknown kinds.
    pub checksum: Result<Checksum, Malformed>,
    /// Bytes that it has when uncompressed, where that is given.
    pub open_size: Option<u64>,
}

impl Data {
    pub(super) fn new(kind: String) -> Self {
        let checksum = Err("it has no checksum".into());
        Self { kind, location: String::new(), checksum, open_size: None }
    }

    /// Its checksum; `place` is the repository, for messages.
    ///
    /// # Errors
    /// An input error when repomd.xml has no right one.
    pub fn checksum(&self, place: &str) -> Result<&Checksum> {
        self.checksum.as_ref().map_err(|e| {
            Error::input(format!(
                "{place}: repodata/repomd.xml: {} ({}): {e}",
                self.kind, self.location
            ))
            .hint("the repository is damaged or malicious; its publisher has to create it again")
        })
    }
}

/// Reads repomd.xml.
///
/// # Errors
/// What is wrong with it and at which byte.
pub fn parse(bytes: &[u8]) -> Result<Vec<Data>, Malformed> {
    let mut all = Vec::new();
    let mut current: Option<Data> = None;
    let mut sum_kind = String::new();
    xml::parse(bytes, |token| {
        match token {
            Token::Start("data", a) => {
                current = Some(Data::new(a.get("type")?));
            }
            Token::End("data", _) => all.extend(current.take()),
            Token::Start(name, a) => match (name, &mut current) {
                ("checksum", Some(_)) => sum_kind = a.get("type")?,
                ("location", Some(data)) => {
                    data.location = a.get("href")?;
                    inside(&data.location)?;
                }
                _ => {}
            },
            Token::End("checksum", text) => {
                if let Some(data) = &mut current {
                    data.checksum = Checksum::parse(&sum_kind, text);
                }
            }
            Token::End("open-size", text) => {
                if let Some(data) = &mut current {
                    let wrong = |_| format!("the open-size `{text}` is not a number that fits");
                    data.open_size = Some(text.parse().map_err(wrong)?);
                }
            }
            Token::End(..) => {}
        }
        Ok(())
    })?;
    Ok(all)
}

/// Refuses a path that does not stay in its repository.
pub fn inside(path: &str) -> Result<(), Malformed> {
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(format!("the location `{path}` is not within the repository").into());
    }
    if path.chars().any(char::is_control) {
        let shown = path.escape_debug();
        return Err(format!("the location `{shown}` has control characters").into());
    }
    Ok(())
}

/// The first file of the first of `kinds` that there is.
pub fn first<'d>(all: &'d [Data], kinds: &[&str]) -> Option<&'d Data> {
    kinds.iter().find_map(|kind| all.iter().find(|d| d.kind == *kind))
}

/// The comps files: all that are not compressed, else the first one that is.
pub fn groups(all: &[Data]) -> Vec<&Data> {
    let plain: Vec<&Data> = all.iter().filter(|d| d.kind == "group").collect();
    if plain.is_empty() {
        let packed = |d: &&Data| d.kind.starts_with("group_") && d.kind != "group_zck";
        return all.iter().find(packed).into_iter().collect();
    }
    plain
}

/// Kinds of metadata that are there and play no part here, in order, without repeats.
pub fn unused(all: &[Data]) -> Vec<&str> {
    let used = |kind: &str| {
        ["primary", "filelists", "group"].contains(&kind)
            || OF_NO_USE.contains(&kind)
            || kind.starts_with("group_")
    };
    let mut kinds: Vec<&str> = all.iter().map(|d| d.kind.as_str()).filter(|k| !used(k)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Compares `bytes` with the checksum of repomd.xml; `place` is the repository, for messages.
pub fn verify(data: &Data, place: &str, bytes: &[u8]) -> Result<()> {
    let expected = data.checksum(place)?;
    let found = Checksum::of(expected.kind(), bytes);
    if found == *expected {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{place}: {} does not match repomd.xml: {} is {}, expected {}",
        data.location,
        found.kind(),
        found.hex(),
        expected.hex()
    ))
    .hint("the medium is damaged or was changed; copy it again and compare its checksum with the publisher's"))
}
