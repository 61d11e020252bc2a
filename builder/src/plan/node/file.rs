//! One file of a node.

use formats::tree::{Content, Entry};

/// One file, directory or link to put into a node's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFile {
    /// Path from the root, with a leading slash.
    pub path: String,
    /// Permission bits; owner and group are root.
    pub mode: u16,
    /// What it is: bytes, a symbolic link, or a directory.
    pub content: Content,
}

impl NodeFile {
    /// A text file.
    pub fn text(path: impl Into<String>, mode: u16, text: impl Into<String>) -> Self {
        let content = Content::Bytes(text.into().into_bytes());
        Self { path: path.into(), mode, content }
    }

    pub(super) fn link(path: &str, target: String) -> Self {
        Self { path: path.into(), mode: 0o777, content: Content::Symlink(target.into_bytes()) }
    }

    /// A directory.
    pub fn directory(path: &str, mode: u16) -> Self {
        Self { path: path.into(), mode, content: Content::Dir }
    }

    /// The path as keys of [`formats::tree::Tree`] are: without the leading slash.
    pub fn tree_path(&self) -> &str {
        self.path.trim_start_matches('/')
    }

    /// The tree entry, last changed at `mtime` (seconds since 1970).
    pub fn entry(&self, mtime: i64) -> Entry {
        Entry::new(self.mode, mtime, self.content.clone())
    }
}
