//! The tree as directories of entries and files in clusters one after another.

use super::Error;
use super::geometry::{Geometry, Kind};
use super::names::{Name, Names};
use crate::format::calendar;
use crate::format::tree::{Content, Entry, Tree};
use std::collections::BTreeMap;

const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const LABEL: u8 = 0x08;

/// A directory's entries and place.
pub(super) struct Directory {
    pub entries: Vec<u8>,
    /// First cluster; none for the root directory before FAT32.
    pub cluster: Option<u32>,
}

/// A file's data and place.
pub(super) struct File<'a> {
    pub path: &'a [u8],
    pub entry: &'a Entry,
    /// First cluster; none for an empty file.
    pub cluster: Option<u32>,
}

/// All that lies in clusters.
pub(super) struct Files<'a> {
    pub directories: Vec<Directory>,
    pub files: Vec<File<'a>>,
    /// Lengths of the chains of clusters in their order.
    pub chains: Vec<u32>,
    /// Sum of `chains`.
    pub clusters: u32,
}

/// One name with what its entry says.
struct Item<'a> {
    path: &'a [u8],
    entry: &'a Entry,
    name: Option<Name>,
    children: Vec<usize>,
    parent: usize,
    cluster: Option<u32>,
}

impl Item<'_> {
    fn is_dir(&self) -> bool {
        self.entry.content == Content::Dir
    }
}

impl<'a> Files<'a> {
    pub fn new(tree: &'a Tree, geometry: &Geometry, label: [u8; 11]) -> Result<Self, Error> {
        let mut items = items(tree)?;
        let mut clusters = Clusters { chains: Vec::new(), used: 0 };
        for index in 0..items.len() {
            let bytes = match index {
                0 if geometry.kind != Kind::Fat32 => 0,
                _ if items[index].is_dir() => directory_bytes(&items, index),
                _ => items[index].entry.size(),
            };
            items[index].cluster = clusters.take(bytes.div_ceil(geometry.cluster_bytes()));
        }
        if clusters.used > u64::from(geometry.clusters) {
            return Err(Error::Full {
                needed: clusters.used * geometry.cluster_bytes(),
                available: u64::from(geometry.clusters) * geometry.cluster_bytes(),
            });
        }
        let mut all = Self {
            directories: Vec::new(),
            files: Vec::new(),
            // No more than the geometry's clusters, which 32 bits count.
            chains: clusters.chains.iter().map(|&chain| chain as u32).collect(),
            clusters: clusters.used as u32,
        };
        for (index, item) in items.iter().enumerate() {
            let (path, entry, cluster) = (item.path, item.entry, item.cluster);
            if item.is_dir() {
                let entries = entries(&items, index, label);
                let (_, root) = geometry.fixed_root();
                if entries.len() as u64 > if index == 0 && root > 0 { root } else { 65_536 * 32 } {
                    return Err(Error::entry(path, "the directory has too many entries"));
                }
                all.directories.push(Directory { entries, cluster });
            } else {
                all.files.push(File { path, entry, cluster });
            }
        }
        Ok(all)
    }
}

/// Clusters given out in order.
struct Clusters {
    chains: Vec<u64>,
    used: u64,
}

impl Clusters {
    fn take(&mut self, count: u64) -> Option<u32> {
        let first = u32::try_from(self.used + 2).ok().filter(|_| count > 0);
        if count > 0 {
            self.chains.push(count);
            self.used += count;
        }
        first
    }
}

/// The tree's names in the order of their paths, the root first.
fn items(tree: &Tree) -> Result<Vec<Item<'_>>, Error> {
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut directories: BTreeMap<&[u8], (usize, Names)> = BTreeMap::new();
    for (path, entry) in &tree.entries {
        let entry = match &entry.content {
            Content::Hardlink(target) => {
                let target = tree.entries.get(target);
                target.filter(|target| target.content != Content::Dir).unwrap_or(entry)
            }
            _ => entry,
        };
        if !matches!(entry.content, Content::Dir | Content::File { .. } | Content::Bytes(_)) {
            return Err(Error::entry(path, "FAT holds files and directories alone"));
        }
        if entry.size() > u64::from(u32::MAX) {
            return Err(Error::entry(path, "FAT files are smaller than 4 GiB"));
        }
        let index = items.len();
        let mut item =
            Item { path, entry, name: None, children: Vec::new(), parent: 0, cluster: None };
        if !path.is_empty() {
            let end = path.iter().rposition(|&c| c == b'/');
            let name = &path[end.map_or(0, |end| end + 1)..];
            let (parent, names) = directories
                .get_mut(&path[..end.unwrap_or(0)])
                .ok_or_else(|| Error::entry(path, "its parent is no directory of the tree"))?;
            item.parent = *parent;
            item.name = Some(names.add(name).map_err(|what| Error::entry(path, what))?);
            items[*parent].children.push(index);
        } else if !item.is_dir() {
            return Err(Error::entry(path, "the root of the tree is no directory"));
        }
        if item.is_dir() {
            directories.insert(path, (index, Names::default()));
        }
        items.push(item);
    }
    if items.is_empty() {
        return Err(Error::entry(b"", "the tree has no root directory"));
    }
    Ok(items)
}

/// Bytes of a directory's entries: `.` and `..`, or the label, and its names.
fn directory_bytes(items: &[Item<'_>], index: usize) -> u64 {
    let names = items[index].children.iter().filter_map(|&child| items[child].name.as_ref());
    let entries: usize = names.map(|name| name.long.len() + 1).sum();
    (entries as u64 + if index == 0 { 1 } else { 2 }) * 32
}

fn entries(items: &[Item<'_>], index: usize, label: [u8; 11]) -> Vec<u8> {
    let item = &items[index];
    let mut bytes = Vec::new();
    if index == 0 {
        bytes.extend(short_entry(&label, LABEL, item.entry.mtime, None, 0));
    } else {
        let parent = &items[item.parent];
        // The root directory is cluster 0 here, wherever it is.
        let above = parent.cluster.filter(|_| item.parent != 0);
        let dot = |name: &[u8; 11], of: &Item<'_>, cluster| {
            short_entry(name, DIRECTORY, of.entry.mtime, cluster, 0)
        };
        bytes.extend(dot(b".          ", item, item.cluster));
        bytes.extend(dot(b"..         ", parent, above));
    }
    for child in item.children.iter().map(|&child| &items[child]) {
        let Some(name) = &child.name else { continue };
        bytes.extend(name.long.iter().flatten());
        let kind = if child.is_dir() { DIRECTORY } else { ARCHIVE };
        // Checked to be below 4 GiB when the items were made.
        let size = child.entry.size() as u32;
        bytes.extend(short_entry(&name.short, kind, child.entry.mtime, child.cluster, size));
    }
    bytes
}

fn short_entry(
    name: &[u8; 11],
    attributes: u8,
    time: i64,
    cluster: Option<u32>,
    size: u32,
) -> [u8; 32] {
    let mut entry = [0; 32];
    let (date, clock, odd) = dos_time(time);
    let [low0, low1, high0, high1] = cluster.unwrap_or(0).to_le_bytes();
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    // Creation in hundredths beyond the two seconds that times count in.
    entry[13] = odd * 100;
    entry[14..16].copy_from_slice(&clock);
    entry[16..18].copy_from_slice(&date);
    entry[18..20].copy_from_slice(&date);
    entry[20..22].copy_from_slice(&[high0, high1]);
    entry[22..24].copy_from_slice(&clock);
    entry[24..26].copy_from_slice(&date);
    entry[26..28].copy_from_slice(&[low0, low1]);
    entry[28..].copy_from_slice(&size.to_le_bytes());
    entry
}

/// Date, time and odd second; times outside 1980..=2107 become the nearest in it.
fn dos_time(time: i64) -> ([u8; 2], [u8; 2], u8) {
    let [year, month, day, hour, minute, second] =
        calendar::fields(time.clamp(315_532_800, 4_354_819_199));
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let clock = (hour << 11) | (minute << 5) | (second / 2);
    ((date as u16).to_le_bytes(), (clock as u16).to_le_bytes(), (second % 2) as u8)
}
