//! Reading an image in place.

use super::eltorito::{self, BootImage};
use super::error::IsoError;
use super::extents::{ExtentReader, FileReader, OwnedReader};
use super::image::Iso;
use super::model::{Extent, IsoNode, Names, NodeKind, SECTOR};
use super::node;
use super::record::{self, DirectoryRecord};
use super::rockridge::{self, Continuation, RockRidge};
use super::volume::{self, Descriptor};
use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;

/// Largest directory read, and maximum bytes of continuation areas within one directory.
const DIRECTORY_MAX: u64 = 64 << 20;
/// Longest continuation area; SUSP keeps them within a sector, some writers do not.
const AREA_MAX: u32 = 32 << 10;
/// Most nodes that a directory or a walk gives; a CentOS DVD has ten thousand.
const NODES_MAX: usize = 1 << 20;
const TOO_MANY: &str = "more than a million files";
/// Longest path that a walk goes down, as Linux has it; directories within directories could
/// otherwise need memory by the square of the image's size.
const PATH_MAX: usize = 4096;

impl Iso {
    /// Opens the image in `file`. The tree with Rock Ridge names is taken, else Joliet's, else
    /// that with plain ISO 9660 names.
    ///
    /// # Errors
    /// When it is no ISO 9660 image, shorter than its volume descriptor says, or malformed.
    pub fn open(file: File) -> Result<Self, IsoError> {
        Self::with_names(file, &[Names::RockRidge, Names::Joliet])
    }

    /// Opens the image in `file` with the first of the names that it has, else the plain ones.
    ///
    /// # Errors
    /// As [`Iso::open`].
    pub fn with_names(file: File, wanted: &[Names]) -> Result<Self, IsoError> {
        let length = file.metadata().map_err(|source| IsoError::Io { offset: 0, source })?.len();
        let volumes = volume::read(&file, length)?;
        let primary = &volumes.primary;
        if primary.size > length {
            return Err(IsoError::Truncated {
                what: "volume".into(),
                offset: 0,
                need: primary.size,
                have: length,
            });
        }
        let volume_id =
            String::from_utf8_lossy(&primary.id).trim_end_matches([' ', '\0']).to_owned();
        let (block, root) = (primary.block, root(primary)?);
        let (primary_at, boot_catalogue) = (primary.at, volumes.boot_catalogue);
        let joliet_at = volumes.joliet.as_ref().map(|joliet| joliet.at);
        let names = Names::Plain;
        let mut iso = Self {
            file,
            length,
            block,
            names,
            skip: 0,
            volume_id,
            root,
            primary_at,
            joliet_at,
            boot_catalogue,
        };
        for names in wanted {
            match (names, &volumes.joliet) {
                (Names::RockRidge, _) => {
                    let Some((start, skip)) = iso.rock_ridge_skip()? else { continue };
                    (iso.names, iso.skip) = (Names::RockRidge, skip);
                    iso.root = iso.own_node(iso.root.extents[0].offset, start)?;
                }
                (Names::Joliet, Some(joliet)) => {
                    (iso.names, iso.block) = (Names::Joliet, joliet.block);
                    iso.root = self::root(joliet)?;
                }
                (Names::Joliet, None) => continue,
                (Names::Plain, _) => {}
            }
            break;
        }
        Ok(iso)
    }

    /// Which names the image is read with.
    pub fn names(&self) -> Names {
        self.names
    }

    /// The volume identifier, without its padding.
    pub fn volume_id(&self) -> &str {
        &self.volume_id
    }

    /// The image file's length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The images of the boot catalogue, the default one first; none without a boot record.
    ///
    /// # Errors
    /// When the catalogue lies outside of the image or is malformed.
    pub fn boot_images(&self) -> Result<Vec<BootImage>, IsoError> {
        let Some(sector) = self.boot_catalogue else { return Ok(Vec::new()) };
        let offset = u64::from(sector) * SECTOR;
        self.check(Extent { offset, size: SECTOR }, || "boot catalogue".into())?;
        let bytes = self.bytes(offset, SECTOR as usize)?;
        eltorito::parse(&bytes).map_err(|what| IsoError::Malformed { offset, what })
    }

    /// The root directory.
    pub fn root(&self) -> IsoNode {
        self.root.clone()
    }

    /// The entries of a directory in the image's order, without `.`, `..`, hidden and
    /// associated files and the hiding places of relocated directories.
    ///
    /// # Errors
    /// When `directory` is none, lies outside of the image, or is malformed.
    pub fn read_dir(&self, directory: &IsoNode) -> Result<Vec<IsoNode>, IsoError> {
        if directory.kind != NodeKind::Dir {
            return Err(IsoError::Kind { name: directory.text(), wanted: "directory" });
        }
        let mut nodes = Vec::new();
        let mut budget = DIRECTORY_MAX;
        // The records of a file in several extents follow each other; the last one's
        // metadata counts.
        let mut earlier: Vec<Extent> = Vec::new();
        for extent in &directory.extents {
            self.each_record(*extent, |record| {
                if record.is_dot() || record.flags & (record::HIDDEN | record::ASSOCIATED) != 0 {
                    return Ok(());
                }
                let extent = Extent { offset: record.block * self.block, size: record.size };
                if record.flags & record::MULTI_EXTENT != 0 {
                    earlier.push(extent);
                    return Ok(());
                }
                let mut extents = std::mem::take(&mut earlier);
                extents.push(extent);
                nodes.extend(self.node(record, extents, &mut budget)?);
                if nodes.len() > NODES_MAX {
                    return Err(IsoError::Malformed { offset: record.at, what: TOO_MANY });
                }
                Ok(())
            })?;
        }
        Ok(nodes)
    }

    /// The node at `path` (`/`-separated; leading, trailing and doubled slashes are ignored).
    /// Symbolic links are not followed. Plain ISO 9660 names match in either case.
    ///
    /// # Errors
    /// When a directory on the way cannot be read.
    pub fn lookup(&self, path: &str) -> Result<Option<IsoNode>, IsoError> {
        let mut node = self.root();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if node.kind != NodeKind::Dir {
                return Ok(None);
            }
            let found = self.read_dir(&node)?.into_iter().find(|child| match self.names {
                Names::Plain => child.name.eq_ignore_ascii_case(name.as_bytes()),
                _ => child.name == name.as_bytes(),
            });
            match found {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    /// Every node but the root with its path from the root, a directory before its entries.
    ///
    /// # Errors
    /// When a directory cannot be read or is its own descendant, at more than a million nodes,
    /// or at a path longer than Linux has them.
    pub fn walk(&self) -> Result<Vec<(Vec<u8>, IsoNode)>, IsoError> {
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut open = vec![(Vec::new(), self.root())];
        while let Some((path, directory)) = open.pop() {
            let offset = directory.extents.first().map_or(0, |extent| extent.offset);
            if !seen.insert(offset) {
                return Err(IsoError::Malformed { offset, what: "directory reached twice" });
            }
            for node in self.read_dir(&directory)? {
                let mut path = path.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(&node.name);
                if path.len() > PATH_MAX {
                    return Err(IsoError::Malformed {
                        offset,
                        what: "path longer than 4096 bytes",
                    });
                }
                if node.kind == NodeKind::Dir {
                    open.push((path.clone(), node.clone()));
                }
                found.push((path, node));
            }
            if found.len() > NODES_MAX {
                return Err(IsoError::Malformed { offset, what: TOO_MANY });
            }
        }
        Ok(found)
    }

    /// A reader over a file's data as stored.
    ///
    /// # Errors
    /// When `node` is no file, or a part of it lies outside of the image.
    pub fn reader(&self, node: &IsoNode) -> Result<FileReader<'_>, IsoError> {
        ExtentReader::new(self, node)
    }

    /// Like [`Iso::reader`], keeping the image open for itself.
    ///
    /// # Errors
    /// As [`Iso::reader`].
    pub fn owned_reader(self: &Arc<Self>, node: &IsoNode) -> Result<OwnedReader, IsoError> {
        ExtentReader::new(Arc::clone(self), node)
    }

    /// Calls `each` with every record of a directory's extent.
    fn each_record(
        &self,
        extent: Extent,
        mut each: impl FnMut(&DirectoryRecord) -> Result<(), IsoError>,
    ) -> Result<(), IsoError> {
        self.check(extent, || "directory".into())?;
        if extent.size > DIRECTORY_MAX {
            return Err(IsoError::Malformed {
                offset: extent.offset,
                what: "directory larger than 64 MiB",
            });
        }
        let mut done = 0;
        while done < extent.size {
            let offset = extent.offset + done;
            let size = (extent.size - done).min(SECTOR);
            // Never more than a sector, so it fits any usize.
            let sector = self.bytes(offset, size as usize)?;
            let mut at = 0;
            while let Some((record, length)) =
                DirectoryRecord::parse(&sector[at..], offset + at as u64)?
            {
                each(&record)?;
                at += length;
            }
            done += size;
        }
        Ok(())
    }

    /// The record of a directory itself, its first, handed to `take`.
    fn own_record<T>(
        &self,
        offset: u64,
        take: impl FnOnce(&DirectoryRecord) -> Result<T, IsoError>,
    ) -> Result<T, IsoError> {
        let extent = Extent { offset, size: SECTOR.min(self.length.saturating_sub(offset)) };
        self.check(Extent { offset, size: 34 }, || "directory".into())?;
        let sector = self.bytes(offset, extent.size as usize)?;
        match DirectoryRecord::parse(&sector, offset)? {
            Some((record, _)) if record.name == [0] => take(&record),
            _ => Err(IsoError::Malformed { offset, what: "directory without a record of itself" }),
        }
    }

    /// If the primary tree has Rock Ridge: where it starts in the root's own system use area,
    /// and how many bytes to skip in all others.
    fn rock_ridge_skip(&self) -> Result<Option<(usize, usize)>, IsoError> {
        self.own_record(self.root.extents[0].offset, |record| {
            let Some((start, skip)) = rockridge::skip(record.system_use) else { return Ok(None) };
            let found = self.rock_ridge(record, start, &mut DIRECTORY_MAX.clone())?;
            Ok(found.present.then_some((start, skip)))
        })
    }

    /// A directory's nameless node from the record of itself.
    fn own_node(&self, offset: u64, skip: usize) -> Result<IsoNode, IsoError> {
        self.own_record(offset, |record| {
            let extent = Extent { offset, size: record.size };
            let found = self.rock_ridge(record, skip, &mut DIRECTORY_MAX.clone())?;
            Ok(found.apply(node::described(record, NodeKind::Dir, Vec::new(), vec![extent])))
        })
    }

    fn rock_ridge(
        &self,
        record: &DirectoryRecord,
        skip: usize,
        budget: &mut u64,
    ) -> Result<RockRidge, IsoError> {
        let area = record.system_use.get(skip..).unwrap_or_default();
        RockRidge::parse(area, record.at, |Continuation { block, offset, size }| {
            let at = u64::from(block) * self.block + u64::from(offset);
            let extent = Extent { offset: at, size: size.into() };
            self.check(extent, || "continuation area".into())?;
            if size > AREA_MAX || u64::from(size) > *budget {
                return Err(IsoError::Malformed {
                    offset: at,
                    what: "continuation area too large",
                });
            }
            *budget -= u64::from(size);
            Ok((self.bytes(at, size as usize)?, at))
        })
    }

    /// The node of a record, or `None` for a relocated directory's hiding place.
    fn node(
        &self,
        record: &DirectoryRecord,
        extents: Vec<Extent>,
        budget: &mut u64,
    ) -> Result<Option<IsoNode>, IsoError> {
        let is_dir = record.flags & record::DIRECTORY != 0;
        let plain = if is_dir { NodeKind::Dir } else { NodeKind::File };
        let kind = if record.interleaved && !is_dir { NodeKind::Other } else { plain };
        let node = match self.names {
            Names::Plain => node::described(record, kind, node::plain_name(record.name), extents),
            Names::Joliet => node::described(record, kind, node::joliet_name(record.name), extents),
            Names::RockRidge => {
                let mut found = self.rock_ridge(record, self.skip, budget)?;
                if found.relocated {
                    return Ok(None);
                }
                let name = found.name.take().unwrap_or_else(|| node::plain_name(record.name));
                match found.child {
                    Some(block) => {
                        IsoNode { name, ..self.own_node(u64::from(block) * self.block, self.skip)? }
                    }
                    None => found.apply(node::described(record, kind, name, extents)),
                }
            }
        };
        let reserved = matches!(&node.name[..], b"" | b"." | b"..");
        if reserved || node.name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(IsoError::Malformed { offset: record.at, what: "name of a file" });
        }
        Ok(Some(node))
    }
}

/// The root directory's node from a volume descriptor.
fn root(volume: &Descriptor) -> Result<IsoNode, IsoError> {
    let malformed = |what| IsoError::Malformed { offset: volume.root_at(), what };
    let (record, _) = DirectoryRecord::parse(&volume.root, volume.root_at())?
        .ok_or_else(|| malformed("no root directory"))?;
    if record.flags & record::DIRECTORY == 0 {
        return Err(malformed("root is not a directory"));
    }
    let extent = Extent { offset: record.block * volume.block, size: record.size };
    Ok(node::described(&record, NodeKind::Dir, Vec::new(), vec![extent]))
}
