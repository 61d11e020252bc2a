//! On-disk formats: values to bytes and back. Nothing here knows policy or
//! imports the rest of the crate.

mod calendar;
pub mod fat;
pub mod iso9660;
pub mod tree;
