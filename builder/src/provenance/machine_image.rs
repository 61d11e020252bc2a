//! The image of a machine, which may have several disks.

use super::manifest::Manifest;
use crate::base::error::Result;
use crate::image::Image;
use std::path::Path;

/// Opens the image at `path` with those of its machine's further disks, where the manifest of its
/// build is next to it.
///
/// # Errors
/// An input error when one of them cannot be read.
pub fn open_machine(path: &Path) -> Result<Image> {
    let image = Image::open(path)?;
    match Manifest::read(&path.with_file_name("manifest.json")) {
        Ok(manifest) => image.with_further(&manifest.further_images(path)),
        Err(_) => Ok(image),
    }
}
