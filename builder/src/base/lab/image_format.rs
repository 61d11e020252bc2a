//! Formats of image files.

use std::str::FromStr;

/// An image file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageFormat {
    /// The disk's bytes, sparse.
    Raw,
    /// QEMU's copy-on-write format, compressed so that every QEMU reads it.
    Qcow2,
    /// The same, not compressed.
    Qcow2Plain,
    /// The same, compressed by zstd: QEMU 5.1 and later.
    Qcow2Zstd,
    /// The same, holding what differs from a base that the role's nodes share.
    Qcow2Overlay,
    /// VMware's format.
    Vmdk,
    /// Hyper-V's older format, dynamic.
    Vhd,
    /// No disk but the files, for containers and comparisons.
    Tar,
}

impl ImageFormat {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Raw,
        Self::Qcow2,
        Self::Qcow2Plain,
        Self::Qcow2Zstd,
        Self::Qcow2Overlay,
        Self::Vmdk,
        Self::Vhd,
        Self::Tar,
    ];

    /// The name on the command line and in profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Qcow2Plain => "qcow2-plain",
            Self::Qcow2Zstd => "qcow2-zstd",
            Self::Qcow2Overlay => "qcow2-overlay",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Tar => "tar",
        }
    }

    /// The file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 | Self::Qcow2Plain | Self::Qcow2Zstd | Self::Qcow2Overlay => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Tar => "tar.gz",
        }
    }

    /// QEMU's name for it; none for what is not a disk.
    pub fn qemu(self) -> Option<&'static str> {
        match self {
            Self::Raw => Some("raw"),
            Self::Qcow2 | Self::Qcow2Plain | Self::Qcow2Zstd | Self::Qcow2Overlay => Some("qcow2"),
            Self::Vmdk => Some("vmdk"),
            Self::Vhd => Some("vpc"),
            Self::Tar => None,
        }
    }
}

impl FromStr for ImageFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|f| f.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an output format")]
pub struct UnknownFormat(String);
