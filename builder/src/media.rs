//! Media that packages come from: folders, ISO files read in place, http(s).

mod directory;
mod http;
mod iso;

use crate::error::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A medium. Paths are relative, `/`-separated.
pub trait Medium: Send + Sync {
    /// For messages: the path or URL as given.
    fn location(&self) -> String;

    /// A short name for a repository on it.
    fn name(&self) -> String;

    /// A file's whole content; an error when it has more than `limit` bytes.
    ///
    /// # Errors
    /// An input error naming the medium and path.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.open(path)?.take(limit + 1).read_to_end(&mut bytes);
        match read {
            Ok(_) if bytes.len() as u64 > limit => Err(Error::input(format!(
                "{}: {path} has more than {} MiB",
                self.location(),
                limit >> 20
            ))),
            Ok(_) => Ok(bytes),
            Err(e) => Err(unreadable(self.location(), path, &e)),
        }
    }

    /// A reader over a file.
    ///
    /// # Errors
    /// An input error naming the medium and path.
    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>>;

    /// Folders that hold `repodata/repomd.xml`: the root (empty), or up to two levels below it.
    ///
    /// # Errors
    /// When the medium cannot be read.
    fn repositories(&self) -> Result<Vec<String>>;

    /// Where a file is on this machine's disk, for media that are folders.
    fn local(&self, _path: &str) -> Option<PathBuf> {
        None
    }
}

/// Opens a medium by what the user wrote: a folder, an ISO file, `file://` or http(s).
///
/// # Errors
/// An input error when it is not there or nothing of these.
pub fn open(specification: &str) -> Result<Arc<dyn Medium>> {
    if specification.starts_with("http://") || specification.starts_with("https://") {
        return Ok(Arc::new(http::Http::new(specification)));
    }
    let path = Path::new(specification.strip_prefix("file://").unwrap_or(specification));
    let missing = |e: &dyn std::fmt::Display| {
        Error::input(format!("cannot read the medium {}: {e}", path.display()))
            .hint("give --media a folder, an ISO file, an http(s) URL, or `practice`")
    };
    let meta = std::fs::metadata(path).map_err(|e| missing(&e))?;
    if meta.is_dir() {
        return Ok(Arc::new(directory::Directory::new(path)));
    }
    if meta.is_file() {
        return Ok(Arc::new(iso::Image::open(path)?));
    }
    Err(missing(&"it is neither a folder nor a file"))
}

fn unreadable(location: String, path: &str, e: &dyn std::fmt::Display) -> Error {
    Error::input(format!("{location}: cannot read {path}: {e}"))
        .hint("the medium may be damaged or incomplete")
}

/// The repositories of a medium whose folders can be listed.
fn search(
    is_file: &dyn Fn(&str) -> Result<bool>,
    folders: &dyn Fn(&str) -> Result<Vec<String>>,
) -> Result<Vec<String>> {
    let has =
        |folder: &str| is_file(format!("{folder}/repodata/repomd.xml").trim_start_matches('/'));
    if has("")? {
        return Ok(vec![String::new()]);
    }
    let mut found = Vec::new();
    for top in folders("")? {
        if has(&top)? {
            found.push(top);
            continue;
        }
        for below in folders(&top)? {
            let below = format!("{top}/{below}");
            if has(&below)? {
                found.push(below);
            }
        }
    }
    Ok(found)
}
