//! The values.

use crate::file_type;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

/// What an entry is, beyond its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A directory; its children are entries of their own.
    Dir,
    /// A regular file whose bytes are read from `path` when written. `size` in bytes.
    File {
        /// Where the bytes are.
        path: PathBuf,
        /// Exactly how many there are.
        size: u64,
    },
    /// A regular file with its bytes here.
    Bytes(Vec<u8>),
    /// A symbolic link and its target, as stored (not resolved).
    Symlink(Vec<u8>),
    /// A further name of the entry at this path, which must not itself be a `Hardlink`.
    Hardlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Device major number.
        major: u32,
        /// Device minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Device major number.
        major: u32,
        /// Device minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
}

impl Content {
    /// The file type's bits of `st_mode`; a hard link has those of a regular file.
    pub fn file_type_bits(&self) -> u32 {
        match self {
            Self::Dir => file_type::DIRECTORY,
            Self::File { .. } | Self::Bytes(_) | Self::Hardlink(_) => file_type::REGULAR,
            Self::Symlink(_) => file_type::SYMLINK,
            Self::CharDevice { .. } => file_type::CHAR_DEVICE,
            Self::BlockDevice { .. } => file_type::BLOCK_DEVICE,
            Self::Fifo => file_type::FIFO,
            Self::Socket => file_type::SOCKET,
        }
    }
}

/// One inode's metadata and content (for [`Content::Hardlink`] the metadata is ignored).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits only (0..=0o7777); the type is in `content`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Extended attributes, full name (`security.selinux`, `security.capability`, `user.x`) to value.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What it is.
    pub content: Content,
}

impl Entry {
    /// A root-owned entry without extended attributes.
    pub fn new(mode: u16, mtime: i64, content: Content) -> Self {
        Self { mode, uid: 0, gid: 0, mtime, xattrs: BTreeMap::new(), content }
    }

    /// Size in bytes of a regular file's data, 0 for anything else.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::File { size, .. } => *size,
            Content::Bytes(bytes) => bytes.len() as u64,
            _ => 0,
        }
    }

    /// Reader over a regular file's data; empty for anything else.
    ///
    /// # Errors
    /// When the file behind [`Content::File`] cannot be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(match &self.content {
            Content::File { path, .. } => Box::new(File::open(path)?),
            Content::Bytes(bytes) => Box::new(Cursor::new(bytes.as_slice())),
            _ => Box::new(io::empty()),
        })
    }

    /// A regular file's data; nothing for anything else.
    ///
    /// # Errors
    /// When it cannot be read, or has more than `limit` bytes.
    pub fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?.take(limit + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(io::Error::other(format!("it has more than {limit} bytes"))),
            false => Ok(bytes),
        }
    }
}

/// Paths to entries. A path is relative to the root, `/`-separated, without
/// leading, trailing or doubled slashes, and has no `.` or `..`; the root
/// directory itself is the empty path. Every parent of a path must be present
/// as a [`Content::Dir`] before a writer takes the tree. The map's order (bytes)
/// is not the order of a depth-first walk; writers that need that sort themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Path to entry.
    pub entries: BTreeMap<Vec<u8>, Entry>,
}

impl Tree {
    /// Puts an entry at `path`, replacing what was there; missing parents become
    /// root-owned directories of mode 0755 with the entry's mtime.
    pub fn put(&mut self, path: &str, entry: Entry) {
        let mtime = entry.mtime;
        let mut parent = path;
        while !parent.is_empty() {
            parent = parent.rsplit_once('/').map_or("", |(up, _)| up);
            self.entries
                .entry(parent.as_bytes().to_vec())
                .or_insert_with(|| Entry::new(0o755, mtime, Content::Dir));
        }
        self.entries.insert(path.as_bytes().to_vec(), entry);
    }

    /// The entry at `path`.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path.as_bytes())
    }
}
