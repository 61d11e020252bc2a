//! Where everything of a new image goes: directories with their records, continuation
//! areas and file data, from a tree.

use super::error::IsoWriteError;
use super::model::SECTOR;
use super::names::Hierarchy;
use super::{entries, record};
use crate::tree::{Content, Entry, Tree};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Largest extent: the maximum of whole sectors that a 32-bit length holds.
pub const EXTENT_MAX: u64 = (u32::MAX as u64) / SECTOR * SECTOR;

/// What a record points at.
#[derive(Clone, Copy)]
pub enum RecordTarget {
    /// A directory, by number.
    Dir(usize),
    /// An extent of a file: the file's number, the bytes before the extent, its length.
    File(usize, u64, u32),
    /// No data.
    Nothing,
}

/// One directory record to be.
pub struct NewRecord {
    pub identifier: Vec<u8>,
    pub target: RecordTarget,
    pub mtime: i64,
    pub flags: u8,
    /// The record's own system use area and its continuations, without their CE entries.
    pub areas: Vec<Vec<u8>>,
    /// Where each continuation is: sector of the directory's continuation sectors, offset.
    pub places: Vec<(u32, u32)>,
}

/// One directory.
pub struct Dir<'a> {
    pub path: &'a [u8],
    pub entry: &'a Entry,
    pub parent: usize,
    /// Its identifier in its parent.
    pub identifier: Vec<u8>,
    pub records: Vec<NewRecord>,
    /// First sector.
    pub sector: u32,
    /// Sectors of records; those of continuation areas follow.
    pub sectors: u32,
    pub continuation_sectors: u32,
}

/// One file's data.
pub struct FileData<'a> {
    pub path: &'a [u8],
    pub entry: &'a Entry,
    pub sector: u32,
}

/// All of it, before sectors are given out.
pub struct Layout<'a> {
    /// In the order of the path table: by level, parent, identifier.
    pub dirs: Vec<Dir<'a>>,
    pub files: Vec<FileData<'a>>,
}

/// A child's name, and path and entry of what it is (a hard link is what it leads to).
type Child<'a> = (&'a [u8], &'a [u8], &'a Entry);

/// A tree's entries by parent directory.
struct Source<'a> {
    children: BTreeMap<&'a [u8], Vec<Child<'a>>>,
    /// File number by path.
    numbers: HashMap<&'a [u8], usize>,
    links: HashMap<&'a [u8], u32>,
    hierarchy: Hierarchy,
    /// Entries that the hierarchy cannot hold.
    left_out: usize,
}

impl Source<'_> {
    /// What a record has beside its identifier; nothing in Joliet.
    fn system_use(&self, entry: &Entry, links: u32, name: &[u8]) -> Vec<Vec<u8>> {
        if self.hierarchy == Hierarchy::Joliet {
            return Vec::new();
        }
        let mut entries = entries::metadata(entry, links);
        entries.extend(entries::nm(name));
        entries
    }
}

impl NewRecord {
    /// Length in its directory, in bytes; even.
    pub fn length(&self) -> usize {
        let ce = if self.areas.len() > 1 { entries::CE } else { 0 };
        (fixed(&self.identifier) + self.areas[0].len() + ce).next_multiple_of(2)
    }
}

/// Bytes of a record before its system use area.
fn fixed(identifier: &[u8]) -> usize {
    record::FIXED + identifier.len() + usize::from(identifier.len().is_multiple_of(2))
}

/// A record with its entries distributed.
fn new_record(
    identifier: Vec<u8>,
    target: RecordTarget,
    mtime: i64,
    flags: u8,
    system_use: Vec<Vec<u8>>,
) -> NewRecord {
    let areas = entries::areas(system_use, 254 - fixed(&identifier));
    NewRecord { identifier, target, mtime, flags, areas, places: Vec::new() }
}

/// The layout of `tree` in a hierarchy. The files are the same, in the same order, for every one.
pub fn plan(tree: &Tree, hierarchy: Hierarchy) -> Result<Layout<'_>, IsoWriteError> {
    let (source, files) = collect(tree, hierarchy)?;
    let root = tree.get("").filter(|root| root.content == Content::Dir);
    let root = root.ok_or_else(|| IsoWriteError::path(b"", "no root directory in the tree"))?;
    let mut layout = Layout { dirs: vec![dir(b"", root, 0, vec![0])], files };
    let mut number = 0;
    let mut placed = 1 + source.left_out;
    while number < layout.dirs.len() {
        placed += fill(&mut layout, number, &source);
        number += 1;
    }
    if layout.dirs.len() > usize::from(u16::MAX) {
        return Err(IsoWriteError::TooLarge("more than 65535 directories"));
    }
    let wanted = tree.entries.len();
    if placed != wanted {
        let lost = source.children.keys().find(|parent| {
            tree.entries.get(**parent).is_none_or(|entry| entry.content != Content::Dir)
        });
        return Err(IsoWriteError::path(lost.copied().unwrap_or_default(), "is not a directory"));
    }
    Ok(layout)
}

fn dir<'a>(path: &'a [u8], entry: &'a Entry, parent: usize, identifier: Vec<u8>) -> Dir<'a> {
    Dir {
        path,
        entry,
        parent,
        identifier,
        records: Vec::new(),
        sector: 0,
        sectors: 0,
        continuation_sectors: 0,
    }
}

/// Sorts the tree's entries by parent, and numbers the files that have data.
fn collect(
    tree: &Tree,
    hierarchy: Hierarchy,
) -> Result<(Source<'_>, Vec<FileData<'_>>), IsoWriteError> {
    let (children, numbers, links) = (BTreeMap::new(), HashMap::new(), HashMap::new());
    let mut source = Source { children, numbers, links, hierarchy, left_out: 0 };
    let mut files = Vec::new();
    for (path, entry) in tree.entries.iter().filter(|(path, _)| !path.is_empty()) {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (parent, name) =
            slash.map_or((&path[..0], &path[..]), |at| (&path[..at], &path[at + 1..]));
        if name.is_empty() || name.len() > 255 || path.contains(&0) {
            return Err(IsoWriteError::path(path, "a name has 1 to 255 bytes and no zero byte"));
        }
        let (shown, shown_path) = match &entry.content {
            Content::Hardlink(to) => match tree.entries.get_key_value(to) {
                Some((path, to)) if !matches!(to.content, Content::Hardlink(_) | Content::Dir) => {
                    (to, path)
                }
                _ => return Err(IsoWriteError::path(path, "hard link to nothing")),
            },
            _ => (entry, path),
        };
        if matches!(&shown.content, Content::Symlink(target) if target.len() > 4096) {
            return Err(IsoWriteError::path(path, "link target longer than 4096 bytes"));
        }
        *source.links.entry(shown_path).or_insert(0) += 1;
        if entry.size() > 0 {
            source.numbers.insert(path, files.len());
            files.push(FileData { path, entry, sector: 0 });
        }
        let plain =
            matches!(shown.content, Content::Dir | Content::File { .. } | Content::Bytes(_));
        if hierarchy == Hierarchy::Joliet && !plain {
            source.left_out += 1;
            continue;
        }
        source.children.entry(parent).or_default().push((name, shown_path, shown));
    }
    Ok((source, files))
}

/// Creates the records of directory `number` and appends its subdirectories; gives how many
/// entries of the tree that placed.
fn fill<'a>(layout: &mut Layout<'a>, number: usize, source: &Source<'a>) -> usize {
    let (path, entry, parent) =
        (layout.dirs[number].path, layout.dirs[number].entry, layout.dirs[number].parent);
    let empty = Vec::new();
    let children = source.children.get(path).unwrap_or(&empty);
    let mut used = BTreeSet::new();
    let mut named: Vec<_> = children
        .iter()
        .map(|child| {
            let is_dir = child.2.content == Content::Dir;
            (source.hierarchy.unique(child.0, is_dir, &mut used), is_dir, child)
        })
        .collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let own = {
        let mut own = source.system_use(entry, 2, b"");
        if number == 0 && source.hierarchy == Hierarchy::Primary {
            own.insert(0, entries::sp());
            own.push(entries::er());
        }
        new_record(vec![0], RecordTarget::Dir(number), entry.mtime, record::DIRECTORY, own)
    };
    let up = layout.dirs[parent].entry;
    let up = new_record(
        vec![1],
        RecordTarget::Dir(parent),
        up.mtime,
        record::DIRECTORY,
        source.system_use(up, 2, b""),
    );
    let mut records = vec![own, up];
    for (identifier, is_dir, (name, path, entry)) in named {
        let identifier = source.hierarchy.stored(&identifier, is_dir);
        if is_dir {
            let system_use = source.system_use(entry, 2, name);
            let target = RecordTarget::Dir(layout.dirs.len());
            layout.dirs.push(dir(path, entry, number, identifier.clone()));
            let flags = record::DIRECTORY;
            records.push(new_record(identifier, target, entry.mtime, flags, system_use));
        } else {
            records.extend(file_records(source, &identifier, name, path, entry));
        }
    }
    let count = children.len();
    layout.dirs[number].records = records;
    place_records(&mut layout.dirs[number]);
    count
}

/// The records of a file: one for each extent.
fn file_records(
    source: &Source,
    identifier: &[u8],
    name: &[u8],
    path: &[u8],
    entry: &Entry,
) -> Vec<NewRecord> {
    let file = source.numbers.get(path).copied();
    let links = source.links.get(path).copied().unwrap_or(1);
    let system_use = source.system_use(entry, links, name);
    let size = entry.size();
    let mut records = Vec::new();
    let mut done = 0;
    loop {
        let part = (size - done).min(EXTENT_MAX);
        let last = done + part == size;
        // A part fits by its limit.
        let target =
            file.map_or(RecordTarget::Nothing, |file| RecordTarget::File(file, done, part as u32));
        let flags = if last { 0 } else { record::MULTI_EXTENT };
        let identifier = identifier.to_vec();
        records.push(new_record(identifier, target, entry.mtime, flags, system_use.clone()));
        done += part;
        if last {
            return records;
        }
    }
}

/// Counts a directory's sectors and gives its continuation areas their places.
fn place_records(dir: &mut Dir) {
    let sector_size = SECTOR as usize;
    let (mut used, mut offset, mut sector) = (0usize, 0usize, 0usize);
    for record in &mut dir.records {
        let length = record.length();
        if used % sector_size + length > sector_size {
            used = used.next_multiple_of(sector_size);
        }
        used += length;
        let last = record.areas.len() - 1;
        for (number, area) in record.areas.iter().enumerate().skip(1) {
            let length = area.len() + if number < last { entries::CE } else { 0 };
            if offset + length > sector_size {
                (sector, offset) = (sector + 1, 0);
            }
            // Far below 2^32: a directory is in memory.
            record.places.push((sector as u32, offset as u32));
            offset += length;
        }
    }
    dir.sectors = used.div_ceil(sector_size) as u32;
    dir.continuation_sectors = (sector + usize::from(offset > 0)) as u32;
}
