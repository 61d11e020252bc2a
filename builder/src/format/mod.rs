//! On-disk formats: values to bytes and back. Nothing here knows policy or
//! imports the rest of the crate.

pub mod tree;
