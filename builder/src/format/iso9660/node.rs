//! One file of an image as a value.

/// A run of bytes of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte in the image.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link and its target, as stored.
    Symlink(Vec<u8>),
    /// A device, pipe or socket, which media do not use.
    Special,
}

/// A file, directory or link of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The last component of its path; empty for the root directory. Never
    /// `.`, `..`, and never with a slash or NUL in it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits (0..=0o7777); 0o555 where the image records none.
    pub mode: u16,
    /// Owner; 0 where the image records none.
    pub uid: u32,
    /// Group; 0 where the image records none.
    pub gid: u32,
    /// Modification time, seconds since 1970; 0 where the recorded date is invalid.
    pub mtime: i64,
    /// Bytes of data; for a directory, those of its records.
    pub size: u64,
    /// Where the data lies, in order; together `size` bytes.
    pub extents: Vec<Extent>,
    /// Whether the data is compressed by zisofs, which cannot be read here.
    pub compressed: bool,
}

impl Node {
    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == Kind::Dir
    }
}
