//! The disks of a layout.

use serde::{Deserialize, Serialize};

/// A disk after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherDisk {
    /// Where its places begin: after the disks before it.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// As [`Layout::guid`].
    pub guid: String,
}

/// Any disk of a layout.
#[derive(Clone, Debug)]
pub struct DiskRange<'a> {
    /// Its name in the machine.
    pub name: String,
    /// Where its places begin.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// As [`Layout::guid`].
    pub guid: &'a str,
}

impl DiskRange<'_> {
    /// The name of its image of a node, with this extension.
    pub fn file(&self, node: &str, extension: &str) -> String {
        match self.offset {
            0 => format!("{node}.{extension}"),
            _ => format!("{node}.{}.{extension}", self.name),
        }
    }
}
