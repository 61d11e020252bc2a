//! RPM package files: lead, signature header, main header, payload.
//! Source: "RPM Package Format", rpm.org (format version 3/4, as EL7's rpm 4.11 writes and reads).

mod error;
mod files;
mod header;
mod lead;
mod opened;
mod package;
mod payload;
pub mod tag;
mod write;

pub use error::Malformed;
pub use files::{PackagedFile, flag};
pub use header::{Header, Which};
pub use lead::LEAD;
pub use opened::RpmFile;
pub use package::{Dependency, RpmPackage, Scriptlet, Trigger, When};
pub use payload::{Contents, PayloadItem};
pub use write::{SignatureValue, package as with_signatures};
