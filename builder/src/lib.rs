//! imgbuild's library: Spec → Catalog → Plan → Tree → Disk → Outputs.

pub mod boot;
pub mod bootstrap;
pub mod build;
pub mod cli;
pub mod disk;
pub mod error;
pub mod format;
mod glob;
pub mod install;
pub mod interrupt;
pub mod kickstart;
pub mod layout;
pub mod manifest;
pub mod media;
pub mod node;
pub mod output;
pub mod plan;
pub mod practice;
pub mod problem;
pub mod profile;
pub mod progress;
pub mod repo;
pub mod rpmfile;
pub mod sandbox;
pub mod solve;
pub mod tree;
pub mod trust;
