//! What the keeper of a lab's network is to create.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The bridge's name inside.
pub(super) const BRIDGE: &str = "lab";

/// What the keeper gets on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// Addresses of the bridge with their prefix length.
    pub(super) addresses: Vec<String>,
    /// The network that the time server answers.
    pub(super) network: String,
    /// Where the time server keeps its files.
    pub(super) directory: PathBuf,
    /// chronyd, where it is installed.
    pub(super) chronyd: Option<PathBuf>,
}
