//! Places in a tree, looked up from outside of its sandbox.

use crate::base::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The place of the file `name` below `root`; `None` where there is none. For reading and
/// writing a tree from outside of its sandbox.
///
/// # Errors
/// A build error where a symbolic link is in the path, which could lead out of the tree.
pub fn inside(root: &Path, name: &str) -> Result<Option<PathBuf>> {
    if name.split('/').any(|part| part == "..") {
        return Err(Error::build(format!("the image's /{name} leads out of the image")));
    }
    let mut place = root.to_owned();
    for part in name.split('/') {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_symlink() => {
                return Err(Error::build(format!(
                    "the image's /{name} is behind a symbolic link, which is not followed"
                )));
            }
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::build(format!("cannot read {}: {e}", place.display()))),
        }
    }
    Ok(Some(place))
}
