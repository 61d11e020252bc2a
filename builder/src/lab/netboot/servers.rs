//! The servers beside HTTP, listening.

use super::boot_progress::{BootProgress, BootState};
use super::dhcp_answer::DhcpMode;
use super::dhcp_server::DhcpServer;
use super::interface::{LabInterface, listen_at};
use super::probe::refuse_second_server;
use super::tftp_server::{PORT, TftpServer};
use super::tree::PxeTree;
use super::watcher::InstallWatcher;
use crate::base::error::{Error, Result};
use crate::lab::serve::ServedTree;
use crate::packages::media;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Bytes of a packet where the interface is not known.
const ETHERNET: usize = 1500;

/// TFTP and DHCP for a tree.
pub struct BootServers {
    tree: Arc<PxeTree>,
    progress: Arc<BootProgress>,
    tftp: TftpServer,
    tftp_socket: UdpSocket,
    dhcp: Option<DhcpServer>,
}

impl BootServers {
    /// Listens. Before nodes are given addresses, other DHCP servers are looked for.
    ///
    /// # Errors
    /// Environment errors: a port is taken, is not for this user, or another DHCP server answers.
    pub fn listen(
        tree: PxeTree,
        dhcp: Option<(DhcpMode, &LabInterface)>,
        mtu: Option<usize>,
        progress: BootProgress,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self> {
        let (tree, progress) = (Arc::new(tree), Arc::new(progress));
        let address = *tree.plan.server.ip();
        let tftp_socket = listen_at(SocketAddrV4::new(address, PORT))?;
        let plan = Arc::new(tree.plan.clone());
        let dhcp = match dhcp {
            Some((mode, interface)) => {
                let server =
                    DhcpServer::listen(plan, mode, interface, Arc::clone(&progress), warn)?;
                if mode == DhcpMode::Full {
                    refuse_second_server(interface, address)?;
                }
                Some(server)
            }
            None => None,
        };
        let heard = {
            let (tree, progress) = (Arc::clone(&tree), Arc::clone(&progress));
            move |client: SocketAddr, path: &str, found| {
                progress.asked(&tree.plan, client.ip(), path, found);
            }
        };
        let tftp = TftpServer {
            files: media::open(&tree.directory.join("tftp").to_string_lossy())?,
            address,
            mtu: mtu.unwrap_or(ETHERNET),
            heard: Box::new(heard),
        };
        Ok(Self { tree, progress, tftp, tftp_socket, dhcp })
    }

    /// What the HTTP server has of it: the tree's own files, and the installer's medium.
    ///
    /// # Errors
    /// An input error when the medium is gone.
    pub fn trees(&self) -> Result<Vec<ServedTree>> {
        let (own, tree) = (self.tree.directory.join("http"), &self.tree.plan.tree);
        let served = |path: &str, medium: &str| -> Result<ServedTree> {
            let medium = media::open(medium)?;
            let path = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
            Ok(ServedTree { path: path.collect(), medium, directory: String::new() })
        };
        if !Path::new(&tree.medium).is_file() {
            return Err(Error::input(format!("the installer's medium is gone: {}", tree.medium))
                .hint(
                    "put the ISO file back where it was, or make the tree from where it is now",
                ));
        }
        Ok(vec![served("", &own.to_string_lossy())?, served(&tree.path, &tree.medium)?])
    }

    /// Who hears of the HTTP server's requests.
    pub fn watcher(&self) -> InstallWatcher {
        InstallWatcher { tree: Arc::clone(&self.tree), progress: Arc::clone(&self.progress) }
    }

    /// Arms nodes, and shows those that are armed.
    ///
    /// # Errors
    /// An input error naming a node that there is not; an environment error when the tree cannot be
    /// written.
    pub fn arm(&self, names: &[String]) -> Result<()> {
        for node in self.tree.choose(names)? {
            self.tree.set(node, true)?;
        }
        for node in self.tree.plan.nodes.iter().filter(|node| self.tree.is_armed(node)) {
            self.progress.note(node, BootState::Armed, &node.mac);
        }
        Ok(())
    }

    /// Serves until `over` says that it is enough, as `http` does in this thread.
    pub fn run(
        self,
        over: &(dyn Fn() -> bool + Sync),
        warn: &(dyn Fn(&str) + Sync),
        http: impl FnOnce(),
    ) {
        let Self { tftp, tftp_socket, dhcp, .. } = self;
        let report = |what: &str, ended: io::Result<()>| {
            if let Err(e) = ended {
                warn(&format!("{what} is not served any more: {e}"));
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| report("TFTP", tftp.run(&tftp_socket, over)));
            if let Some(dhcp) = dhcp {
                scope.spawn(move || report("DHCP", dhcp.run(over)));
            }
            http();
        });
    }
}
