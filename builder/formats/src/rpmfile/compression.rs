//! How payloads are compressed.

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

    /// Its level: gzip's highest; of zstd higher ones cost much time and gain little.
    pub(super) fn level(self) -> u8 {
        match self {
            Self::Gzip => 9,
            Self::Zstd => 6,
        }
    }
}
