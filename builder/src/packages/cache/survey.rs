//! What is in the cache. Only what bears a name that imgbuild gives is seen, so nothing else is
//! ever removed; links are not followed.

use super::dead;
use crate::base::durable;
use crate::base::error::{Context, Result};
use crate::base::interrupt;
use crate::base::private::is_locked;
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheKind {
    /// An installed tree.
    Trees,
    /// A package, or a part of a download.
    Packages,
    /// Repository metadata, mirror lists.
    Metadata,
    /// The practice medium and Debian's packages.
    Practice,
    /// The log of a failed build.
    Logs,
    /// What a killed program left; it is always removed.
    Leftovers,
}

impl CacheKind {
    /// Every kind, in the order they are shown.
    pub const ALL: [Self; 6] =
        [Self::Trees, Self::Packages, Self::Metadata, Self::Practice, Self::Logs, Self::Leftovers];

    /// Those that are kept within bounds without being asked; the practice medium is created once
    /// and needs the network, so only the user removes it.
    pub const AUTOMATIC: [Self; 4] = [Self::Trees, Self::Packages, Self::Metadata, Self::Logs];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trees => "trees",
            Self::Packages => "packages",
            Self::Metadata => "metadata",
            Self::Practice => "practice",
            Self::Logs => "logs",
            Self::Leftovers => "leftovers",
        }
    }
}

/// One thing in the cache that can be removed by itself.
#[derive(Clone, Debug)]
pub struct CacheEntry {
    /// What it is.
    pub kind: CacheKind,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of disk that it takes.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
    /// Whether some program holds it right now.
    pub busy: bool,
}

/// Everything in the cache below `root`.
///
/// # Errors
/// An environment error naming what cannot be read; interruption.
pub fn survey(root: &Path) -> Result<Vec<CacheEntry>> {
    let mut found = Vec::new();
    let file = |directory: &str,
                kind: CacheKind,
                named: &dyn Fn(&str) -> bool|
     -> Result<Vec<CacheEntry>> {
        Ok(list(&root.join(directory))?
            .into_iter()
            .filter(|(path, meta)| meta.is_file() && named(name(path)))
            .map(|(path, meta)| entry(kind, path, &meta, false))
            .collect())
    };
    found.extend(file("packages", CacheKind::Packages, &|n| {
        n.strip_suffix(".rpm").is_some_and(hex)
    })?);
    found.extend(file("metadata", CacheKind::Metadata, &hex)?);
    found.extend(file("pages", CacheKind::Metadata, &hex)?);
    found.extend(file("logs", CacheKind::Logs, &is_log)?);
    let partial = file("partial", CacheKind::Packages, &|n| hex(n) || n.starts_with(".tmp"))?;
    found.extend(partial.into_iter().map(|e| CacheEntry { busy: is_locked(&e.path), ..e }));
    found.extend(leftovers(root)?);
    found.extend(trees(root)?);
    let making = is_locked(&root.join("debs/lock"));
    for directory in ["practice", "debs"] {
        let path = root.join(directory);
        let mark = if directory == "debs" { "lock" } else { ".practice" };
        let ours = path.join(mark).is_file();
        match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() && ours => {
                let bytes = size(&path)?;
                found.push(CacheEntry { bytes, ..entry(CacheKind::Practice, path, &meta, making) });
            }
            _ => {}
        }
    }
    Ok(found)
}

fn leftovers(root: &Path) -> Result<Vec<CacheEntry>> {
    let mut found = Vec::new();
    for path in dead::find(root) {
        // Gone since: somebody else cleans up.
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let bytes = if meta.is_dir() { size(&path)? } else { meta.blocks() * 512 };
        found.push(CacheEntry { bytes, ..entry(CacheKind::Leftovers, path, &meta, false) });
    }
    Ok(found)
}

/// Installed trees, and those that are being created.
fn trees(root: &Path) -> Result<Vec<CacheEntry>> {
    let mut found = Vec::new();
    for directory in dead::trees(root) {
        let making = is_locked(&directory.join("lock"));
        for (path, meta) in list(&directory)?.into_iter().filter(|(_, meta)| meta.is_dir()) {
            if hex(name(&path)) {
                // A finished tree does not change, so it is measured once.
                let bytes = remembered(root, &path)?;
                found.push(CacheEntry { bytes, ..entry(CacheKind::Trees, path, &meta, false) });
            } else if name(&path).starts_with(dead::TREE) && (making || is_locked(&path)) {
                found.push(CacheEntry {
                    bytes: size(&path)?,
                    ..entry(CacheKind::Trees, path, &meta, true)
                });
            }
        }
    }
    Ok(found)
}

/// Where a tree's size is kept.
pub fn size_file(root: &Path, tree: &Path) -> PathBuf {
    let directory = tree.parent().map_or("", name);
    root.join("sizes").join(format!("{directory}-{}", name(tree)))
}

fn remembered(root: &Path, tree: &Path) -> Result<u64> {
    let file = size_file(root, tree);
    if let Some(bytes) = fs::read_to_string(&file).ok().and_then(|text| text.parse().ok()) {
        return Ok(bytes);
    }
    let bytes = size(tree)?;
    // It is measured again where it cannot be kept.
    let _ = durable::create_dir_all(&root.join("sizes"), 0o755);
    let _ = fs::write(&file, bytes.to_string());
    Ok(bytes)
}

fn entry(kind: CacheKind, path: PathBuf, meta: &Metadata, busy: bool) -> CacheEntry {
    let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    CacheEntry { kind, path, bytes: meta.blocks() * 512, used, busy }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

/// Whether a name is a digest: MD5's to SHA-512's length.
fn hex(name: &str) -> bool {
    (32..=128).contains(&name.len()) && dead::digits(name)
}

fn is_log(name: &str) -> bool {
    let id = name.strip_prefix("build-").and_then(|n| n.strip_suffix(".log"));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

/// What is directly in a directory, which need not be there.
fn list(directory: &Path) -> Result<Vec<(PathBuf, Metadata)>> {
    let Ok(children) = fs::read_dir(directory) else { return Ok(Vec::new()) };
    let what = || format!("cannot list {}", directory.display());
    let mut found = Vec::new();
    for child in children {
        let child = child.or_environment(what)?;
        // Gone since: somebody else cleans up.
        if let Ok(meta) = child.metadata() {
            found.push((child.path(), meta));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// Bytes of disk below a directory, hard links once.
fn size(directory: &Path) -> Result<u64> {
    let (mut total, mut seen, mut open) = (0, HashSet::new(), vec![directory.to_owned()]);
    while let Some(directory) = open.pop() {
        interrupt::check()?;
        for (path, meta) in list(&directory)? {
            if meta.nlink() < 2 || meta.is_dir() || seen.insert((meta.dev(), meta.ino())) {
                total += meta.blocks() * 512;
            }
            if meta.is_dir() {
                open.push(path);
            }
        }
    }
    Ok(total)
}
