//! How payloads are compressed.

/// The level of either compression; higher ones cost much time and gain little.
pub(super) const LEVEL: u8 = 6;

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadCompression {
    /// For every rpm.
    Gzip,
    /// For those since 4.14, and faster; the package needs `rpmlib(PayloadIsZstd)`.
    Zstd,
}

impl PayloadCompression {
    /// Its name in the header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}
