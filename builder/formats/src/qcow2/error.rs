//! Why no image was written.

use std::io;
use thiserror::Error;

/// Why no image was written.
#[derive(Debug, Error)]
pub enum Qcow2Error {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The backing file's name does not fit into the header's cluster.
    #[error("the backing file's name has {0} bytes, at most 1023 are allowed")]
    Name(usize),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}
