//! The practice medium: an install tree and ISO laid out like CentOS7-1804.iso
//! made on the spot from Debian 12 packages, for machines without CentOS media.
//! Everything it installs says plainly that it is practice media.

mod apt;
mod automatic;
mod boot;
mod closure;
mod comps;
mod convert;
mod deb;
mod deps;
mod elf;
mod error;
mod filter;
mod generated;
mod images;
mod layout;
mod names;
mod package;
mod progress;
mod repodata;
mod scripts;
mod sign;
mod version;

pub use error::{Cause, Error};
pub use layout::{Practice, RECIPE, STAMP, made, make};
pub use progress::{Cancel, Progress, Stage};
pub use repodata::write as write_repodata;
