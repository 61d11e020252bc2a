//! What an image holds: names, nodes and where their data is.

/// Bytes of a logical sector.
pub const SECTOR: u64 = 2048;
/// Sector of the first volume descriptor; those before it are the system area.
pub(super) const FIRST: u64 = 16;
/// Where a volume descriptor has the volume's size in sectors, in both byte orders.
pub(super) const VOLUME_SIZE: u64 = 80;

/// Which of the names that an image has for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// ISO 9660's own, upper case and short.
    Plain,
    /// Joliet's.
    Joliet,
    /// Rock Ridge's, with owners, modes and links.
    RockRidge,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link with its target as stored.
    Symlink(Vec<u8>),
    /// A device, pipe or socket, or a file whose stored bytes are not its contents
    /// (interleaved, or compressed by zisofs).
    Other,
}

/// A run of consecutive bytes of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte, from the image's start.
    pub offset: u64,
    /// Length in bytes.
    pub size: u64,
}

/// One file, directory or symbolic link of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsoNode {
    /// Name within its directory: Rock Ridge's, else Joliet's in UTF-8, else ISO 9660's
    /// without version and trailing dot. Empty for the root.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits (0..=0o7777); 0555 where the image records none, as Linux has it.
    pub mode: u16,
    /// Owner; 0 where the image records none.
    pub uid: u32,
    /// Group; 0 where the image records none.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Length of the data in bytes, over all extents.
    pub size: u64,
    /// Where the data is, in order.
    pub extents: Vec<Extent>,
}
