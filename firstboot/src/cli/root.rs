//! The option `--root`.

use crate::host::Host;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Root {
    /// The node's root directory; with another one than / only files are checked and
    /// written, below it.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
}

impl Root {
    /// The node or directory tree.
    pub(super) fn host(&self) -> Host {
        // A relative directory, or `//`, is made plain; one that does not exist stays.
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        Host::open(&root)
    }
}
