//! qcow2 images from a sparse raw file. Source: QEMU docs/interop/qcow2.txt, version 3
//! ("compat 1.1"), 64 KiB clusters, 16-bit reference counts; compressed clusters are raw
//! deflate with a 12-bit window, as decoders expect, or zstd frames (QEMU 5.1 and later).

mod cluster;
mod entry;
mod error;
mod model;
mod read;
mod tables;
#[cfg(test)]
mod tests;
mod write;

pub use error::Qcow2Error;
pub use model::{Backing, Compression};
pub use read::{MAGIC, Qcow2Reader, ReadError};
pub use write::{overlay, write};
