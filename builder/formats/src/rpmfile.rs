//! RPM package files: lead, signature header, main header, payload.
//! Source: "RPM Package Format", rpm.org (format version 3/4, as EL7's rpm 4.11 writes and reads).

mod compression;
mod dependency;
mod entries;
mod error;
mod files;
mod header;
mod lead;
mod main_entries;
mod opened;
mod package;
mod payload;
pub mod tag;
#[cfg(test)]
mod tests;
mod version;
mod write;

pub use compression::PayloadCompression;
pub use dependency::{Dependency, FileDependency, sense};
pub use entries::{Entries, EntryValue};
pub use error::Malformed;
pub use files::{PackagedFile, flag};
pub use header::{Header, Which};
pub use lead::LEAD;
pub use opened::RpmFile;
pub use package::{RpmPackage, Scriptlet, Trigger, When};
pub use payload::{Contents, PayloadItem};
pub use version::{Evr, vercmp};
pub use write::{RpmContent, UnsignedRpm, with_signatures};
