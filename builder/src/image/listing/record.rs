//! What is known of each path.

use std::collections::BTreeMap;

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Regular file.
    File,
    /// Directory.
    Dir,
    /// Symbolic link.
    Link,
    /// Character device.
    Char,
    /// Block device.
    Block,
    /// Named pipe.
    Fifo,
    /// Unix socket.
    Socket,
}

/// One path's metadata, and what stands for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a regular file, else 0.
    pub size: u64,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// SHA-256 of a regular file's content, lower-case hexadecimal; else empty.
    pub sha256: String,
    /// A link's target, else empty.
    pub target: Vec<u8>,
    /// A device's major and minor number, else zeros.
    pub device: (u32, u32),
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Record {
    /// What a FAT filesystem knows of a file, as the image's fstab mounts it.
    pub fn of_fat(kind: FileKind, size: u64, sha256: String) -> Self {
        Self {
            kind,
            mode: 0o700,
            uid: 0,
            gid: 0,
            size,
            mtime: 0,
            sha256,
            target: Vec::new(),
            device: (0, 0),
            xattrs: BTreeMap::new(),
        }
    }

    /// The names of what differs between two records of one path.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let pairs = [
            ("type", self.kind != other.kind),
            ("mode", self.mode != other.mode),
            ("owner", self.uid != other.uid),
            ("group", self.gid != other.gid),
            ("size", self.size != other.size),
            ("content", self.sha256 != other.sha256),
            ("target", self.target != other.target),
            ("device", self.device != other.device),
            ("attributes", self.xattrs != other.xattrs),
            ("time", self.mtime != other.mtime),
        ];
        pairs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

/// Paths (relative, `/`-separated, the root is empty) to records.
pub type Listing = BTreeMap<Vec<u8>, Record>;
