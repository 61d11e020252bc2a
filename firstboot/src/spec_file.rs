//! The node spec's file.

use crate::host::Host;
use contract::spec::{PATH, Spec, SpecError};
use std::io;

/// Why there is no spec.
#[derive(Debug, thiserror::Error)]
pub enum SpecFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The file does not exist.
    #[error("{PATH} does not exist: this node was not built by imgbuild")]
    Absent,
    /// The file is wrong.
    #[error("{PATH}: {0}")]
    Wrong(#[from] SpecError),
}

/// Reads the node spec.
///
/// # Errors
/// When it does not exist or is wrong.
pub fn load_spec(host: &Host) -> Result<Spec, SpecFileError> {
    let text = host.read(PATH)?.ok_or(SpecFileError::Absent)?;
    Ok(Spec::parse(&text)?)
}
