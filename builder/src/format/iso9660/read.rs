//! Images read in place, without a mount.

use super::boot::{self, BootImage};
use super::directory::{self, Names, Record};
use super::{Error, Extent, Node, Reader, SECTOR, le16, le32, susp};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// The system area before the first descriptor, in sectors.
const SYSTEM_AREA: u64 = 16;
/// Descriptors are few; more than these are no descriptor set.
const MAX_DESCRIPTORS: u64 = 64;

/// An ISO 9660 image. Rock Ridge names are used where the image has them,
/// else Joliet ones, else the plain ones without `;1`.
///
/// Reads are positioned, so that threads may share it.
#[derive(Debug)]
pub struct Iso {
    file: File,
    size: u64,
    block_size: u64,
    volume_id: String,
    names: Names,
    root: Node,
    catalogue: Option<u32>,
    /// Directories that `lookup` has read, by the byte they start at.
    listed: Mutex<HashMap<u64, Arc<Vec<Node>>>>,
}

/// What the volume descriptors say.
#[derive(Default)]
struct Descriptors {
    primary: Option<(Vec<u8>, u64)>,
    joliet: Option<(Vec<u8>, u64)>,
    catalogue: Option<u32>,
}

impl Iso {
    /// Reads the volume descriptors and the root directory's first record.
    ///
    /// # Errors
    /// [`Error::NotIso`] without a primary volume descriptor,
    /// [`Error::Truncated`] when the file is shorter than the volume.
    pub fn open(file: File) -> Result<Self, Error> {
        let size = file.metadata()?.len();
        let mut iso = Self {
            file,
            size,
            block_size: SECTOR,
            volume_id: String::new(),
            names: Names::Plain,
            root: Node {
                name: Vec::new(),
                kind: super::Kind::Dir,
                mode: 0o555,
                uid: 0,
                gid: 0,
                mtime: 0,
                size: 0,
                extents: Vec::new(),
                compressed: false,
            },
            catalogue: None,
            listed: Mutex::default(),
        };
        let found = iso.descriptors()?;
        let (primary, offset) =
            found.primary.ok_or(Error::NotIso { offset: SYSTEM_AREA * SECTOR })?;
        iso.block_size = u64::from(le16(&primary, 128));
        if ![512, 1024, 2048].contains(&iso.block_size) {
            let what = format!("logical block size {}", iso.block_size);
            return Err(Error::malformed(offset + 128, what));
        }
        let end = u64::from(le32(&primary, 80)) * iso.block_size;
        if end > size {
            return Err(Error::Truncated { what: "the volume", offset: 0, end, size });
        }
        iso.volume_id =
            String::from_utf8_lossy(&primary[40..72]).trim_end_matches([' ', '\0']).to_owned();
        iso.catalogue = found.catalogue;
        iso.choose_tree((&primary, offset), found.joliet)?;
        Ok(iso)
    }

    fn descriptors(&self) -> Result<Descriptors, Error> {
        let mut found = Descriptors::default();
        for index in 0..MAX_DESCRIPTORS {
            let offset = (SYSTEM_AREA + index) * SECTOR;
            if index == 0 && offset + SECTOR > self.size {
                return Err(Error::NotIso { offset });
            }
            let sector = self.bytes_at(offset, SECTOR as usize, "a volume descriptor")?;
            if &sector[1..6] != b"CD001" {
                if found.primary.is_none() {
                    return Err(Error::NotIso { offset });
                }
                return Err(Error::malformed(offset, "volume descriptor set has no terminator"));
            }
            match sector[0] {
                0 if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                    found.catalogue.get_or_insert(le32(&sector, 71));
                }
                1 => {
                    found.primary.get_or_insert((sector, offset));
                }
                2 if matches!(&sector[88..91], b"%/@" | b"%/C" | b"%/E") => {
                    found.joliet.get_or_insert((sector, offset));
                }
                255 => return Ok(found),
                _ => {}
            }
        }
        let offset = (SYSTEM_AREA + MAX_DESCRIPTORS) * SECTOR;
        Err(Error::malformed(offset, "volume descriptor set has no end"))
    }

    /// Takes the root of the tree with the best names.
    fn choose_tree(
        &mut self,
        (primary, offset): (&[u8], u64),
        joliet: Option<(Vec<u8>, u64)>,
    ) -> Result<(), Error> {
        let record = |iso: &Self, descriptor: &[u8], offset: u64| {
            Record::parse(iso, &descriptor[156..190], offset + 156)?
                .node(iso)?
                .ok_or_else(|| Error::malformed(offset + 156, "root directory is relocated"))
        };
        let plain = record(self, primary, offset)?;
        let start = extent(&plain, offset + 156)?;
        let dot = self.dot(start.offset)?;
        if let Some(skip) = susp::skip(dot.system_use()) {
            self.names = Names::RockRidge(skip);
            self.root = dot
                .node(self)?
                .ok_or_else(|| Error::malformed(start.offset, "root directory is relocated"))?;
        } else if let Some((joliet, offset)) = joliet {
            self.names = Names::Joliet;
            self.root = record(self, &joliet, offset)?;
        } else {
            self.root = plain;
        }
        Ok(())
    }

    /// The first record of the directory at byte `offset`.
    pub(super) fn dot(&self, offset: u64) -> Result<Record, Error> {
        let sector = self.bytes_at(offset, SECTOR as usize, "a directory")?;
        Record::parse(self, &sector, offset)
    }

    pub(super) fn names(&self) -> Names {
        self.names
    }

    pub(super) fn block_size(&self) -> u64 {
        self.block_size
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    /// Reads exactly `bytes` at `offset`; nothing is allocated beyond the
    /// image's size.
    pub(super) fn bytes_at(
        &self,
        offset: u64,
        bytes: usize,
        what: &'static str,
    ) -> Result<Vec<u8>, Error> {
        let end = offset.saturating_add(bytes as u64);
        if end > self.size {
            return Err(Error::Truncated { what, offset, end, size: self.size });
        }
        let mut buffer = vec![0; bytes];
        self.file.read_exact_at(&mut buffer, offset)?;
        Ok(buffer)
    }

    /// The volume identifier without its padding, such as `CentOS 7 x86_64`.
    pub fn volume_id(&self) -> &str {
        &self.volume_id
    }

    /// The root directory, whose name is empty.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The entries of a directory in the order of the image, without `.` and `..`.
    ///
    /// # Errors
    /// When `directory` is none, or its records are malformed or cut off.
    pub fn read_dir(&self, directory: &Node) -> Result<Vec<Node>, Error> {
        if !directory.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory).into());
        }
        match directory.extents[..] {
            [extent] => directory::list(self, extent),
            // Record of a directory without bytes, which some writers leave.
            _ => Ok(Vec::new()),
        }
    }

    /// The node at `path`, `/`-separated from the root; symbolic links are
    /// not followed. The directories passed are remembered.
    ///
    /// # Errors
    /// When a directory on the way cannot be read.
    pub fn lookup(&self, path: &str) -> Result<Option<Node>, Error> {
        let mut node = self.root.clone();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if !node.is_dir() {
                return Ok(None);
            }
            let nodes = self.listed(&node)?;
            match nodes.binary_search_by(|node| node.name.as_slice().cmp(name.as_bytes())) {
                Ok(at) => node = nodes[at].clone(),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    /// A directory's entries sorted by name, from memory if they are there.
    fn listed(&self, directory: &Node) -> Result<Arc<Vec<Node>>, Error> {
        let Some(extent) = directory.extents.first() else { return Ok(Arc::default()) };
        // A poisoned lock guards a map that is whole: inserting cannot fail half-way.
        let lock = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nodes) = lock().get(&extent.offset) {
            return Ok(Arc::clone(nodes));
        }
        let mut nodes = self.read_dir(directory)?;
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        let nodes = Arc::new(nodes);
        lock().insert(extent.offset, Arc::clone(&nodes));
        Ok(nodes)
    }

    /// Calls `visit` with the path (without leading slash) and node of every
    /// entry below `directory`, parents first.
    ///
    /// # Errors
    /// Those of [`Iso::read_dir`] and of `visit`, and when directories form a loop.
    pub fn walk<E: From<Error>>(
        &self,
        directory: &Node,
        mut visit: impl FnMut(&[u8], &Node) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut seen = HashSet::new();
        let mut bytes = 0;
        let mut pending = vec![(Vec::new(), directory.clone())];
        while let Some((path, directory)) = pending.pop() {
            if let Some(extent) = directory.extents.first() {
                bytes += extent.bytes;
                // Directories that overlap could be read over and over.
                if !seen.insert(extent.offset) || bytes > self.size {
                    let what = "directories form a loop or overlap";
                    return Err(Error::malformed(extent.offset, what).into());
                }
            }
            let mut below = Vec::new();
            for node in self.read_dir(&directory)? {
                let mut path: Vec<u8> = path.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(&node.name);
                visit(&path, &node)?;
                if node.is_dir() {
                    below.push((path, node));
                }
            }
            pending.extend(below.into_iter().rev());
        }
        Ok(())
    }

    /// Reader over a file's data; a directory's data are its raw records.
    pub fn reader(&self, node: &Node) -> Reader<&Self> {
        Reader::new(self, node)
    }

    /// As [`Iso::reader`], keeping the image open itself.
    pub fn owned_reader(self: &Arc<Self>, node: &Node) -> Reader<Arc<Self>> {
        Reader::new(Arc::clone(self), node)
    }

    /// The boot images of the El Torito catalogue, the default one first;
    /// none when the image is not bootable.
    ///
    /// # Errors
    /// When the catalogue is malformed or cut off.
    pub fn boot_images(&self) -> Result<Vec<BootImage>, Error> {
        self.catalogue.map_or_else(|| Ok(Vec::new()), |lba| boot::catalogue(self, lba))
    }
}

fn extent(directory: &Node, offset: u64) -> Result<Extent, Error> {
    match (directory.is_dir(), &directory.extents[..]) {
        (true, [extent]) => Ok(*extent),
        _ => Err(Error::malformed(offset, "root directory record is no directory")),
    }
}
