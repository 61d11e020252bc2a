//! imgbuild's library: Spec → Catalog → Plan → Tree → Disk → Outputs.
//!
//! One module for each stage on the data's way, each using only those above it.

/// What every stage uses: errors, progress, interruption, the lab's vocabulary.
pub mod base;

/// Where everything is on a node's disk: pure arithmetic.
pub mod layout;

/// The kickstart language: what Anaconda would do with a file, as a value.
pub mod kickstart;

/// The lab file, a role file and its kickstart become one spec.
pub mod spec;

/// From media to a build's packages: found, chosen, trusted, kept.
pub mod packages;

/// Everything that a build will do, decided before anything is done.
pub mod plan;

/// Installed trees, created by the target's own rpm.
pub mod tree;

/// Disk images: written, put out, read back.
pub mod image;

/// The lab that the images are for: secrets, virtual machines, status.
pub mod lab;

/// What an image consists of: recorded, checked, compared.
pub mod provenance;

/// The stages put together: the recipe of a build.
pub mod pipeline;

/// The command line.
pub mod cli;
