//! Where everything of an image lies, before a byte of it is written.

use super::items::{Item, Items};
use super::records::{self, Directory};
use super::{Error, Options, SECTOR, boot};
use crate::format::tree::Tree;

/// Sectors before the first volume descriptor.
const SYSTEM_AREA: u64 = 16;
/// Hybrid images are whole cylinders of 64 heads and 32 sectors: 1 MiB.
const CYLINDER: u64 = (1 << 20) / SECTOR;

/// A directory's place.
pub(super) struct Place {
    pub item: usize,
    /// Index of the directory it is in.
    pub parent: usize,
    pub lba: u32,
    /// Bytes of its records; its continuation areas follow them.
    pub bytes: u32,
}

/// The whole image's places. The root directory is the first.
pub(super) struct Plan<'a> {
    pub tree: Items<'a>,
    /// In the order of the path table: by depth, parent, identifier.
    pub directories: Vec<Place>,
    /// Index in `directories` for each item that is one.
    directory_of: Vec<Option<usize>>,
    /// Sectors of the little-endian and the big-endian path table.
    pub path_tables: [u32; 2],
    pub path_table_bytes: u32,
    /// Sector of the boot catalogue.
    pub catalogue: Option<u32>,
    /// Items of the boot images, as in the options.
    pub boot: Vec<usize>,
    /// Of the whole volume.
    pub sectors: u32,
}

impl<'a> Plan<'a> {
    pub fn new(tree: &'a Tree, options: &Options) -> Result<Self, Error> {
        check(options)?;
        let tree = Items::new(tree)?;
        let boot = boot::find(options, &tree)?;
        let mut plan = Self {
            directory_of: vec![None; tree.items.len()],
            tree,
            directories: Vec::new(),
            path_tables: [0; 2],
            path_table_bytes: 0,
            catalogue: None,
            boot,
            sectors: 0,
        };
        plan.order_directories()?;
        plan.place(options.hybrid.is_some())?;
        Ok(plan)
    }

    fn order_directories(&mut self) -> Result<(), Error> {
        self.add_directory(0, 0);
        let mut next = 0;
        while next < self.directories.len() {
            let item = self.directories[next].item;
            for child in self.tree.items[item].children.clone() {
                if self.tree.items[child].is_dir() {
                    self.add_directory(child, next);
                }
            }
            next += 1;
        }
        // The path table numbers parents by 16 bits.
        if self.directories.len() > usize::from(u16::MAX) {
            let what = format!("{} directories, more than 65535", self.directories.len());
            return Err(Error::Option(what));
        }
        Ok(())
    }

    fn add_directory(&mut self, item: usize, parent: usize) {
        self.directory_of[item] = Some(self.directories.len());
        self.directories.push(Place { item, parent, lba: 0, bytes: 0 });
    }

    fn place(&mut self, hybrid: bool) -> Result<(), Error> {
        let has_boot = !self.boot.is_empty();
        let mut next = Sectors(SYSTEM_AREA);
        next.take(SECTOR * (2 + u64::from(has_boot)))?;
        let table = self.path_table(u16::to_le_bytes, u32::to_le_bytes).len();
        self.path_table_bytes = table as u32;
        self.path_tables = [next.take(table as u64)?, next.take(table as u64)?];
        if has_boot {
            self.catalogue = Some(next.take(SECTOR)?);
        }
        for index in 0..self.directories.len() {
            // Numbers have the same length whatever they are: this pass is for sizes.
            let directory = self.directory(index)?;
            let bytes = directory.records.len() as u64;
            let place = &mut self.directories[index];
            place.bytes = u32::try_from(bytes).map_err(|_| Sectors::too_long())?;
            place.lba = next.take(bytes + directory.continuations.len() as u64)?;
        }
        for data in &mut self.tree.data {
            let lba = next.take(data.entry.size())?;
            data.lba = if data.entry.size() == 0 { 0 } else { lba };
        }
        if hybrid {
            next.0 = next.0.next_multiple_of(CYLINDER);
        }
        self.sectors = next.take(0)?;
        Ok(())
    }

    /// The bytes of a directory, right once all is placed.
    pub fn directory(&self, index: usize) -> Result<Directory, Error> {
        records::directory(self, index)
    }

    pub fn item(&self, directory: &Place) -> &Item<'a> {
        &self.tree.items[directory.item]
    }

    /// Place of an item's directory, when it is one.
    pub fn place_of(&self, item: usize) -> Option<&Place> {
        self.directory_of[item].map(|index| &self.directories[index])
    }

    /// First sector and bytes of a file's data.
    pub fn data_of(&self, item: usize) -> (u32, u64) {
        self.tree.items[item].data.map_or((0, 0), |data| {
            let data = &self.tree.data[data];
            (data.lba, data.entry.size())
        })
    }

    /// The path table (ECMA-119 9.4) in the byte order of the two functions.
    pub fn path_table(&self, half: fn(u16) -> [u8; 2], word: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let mut table = Vec::new();
        for (index, place) in self.directories.iter().enumerate() {
            let identifier = match index {
                0 => vec![0],
                _ => self.item(place).identifier.bytes(true),
            };
            // Identifiers have at most 31 characters; there are at most 65535 directories.
            table.extend([identifier.len() as u8, 0]);
            table.extend(word(place.lba));
            table.extend(half(place.parent as u16 + 1));
            table.extend_from_slice(&identifier);
            table.resize(table.len().next_multiple_of(2), 0);
        }
        table
    }
}

/// Sectors given out in order.
struct Sectors(u64);

impl Sectors {
    /// First of the sectors that hold `bytes`.
    fn take(&mut self, bytes: u64) -> Result<u32, Error> {
        let first = u32::try_from(self.0).map_err(|_| Self::too_long())?;
        self.0 = self.0.saturating_add(bytes.div_ceil(SECTOR));
        Ok(first)
    }

    fn too_long() -> Error {
        Error::Option("it would be longer than 8 TiB, which ISO 9660 cannot hold".into())
    }
}

fn check(options: &Options) -> Result<(), Error> {
    let id = &options.volume_id;
    if id.len() > 32 || !id.bytes().all(|c| (b' '..=b'~').contains(&c)) {
        let what = format!("volume identifier {id:?} is not at most 32 ASCII characters");
        return Err(Error::Option(what));
    }
    Ok(())
}
