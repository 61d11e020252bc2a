//! What HTTP requests mean for nodes that are installed: their own files are for them alone, and
//! who has read the kickstart is not installed a second time.

use super::boot_progress::{BootProgress, BootState};
use super::tree::PxeTree;
use crate::lab::serve::RequestWatcher;
use crate::plan::install::NetworkNode;
use std::net::IpAddr;
use std::sync::Arc;

/// Hears of the HTTP server's requests.
pub struct InstallWatcher {
    /// The tree.
    pub tree: Arc<PxeTree>,
    /// What the nodes do.
    pub progress: Arc<BootProgress>,
}

impl InstallWatcher {
    /// The node whose own directory a path is in.
    fn owner(&self, path: &str) -> Option<&NetworkNode> {
        let nodes = &self.tree.plan.nodes;
        nodes.iter().find(|node| {
            path.strip_prefix(node.directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

impl RequestWatcher for InstallWatcher {
    fn allows(&self, path: &[String], client: IpAddr) -> bool {
        let path = path.join("/");
        let owner = self.owner(&path);
        owner.is_none_or(|node| IpAddr::V4(node.address) == client)
    }

    fn answered(&self, path: &[String], client: IpAddr, status: u16) {
        let path = path.join("/");
        let found = matches!(status, 200 | 206 | 304);
        self.progress.asked(&self.tree.plan, client, &path, found);
        let read = self.owner(&path).filter(|node| found && node.install.kickstart == path);
        if let Some(node) = read
            && self.tree.is_armed(node)
        {
            // Whatever becomes of this installation, the next boot is the local disk's.
            if let Err(e) = self.tree.set(node, false) {
                self.progress.note(node, BootState::Armed, &e.to_string());
            }
        }
    }
}
