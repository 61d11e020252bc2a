//! The open image and its bytes.

use super::error::IsoError;
use super::model::{Extent, IsoNode, Names, NodeKind};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// An open image. All reads are positioned, so it can be shared between threads.
pub struct Iso {
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) block: u64,
    pub(super) names: Names,
    /// Bytes to skip in every system use area but the root's own.
    pub(super) skip: usize,
    pub(super) volume_id: String,
    pub(super) root: IsoNode,
    /// Where the primary volume descriptor is, and Joliet's.
    pub(super) primary_at: u64,
    pub(super) joliet_at: Option<u64>,
    /// The sector of the boot catalogue.
    pub(super) boot_catalogue: Option<u32>,
}

impl Iso {
    /// The image file, and where in it a file's data is, in order.
    ///
    /// # Errors
    /// When `node` is not a file, or a part of it lies outside of the image.
    pub fn stored<'a>(&'a self, node: &'a IsoNode) -> Result<(&'a File, &'a [Extent]), IsoError> {
        if node.kind != NodeKind::File {
            return Err(IsoError::Kind { name: node.text(), wanted: "regular file" });
        }
        for extent in &node.extents {
            self.check(*extent, || node.text())?;
        }
        Ok((&self.file, &node.extents))
    }

    /// That an extent lies within the image.
    pub(super) fn check(
        &self,
        extent: Extent,
        what: impl FnOnce() -> String,
    ) -> Result<(), IsoError> {
        let need = extent.offset.saturating_add(extent.size);
        if extent.size > 0 && need > self.length {
            return Err(IsoError::Truncated {
                what: what(),
                offset: extent.offset,
                need,
                have: self.length,
            });
        }
        Ok(())
    }

    /// Reads `size` bytes from `offset` on.
    pub(super) fn bytes(&self, offset: u64, size: usize) -> Result<Vec<u8>, IsoError> {
        let mut bytes = vec![0; size];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|source| IsoError::Io { offset, source })?;
        Ok(bytes)
    }
}
