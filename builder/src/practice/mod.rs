//! The practice medium: an install tree and ISO laid out like CentOS7-1804.iso
//! made on the spot from Debian 12 packages, for machines without CentOS media.
//! Everything it installs says plainly that it is practice media.

mod apt;
mod boot;
mod closure;
mod comps;
mod convert;
mod deb;
mod deps;
mod elf;
mod filter;
mod generated;
mod images;
mod layout;
mod names;
mod package;
mod repodata;
mod scripts;
mod sign;
mod version;

pub use layout::{Practice, made, make};

/// The steps of [`make`], in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Fetching Debian's package lists and resolving the dependency closure.
    Index,
    /// Downloading packages; counted in bytes.
    Download,
    /// Converting packages to RPMs; counted in RPMs.
    Convert,
    /// Writing repository metadata; counted in repositories.
    Metadata,
    /// Boot files and ISO images; counted in images.
    Images,
}

impl Stage {
    /// What a progress line shows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "reading Debian's package lists",
            Self::Download => "downloading Debian packages",
            Self::Convert => "converting to RPMs",
            Self::Metadata => "writing repository metadata",
            Self::Images => "writing boot files and images",
        }
    }
}

/// Where progress goes: the stage, how much of it is done, how much there is.
pub type Progress<'a> = &'a mut dyn FnMut(Stage, u64, u64);
