//! An installed tree's directory, read as a value.

use crate::base::error::{Error, Result};
use crate::base::interrupt;
use formats::tree::{ScanError, Tree};
use std::path::Path;

/// Reads the directory `root` as a tree; see [`formats::tree::scan`].
///
/// # Errors
/// A build error naming what cannot be read, or interruption.
pub fn scan(root: &Path, latest: i64) -> Result<Tree> {
    formats::tree::scan(root, latest, &mut || interrupt::check().is_ok()).map_err(|e| match e {
        ScanError::Stopped => Error::interrupted(),
        e => Error::build(e.to_string()),
    })
}
