//! repomd.xml: the metadata files that a repository has. Source: createrepo_c's documentation.

use super::xml::{self, Token};
use crate::checksum::Hasher;
use crate::error::{Error, Result};
use std::io::Read;

/// More metadata than any repository has; a larger file is not read.
pub const MOST_METADATA: u64 = 1 << 30;

/// Kinds that say nothing that others do not say as well, or nothing about installing.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// `primary`, `filelists_db`, …
    pub kind: String,
    /// Its path below the repository.
    pub location: String,
    /// Kind and value of its checksum.
    pub checksum: (String, String),
}

/// Reads repomd.xml.
///
/// # Errors
/// What is wrong with it and at which byte.
pub fn parse(bytes: &[u8]) -> Result<Vec<Data>, String> {
    let mut all = Vec::new();
    let mut current: Option<Data> = None;
    xml::parse(bytes, |token| {
        match token {
            Token::Start("data", a) => {
                current = Some(Data { kind: a.get("type")?, ..Data::default() });
            }
            Token::End("data", _) => all.extend(current.take()),
            Token::Start(name, a) => match (name, &mut current) {
                ("checksum", Some(data)) => data.checksum.0 = a.get("type")?,
                ("location", Some(data)) => {
                    data.location = a.get("href")?;
                    inside(&data.location)?;
                }
                _ => {}
            },
            Token::End("checksum", text) => {
                if let Some(data) = &mut current {
                    text.clone_into(&mut data.checksum.1);
                }
            }
            Token::End(..) => {}
        }
        Ok(())
    })?;
    Ok(all)
}

/// Refuses a path that does not stay in its repository.
pub fn inside(path: &str) -> Result<(), String> {
    if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(format!("the location `{path}` is not within the repository"));
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
    let (kind, expected) = &data.checksum;
    let found = checksum(kind, bytes).ok_or_else(|| {
        Error::input(format!("{place}: {}: checksum kind `{kind}` is not known", data.location))
    })?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{place}: {} does not match repomd.xml: {kind} is {found}, expected {expected}",
        data.location
    ))
    .hint("the medium is damaged or was changed; copy it again and compare its checksum with the publisher's"))
}

/// A checksum by its repodata name, lower-case hexadecimal.
pub fn checksum(kind: &str, bytes: &[u8]) -> Option<String> {
    let mut hasher = Hasher::new(kind)?;
    hasher.update(bytes);
    Some(hasher.finish())
}

/// Uncompresses by the name's ending.
pub fn uncompress(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let from = bytes.as_slice();
    let reader: Box<dyn Read> = match name.rsplit('.').next() {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(from)),
        Some("xz") => Box::new(liblzma::read::XzDecoder::new_multi_decoder(from)),
        Some("bz2") => Box::new(bzip2::read::MultiBzDecoder::new(from)),
        Some("zst") => Box::new(zstd::stream::read::Decoder::new(from).map_err(|e| e.to_string())?),
        _ => return Ok(bytes),
    };
    let mut out = Vec::new();
    // A bomb ends here, not when memory does.
    let read = reader.take(MOST_METADATA + 1).read_to_end(&mut out);
    match read {
        Ok(_) if out.len() as u64 > MOST_METADATA => {
            Err(format!("more than {} MiB when uncompressed", MOST_METADATA >> 20))
        }
        Ok(_) => Ok(out),
        Err(e) => Err(format!("{e}, {} bytes into the uncompressed text", out.len())),
    }
}
