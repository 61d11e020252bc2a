//! Media on this machine.

use super::directory::Directory;
use super::iso::Image;
use super::medium::Medium;
use crate::base::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Opens a medium on this machine: a directory or an ISO file, as a path or `file://` URL.
/// Everything else is for [`super::Access::open`].
///
/// # Errors
/// An input error when it does not exist or is none of these.
pub fn open(specification: &str) -> Result<Arc<dyn Medium>> {
    let path = Path::new(specification.strip_prefix("file://").unwrap_or(specification));
    let missing = |e: &dyn std::fmt::Display| {
        Error::input(format!("cannot read the medium {}: {e}", path.display()))
            .hint("give --media a directory, an ISO file, an http(s) URL, or `practice`")
    };
    let meta = std::fs::metadata(path).map_err(|e| missing(&e))?;
    if meta.is_dir() {
        return Ok(Arc::new(Directory::new(path)));
    }
    if meta.is_file() {
        return Ok(Arc::new(Image::open(path)?));
    }
    Err(missing(&"it is neither a directory nor a file"))
}
