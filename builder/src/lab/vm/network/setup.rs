//! What the processes in a lab's network are to do.

use crate::lab::vm::process::Process;
use crate::plan::RepositoryPlace;
use serde::{Deserialize, Serialize};
use std::net::SocketAddrV4;
use std::path::PathBuf;

/// The hidden first argument that makes `main` call [`super::inner_main`].
pub const ARGUMENT: &str = "__lab";

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

/// What the server of the repositories gets on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub struct RepositorySetup {
    /// Where it listens.
    pub listen: Vec<SocketAddrV4>,
    /// Who holds the network that this is in, where it is not this machine's own.
    pub keeper: Option<Process>,
    /// What it serves.
    pub places: Vec<RepositoryPlace>,
    /// The cache, for what it fetches.
    pub cache: PathBuf,
}
