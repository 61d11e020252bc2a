//! imgbuild's library: Spec → Catalog → Plan → Tree → Disk → Outputs.
//!
//! One module for each stage on the data's way, each using only those above it.

pub mod base;
pub mod checksum;
pub mod cli;
pub mod image;
pub mod kickstart;
pub mod lab;
pub mod layout;
pub mod packages;
pub mod pipeline;
pub mod plan;
pub mod provenance;
pub mod spec;
pub mod tree;
