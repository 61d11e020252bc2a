//! The tree that `imgbuild pxe` made: its plan, and which of its nodes are armed. A node is armed
//! when its boot files install it.

use crate::base::durable;
use crate::base::error::{Context as _, Error, Result};
use crate::base::files::read_regular;
use crate::plan::install::{NetworkNode, NetworkPlan, boot_files};
use std::path::{Path, PathBuf};

/// A larger plan is none.
const LARGEST: u64 = 64 << 20;

/// A tree that is open.
#[derive(Debug)]
pub struct PxeTree {
    /// Its directory.
    pub directory: PathBuf,
    /// Its plan.
    pub plan: NetworkPlan,
}

impl PxeTree {
    /// Opens the tree in a directory.
    ///
    /// # Errors
    /// An input error when there is none.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(NetworkPlan::FILE);
        let what = || format!("cannot read {}", path.display());
        let hint =
            "make it first: imgbuild pxe --server ADDRESS …, or name its directory by --pxe DIR";
        let bytes = read_regular(&path, LARGEST).or_input(what).map_err(|e| e.hint(hint))?;
        let plan = NetworkPlan::parse(&String::from_utf8_lossy(&bytes)).or_input(what)?;
        Ok(Self { directory: directory.to_owned(), plan })
    }

    /// The nodes that `names` mean; `all` means all.
    ///
    /// # Errors
    /// An input error naming a node that there is not.
    pub fn choose(&self, names: &[String]) -> Result<Vec<&NetworkNode>> {
        let nodes = &self.plan.nodes;
        if names.iter().any(|name| name == "all") {
            return Ok(nodes.iter().collect());
        }
        let one = |name: &String| {
            nodes.iter().find(|node| node.install.name == *name).ok_or_else(|| {
                let known: Vec<&str> = nodes.iter().map(|n| n.install.name.as_str()).collect();
                Error::input(format!("{} has no node `{name}`", self.directory.display()))
                    .hint(format!("its nodes: {}", known.join(", ")))
            })
        };
        names.iter().map(one).collect()
    }

    /// Arms or disarms a node. Each file is whole at any time.
    ///
    /// # Errors
    /// An environment error when that cannot be written.
    pub fn set(&self, node: &NetworkNode, armed: bool) -> Result<()> {
        for (path, text) in boot_files(&self.plan, node, armed) {
            let path = self.directory.join(path);
            durable::replace(&path, text.as_bytes())
                .or_environment(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Whether a node is armed.
    pub fn is_armed(&self, node: &NetworkNode) -> bool {
        boot_files(&self.plan, node, true).iter().all(|(path, text)| {
            let bytes = read_regular(&self.directory.join(path), LARGEST);
            bytes.is_ok_and(|bytes| bytes == text.as_bytes())
        })
    }
}
