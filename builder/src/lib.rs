//! imgbuild's library: Spec → Catalog → Plan → Tree → Disk → Outputs.

pub mod boot;
pub mod bootstrap;
pub mod error;
pub mod format;
pub mod install;
pub mod interrupt;
pub mod layout;
pub mod manifest;
pub mod output;
pub mod plan;
pub mod progress;
pub mod rpmfile;
pub mod sandbox;
pub mod tree;
