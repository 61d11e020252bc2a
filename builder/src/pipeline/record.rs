//! What is remembered of each image, so that it can be verified: every path of its filesystems
//! and the boot loader outside them.

use crate::base::error::{Context as _, Result};
use crate::image::disk::DiskContent;
use crate::image::listing::{self, Digests};
use crate::image::output::{Staging, compressed};
use crate::layout::{Layout, SECTOR};
use crate::provenance::manifest::{ManifestNode, Region};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The bytes of the MBR that hold code; the partition table's own follow.
const BOOT_SECTOR: u64 = 440;

/// The name of a node's list of files.
pub fn listing_name(node: &str) -> String {
    format!("{node}.mtree.zst")
}

/// Writes the list of the node's files, and reports what else its raw image holds.
pub fn node(
    name: &str,
    raw: &Path,
    layout: &Layout,
    content: &DiskContent,
    digests: &mut Digests,
    staging: &Staging,
) -> Result<ManifestNode> {
    let listing = listing::of_trees(content.root, content.esp, digests)?;
    let file = listing_name(name);
    // Digests of files such as /etc/shadow let their content be guessed at.
    compressed(&staging.path(&file), listing::to_text(&listing).as_bytes())?;
    // An archive of the tree alone has no disk.
    let boot = if raw.exists() { boot(raw, layout)? } else { Vec::new() };
    Ok(ManifestNode { name: name.to_owned(), listing: file, boot })
}

fn boot(raw: &Path, layout: &Layout) -> Result<Vec<Region>> {
    let what = || format!("cannot read {}", raw.display());
    let file = File::open(raw).or_build(what)?;
    let region = |name: &str, offset, size| -> Result<Region> {
        let mut bytes = vec![0; usize::try_from(size).or_build(what)?];
        file.read_exact_at(&mut bytes, offset).or_build(what)?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Ok(Region { name: name.to_owned(), offset, size, sha256 })
    };
    let mut regions = vec![region("boot sector", 0, BOOT_SECTOR)?];
    let first = layout.partitions.iter().map(|p| p.offset).min();
    match (layout.bios_boot(), first) {
        (Some(p), _) => regions.push(region(&p.name, p.offset, p.size)?),
        (None, Some(first)) if layout.has_bios() => {
            regions.push(region("GRUB", SECTOR, first.saturating_sub(SECTOR))?);
        }
        _ => {}
    }
    Ok(regions)
}
