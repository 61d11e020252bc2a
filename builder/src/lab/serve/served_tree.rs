//! A directory of a medium that is served at a path.

use crate::packages::media::{Medium, StoredFile};
use std::io;
use std::sync::Arc;

/// A directory of a medium, and where it is served.
#[derive(Clone)]
pub struct ServedTree {
    /// The path's parts, decoded.
    pub path: Vec<String>,
    /// The medium.
    pub medium: Arc<dyn Medium>,
    /// The directory there; empty for its top.
    pub directory: String,
}

impl ServedTree {
    /// The file that a request for `path` means; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or must not be.
    pub fn file(&self, path: &[String]) -> io::Result<Option<StoredFile>> {
        match path.strip_prefix(self.path.as_slice()) {
            Some(inside) => self.stored(inside),
            None => Ok(None),
        }
    }

    /// The file at a path below the directory.
    ///
    /// # Errors
    /// When it cannot be read, or must not be.
    pub fn stored(&self, inside: &[String]) -> io::Result<Option<StoredFile>> {
        let directory = Some(self.directory.as_str()).filter(|d| !d.is_empty());
        let inside = inside.iter().map(String::as_str);
        let parts: Vec<&str> = directory.into_iter().chain(inside).collect();
        self.medium.stored(&parts.join("/"))
    }
}
