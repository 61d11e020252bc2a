//! imgbuild's library: Spec → Catalog → Plan → Tree → Disk → Outputs.

pub mod error;
pub mod format;
pub mod interrupt;
pub mod practice;
