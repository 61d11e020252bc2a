//! Installed trees: created by the target's own rpm, read as values, kept by the digest of
//! everything that created them.

pub mod bootloader;
pub mod bootstrap;
mod cache;
mod inside;
pub mod install;
mod read;
pub mod sandbox;
mod scan;
pub mod selinux;
mod write;

pub use cache::Cache;
pub use inside::inside;
pub use read::{has, read_file, rewrite_file};
pub use scan::scan;
pub use write::write;
