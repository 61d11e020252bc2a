//! The tree as the image has it: names with identifiers, and the data they share.

use super::Error;
use super::names::{Identifier, identifiers};
use crate::format::tree::{Content, Entry, Tree};
use std::collections::HashMap;

/// One name of the tree.
pub(super) struct Item<'a> {
    pub path: &'a [u8],
    /// The entry; for a hard link that of its target.
    pub entry: &'a Entry,
    pub identifier: Identifier,
    /// Items of a directory, in the order of their identifiers.
    pub children: Vec<usize>,
    pub links: u32,
    /// Index of its bytes in [`Items::data`].
    pub data: Option<usize>,
}

impl Item<'_> {
    pub fn is_dir(&self) -> bool {
        self.entry.content == Content::Dir
    }

    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|&c| c == b'/').next().unwrap_or(self.path)
    }
}

/// The bytes of a file, which several names may share.
pub(super) struct Data<'a> {
    pub path: &'a [u8],
    pub entry: &'a Entry,
    /// First sector; 0 while unplaced and for empty files.
    pub lba: u32,
}

/// The tree's names in the order of their paths, the root first.
pub(super) struct Items<'a> {
    pub items: Vec<Item<'a>>,
    pub data: Vec<Data<'a>>,
}

impl<'a> Items<'a> {
    pub fn new(tree: &'a Tree) -> Result<Self, Error> {
        let mut all = Self { items: Vec::new(), data: Vec::new() };
        let mut data_of: HashMap<&[u8], usize> = HashMap::new();
        // A parent's path is a prefix of its children's and sorts before them.
        for (path, entry) in &tree.entries {
            let (target, entry) = resolve(tree, path, entry)?;
            let is_file = matches!(entry.content, Content::File { .. } | Content::Bytes(_));
            let data = is_file.then(|| {
                *data_of.entry(target).or_insert_with(|| {
                    all.data.push(Data { path: target, entry, lba: 0 });
                    all.data.len() - 1
                })
            });
            all.add(path, entry, data)?;
        }
        if all.items.is_empty() {
            return Err(Error::entry(b"", "the tree has no root directory"));
        }
        all.count_links();
        all.identify();
        Ok(all)
    }

    fn add(&mut self, path: &'a [u8], entry: &'a Entry, data: Option<usize>) -> Result<(), Error> {
        let index = self.items.len();
        let parent = match path.is_empty() {
            true => 0,
            false => {
                let end = path.iter().rposition(|&c| c == b'/').unwrap_or(0);
                let parent = self.find(&path[..end]).filter(|&i| self.items[i].is_dir());
                parent
                    .ok_or_else(|| Error::entry(path, "its parent is no directory of the tree"))?
            }
        };
        let identifier = Identifier::default();
        let children = Vec::new();
        self.items.push(Item { path, entry, identifier, children, links: 1, data });
        if index == 0 && !self.items[0].is_dir() {
            return Err(Error::entry(path, "the root of the tree is no directory"));
        }
        let name = self.items[index].name();
        if name.len() > 255 || index > 0 && matches!(name, b"" | b"." | b"..") {
            return Err(Error::entry(path, "its name cannot be a file name"));
        }
        if index > 0 {
            self.items[parent].children.push(index);
        }
        Ok(())
    }

    /// Index of the item at `path`.
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        self.items.binary_search_by(|item| item.path.cmp(path)).ok()
    }

    fn count_links(&mut self) {
        let mut names = vec![0; self.data.len()];
        for data in self.items.iter().filter_map(|item| item.data) {
            names[data] += 1;
        }
        for index in 0..self.items.len() {
            let item = &self.items[index];
            let below = item.children.iter().filter(|&&child| self.items[child].is_dir()).count();
            self.items[index].links = match item.data {
                Some(data) => names[data],
                // Its name, its `.` and the `..` of each directory below it.
                None if item.is_dir() => 2 + below as u32,
                None => 1,
            };
        }
    }

    fn identify(&mut self) {
        for index in 0..self.items.len() {
            let mut children = std::mem::take(&mut self.items[index].children);
            let names = children.iter().map(|&child| &self.items[child]);
            let found = identifiers(names.map(|item| (item.name(), item.is_dir())));
            for (&child, identifier) in children.iter().zip(found) {
                self.items[child].identifier = identifier;
            }
            children.sort_by(|&a, &b| self.items[a].identifier.cmp(&self.items[b].identifier));
            self.items[index].children = children;
        }
    }
}

/// The path and entry that a hard link names; any other entry itself.
fn resolve<'a>(
    tree: &'a Tree,
    path: &'a [u8],
    entry: &'a Entry,
) -> Result<(&'a [u8], &'a Entry), Error> {
    let Content::Hardlink(target) = &entry.content else { return Ok((path, entry)) };
    match tree.entries.get_key_value(target) {
        Some((target, entry)) if !matches!(entry.content, Content::Hardlink(_) | Content::Dir) => {
            Ok((target, entry))
        }
        _ => Err(Error::entry(path, "it is a hard link to nothing that can have one")),
    }
}
