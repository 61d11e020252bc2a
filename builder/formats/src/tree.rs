//! A file tree as a value: what the filesystem and archive writers take, and how a directory
//! becomes one.

mod model;
mod scan;

pub use model::{Content, Entry, Tree};
pub use scan::{ScanError, scan};
