//! The bits of `st_mode` that are the file's type, which filesystems and archives store alike.
//! Source: inode(7).

/// All of them (`S_IFMT`).
pub const MASK: u32 = 0o170_000;
/// A named pipe.
pub const FIFO: u32 = 0o010_000;
/// A character device.
pub const CHAR_DEVICE: u32 = 0o020_000;
/// A directory.
pub const DIRECTORY: u32 = 0o040_000;
/// A block device.
pub const BLOCK_DEVICE: u32 = 0o060_000;
/// A regular file.
pub const REGULAR: u32 = 0o100_000;
/// A symbolic link.
pub const SYMLINK: u32 = 0o120_000;
/// A Unix socket.
pub const SOCKET: u32 = 0o140_000;
