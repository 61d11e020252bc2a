//! Where an installer gets everything from.

use super::model::DIRECTORY;

/// Where the installer has the medium.
const MOUNTED: &str = "/run/install/repo";

/// What a node is installed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstallSource {
    /// The medium that the installer is started from.
    Medium,
    /// A server, after the machine has booted by the network.
    Server(InstallServer),
}

/// Where a server has what a node is installed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallServer {
    /// Its address, `http://192.168.1.254`, without a slash at the end.
    pub url: String,
    /// The path of the installer's medium there.
    pub tree: String,
    /// The path of the node's own directory there, which nobody can guess.
    pub node: String,
}

impl InstallServer {
    /// The address of the node's directory.
    pub fn files_url(&self) -> String {
        format!("{}/{}", self.url, self.node)
    }
}

impl InstallSource {
    /// The kickstart's command that says where packages come from.
    pub fn method(&self) -> String {
        match self {
            Self::Medium => "cdrom".to_owned(),
            Self::Server(server) => format!("url --url={}/{}", server.url, server.tree),
        }
    }

    /// The address of a repository in a directory of the installer's medium.
    pub fn own_repository(&self, directory: &str) -> String {
        match self {
            Self::Medium => format!("file://{MOUNTED}/{directory}"),
            Self::Server(server) => format!("{}/{}/{directory}", server.url, server.tree),
        }
    }

    /// The address of a repository that is added in `directory`.
    pub fn added_repository(&self, directory: &str) -> String {
        match self {
            Self::Medium => format!("file://{MOUNTED}/{directory}"),
            Self::Server(server) => format!("{}/{directory}", server.url),
        }
    }

    /// The path of a node's kickstart among what is added.
    pub fn kickstart(&self, node: &str) -> String {
        match self {
            Self::Medium => format!("{DIRECTORY}/ks/{node}.ks"),
            Self::Server(server) => format!("{}/ks.cfg", server.node),
        }
    }

    /// The path of a node's file where its kickstart's scripts look for it.
    pub fn file_in_scripts(&self, node: &str, name: &str) -> String {
        match self {
            Self::Medium => format!("nodes/{node}/{name}"),
            Self::Server(_) => name.to_owned(),
        }
    }

    /// The path among what is added of what scripts know by `path`.
    pub fn added(&self, path: &str) -> String {
        match self {
            Self::Medium => format!("{DIRECTORY}/{path}"),
            Self::Server(server) => format!("{}/{path}", server.node),
        }
    }
}
