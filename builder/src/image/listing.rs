//! What is in a filesystem: a record for each path, with the digest of each file's content.
//! One is created when an image is written and kept next to it; another is read from an image
//! later; the two are compared.

mod mtree;
mod record;

use crate::base::error::{Context, Result};
use crate::base::interrupt;
use formats::tree::{Content, Entry, Tree};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

pub use mtree::parse;
pub use record::{FileKind, Listing, Record};

/// Digests of files, kept by their path so that nodes of a role share them.
#[derive(Default)]
pub struct Digests(HashMap<PathBuf, String>);

impl Digests {
    /// Hashes every file of the tree that is not known yet, in parallel.
    fn learn(&mut self, tree: &Tree) -> Result<()> {
        let new: Vec<(&PathBuf, &Entry)> = tree
            .entries
            .values()
            .filter_map(|entry| match &entry.content {
                Content::File { path, .. } if !self.0.contains_key(path) => Some((path, entry)),
                _ => None,
            })
            .collect();
        let hashed: Vec<(PathBuf, String)> = new
            .into_par_iter()
            .map(|(path, entry)| {
                interrupt::check()?;
                let what = || format!("cannot read {}", path.display());
                let mut hasher = Sha256::new();
                std::io::copy(&mut entry.open().or_build(what)?, &mut hasher).or_build(what)?;
                Ok((path.clone(), hex::encode(hasher.finalize())))
            })
            .collect::<Result<_>>()?;
        self.0.extend(hashed);
        Ok(())
    }

    fn of(&self, content: &Content) -> String {
        match content {
            Content::File { path, .. } => self.0.get(path).cloned().unwrap_or_default(),
            Content::Bytes(bytes) => hex::encode(Sha256::digest(bytes)),
            _ => String::new(),
        }
    }
}

/// The listing of an image whose root filesystem is written from `root` and whose ESP, seen
/// at `/boot/efi`, from `esp`.
///
/// # Errors
/// When a file cannot be read.
pub fn of_trees(root: &Tree, esp: &Tree, digests: &mut Digests) -> Result<Listing> {
    digests.learn(root)?;
    digests.learn(esp)?;
    let mut listing = Listing::new();
    for (path, entry) in &root.entries {
        let entry = match &entry.content {
            Content::Hardlink(to) => root.entries.get(to).unwrap_or(entry),
            _ => entry,
        };
        listing.insert(path.clone(), of_entry(entry, digests));
    }
    for (path, entry) in esp.entries.iter().filter(|(path, _)| !path.is_empty()) {
        let kind = if entry.content == Content::Dir { FileKind::Dir } else { FileKind::File };
        let record = Record::of_fat(kind, entry.size(), digests.of(&entry.content));
        listing.insert([ESP, path].concat(), record);
    }
    Ok(listing)
}

/// Where the ESP is seen.
pub const ESP: &[u8] = b"boot/efi/";

fn of_entry(entry: &Entry, digests: &Digests) -> Record {
    let (kind, target, device) = match &entry.content {
        Content::Dir => (FileKind::Dir, Vec::new(), (0, 0)),
        Content::Symlink(target) => (FileKind::Link, target.clone(), (0, 0)),
        Content::CharDevice { major, minor } => (FileKind::Char, Vec::new(), (*major, *minor)),
        Content::BlockDevice { major, minor } => (FileKind::Block, Vec::new(), (*major, *minor)),
        Content::Fifo => (FileKind::Fifo, Vec::new(), (0, 0)),
        Content::Socket => (FileKind::Socket, Vec::new(), (0, 0)),
        Content::File { .. } | Content::Bytes(_) | Content::Hardlink(_) => {
            (FileKind::File, Vec::new(), (0, 0))
        }
    };
    Record {
        kind,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size: entry.size(),
        mtime: entry.mtime,
        sha256: digests.of(&entry.content),
        target,
        device,
        xattrs: entry.xattrs.clone(),
    }
}

/// How one path differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the second listing has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it; what differs, by [`Record::differences`].
    Changed(Vec<&'static str>),
}

/// Everything that differs between two listings, by path.
pub fn compare(old: &Listing, new: &Listing) -> BTreeMap<Vec<u8>, Change> {
    let removed = old.keys().filter(|p| !new.contains_key(*p)).map(|p| (p, Change::Removed));
    let others = new.iter().filter_map(|(path, record)| match old.get(path) {
        None => Some((path, Change::Added)),
        Some(before) => {
            let fields = before.differences(record);
            (!fields.is_empty()).then_some((path, Change::Changed(fields)))
        }
    });
    removed.chain(others).map(|(path, change)| (path.clone(), change)).collect()
}

/// A path for people: from the root, bytes that are not text replaced.
pub fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// The listing as an mtree(5) file.
pub fn to_text(listing: &Listing) -> String {
    mtree::write(listing)
}
