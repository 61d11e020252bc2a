//! Which inode each entry of a tree has, and what each directory lists.

use super::error::Ext4Error;
use super::inode;
use crate::tree::{Content, Tree};
use std::collections::HashMap;

/// The root directory's inode.
pub const ROOT: u32 = 2;
/// That of `lost+found`, the first that is not reserved.
pub const LOST_FOUND: u32 = 11;

/// A directory's entry: inode number, file type, name.
pub type Child<'a> = (u32, u8, &'a [u8]);

/// Inode numbers, link counts and the children of each directory.
pub struct Names<'a> {
    pub numbers: HashMap<&'a [u8], u32>,
    pub links: HashMap<u32, u16>,
    pub children: HashMap<&'a [u8], Vec<Child<'a>>>,
    pub last: u32,
}

/// Gives every entry its inode, and every directory its list.
pub fn number_entries(tree: &Tree) -> Result<Names<'_>, Ext4Error> {
    let unsupported = |path: &[u8], why: &str| Ext4Error::Unsupported {
        path: String::from_utf8_lossy(path).into_owned(),
        why: why.to_owned(),
    };
    let mut names = Names {
        numbers: HashMap::new(),
        links: HashMap::new(),
        children: HashMap::new(),
        last: LOST_FOUND,
    };
    for (path, entry) in &tree.entries {
        let number = match path.as_slice() {
            _ if matches!(entry.content, Content::Hardlink(_)) => continue,
            b"" => ROOT,
            b"lost+found" => LOST_FOUND,
            _ => {
                names.last += 1;
                names.last
            }
        };
        names.numbers.insert(path, number);
    }
    if tree.get("").is_none_or(|root| root.content != Content::Dir) {
        return Err(unsupported(b"", "the root is not a directory"));
    }
    for (path, entry) in &tree.entries {
        let slash = path.iter().rposition(|&b| b == b'/');
        let (parent, name) =
            slash.map_or((&b""[..], path.as_slice()), |at| (&path[..at], &path[at + 1..]));
        let number = match &entry.content {
            Content::Hardlink(to) => names.numbers.get(to.as_slice()),
            _ => names.numbers.get(path.as_slice()),
        };
        let number = *number.ok_or_else(|| unsupported(path, "its hard link has no target"))?;
        let links = names.links.entry(number).or_default();
        *links += 1;
        if entry.content == Content::Dir {
            *links += 1;
        }
        if path.is_empty() {
            continue;
        }
        if name.len() > 255 || name.is_empty() || name.contains(&0) {
            return Err(unsupported(path, "its name is empty, longer than 255 bytes or has a NUL"));
        }
        let parent_number = match tree.entries.get(parent).map(|p| &p.content) {
            Some(Content::Dir) => names.numbers[parent],
            _ => return Err(unsupported(path, "its parent is not a directory")),
        };
        if entry.content == Content::Dir {
            let up = names.links.entry(parent_number).or_default();
            // `dir_nlink`: 1 stands for more than can be counted.
            *up = if *up == 1 || *up >= 64_999 { 1 } else { *up + 1 };
        }
        names.children.entry(parent).or_default().push((number, inode::file_type(entry), name));
    }
    Ok(names)
}
