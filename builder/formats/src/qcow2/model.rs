//! What an image is besides its content.

/// How clusters are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// Deflate at this level, 1 to 9; readable by every QEMU since 0.10.
    Zlib(u32),
    /// Zstandard at this level, 1 to 19; readable by QEMU 5.1 and later.
    Zstd(i32),
}

impl Compression {
    /// Deflate's level 1 costs a third of the default's time for 10 % more bytes.
    pub const ZLIB: Self = Self::Zlib(1);
    /// The library's own default.
    pub const ZSTD: Self = Self::Zstd(3);
}

/// The image that an overlay takes everything from that it does not hold itself.
#[derive(Clone, Copy, Debug)]
pub struct Backing<'a> {
    /// Its file name, as the overlay refers to it: absolute, or from the overlay's directory.
    pub name: &'a str,
    /// Its format in QEMU's terms.
    pub format: &'a str,
}
