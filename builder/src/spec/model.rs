//! The typed result of loading a profile.

use super::units::Subnet;
use crate::base::error::{Error, Result};
use crate::kickstart::{self, Kickstart};
use crate::problem::Problem;
use contract::spec::Role;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// Everything asked for, checked.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The lab's name.
    pub lab: String,
    /// The lab network.
    pub network: Network,
    /// The role being built.
    pub role: Role,
    /// The nodes to build, ordered by address; at least one.
    pub nodes: Vec<Node>,
    /// Every node of the lab, ordered by address.
    pub all_nodes: Vec<Node>,
    /// The lab's repositories, in the lab file's order.
    pub repositories: Vec<Repository>,
    /// How many packages all repositories hold together, when the lab file says.
    pub expected_packages: Option<u64>,
    /// Lines of root's `authorized_keys`, without repeats.
    pub authorized_keys: Vec<String>,
    /// The (virtual) machine.
    pub machine: Machine,
    /// Units and their wanted state: the role file's and the kickstart's.
    pub services: Services,
    /// Packages installed where a repository has them.
    pub if_available: Vec<String>,
    /// The bridge and packstack.
    pub openstack: OpenStack,
    /// Output formats, at least one.
    pub formats: Vec<Format>,
    /// The kickstart; its `network` lines are the first node's, all else is the
    /// same for every node of the role.
    pub kickstart: Kickstart,
    /// Packages that its commands need beside `%packages`, for any node of the role.
    pub needs: Vec<&'static str>,
    /// The kickstart's `network` lines for each node to build, by name.
    pub networks: BTreeMap<String, Vec<kickstart::Network>>,
    /// The kickstart's text for each node to build, by name.
    pub rendered: BTreeMap<String, Rendered>,
    /// The files it was read from.
    pub inputs: Vec<Input>,
    /// What is allowed but worth a note.
    pub warnings: Vec<Problem>,
}

/// The lab network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Address and prefix length.
    pub subnet: Subnet,
    /// The interface's name on the nodes.
    pub interface: String,
    /// Default gateway.
    pub gateway: Ipv4Addr,
    /// Name servers, one to three.
    pub dns: Vec<Ipv4Addr>,
    /// NTP servers, at least one.
    pub ntp: Vec<Ipv4Addr>,
}

/// A node of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Host name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// Hardware address, lower case, when the lab file gives one.
    pub mac: Option<String>,
}

impl Node {
    /// The hardware address that virtual machines of this node get: as in the lab file, or
    /// QEMU's prefix 52:54:00 and three bytes derived from the names of lab and node.
    pub fn hardware_address(&self, lab: &str) -> String {
        self.mac.clone().unwrap_or_else(|| {
            let digest = Sha256::digest(format!("{lab}/{}", self.name));
            format!("52:54:00:{:02x}:{:02x}:{:02x}", digest[0], digest[1], digest[2])
        })
    }
}

/// A yum repository of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// yum's id.
    pub id: String,
    /// Where the build finds it without `--media`.
    pub source: Source,
    /// The folder within the source that holds `repodata/`.
    pub folder: Option<String>,
    /// Where nodes find it; absent when they do not get it.
    pub baseurl: Option<String>,
    /// The keys that its packages may be signed by; none for those found on the medium.
    pub gpgkey: Vec<GpgKey>,
    /// Whether packages have to be signed.
    pub gpgcheck: bool,
    /// How many packages it must hold, when the lab file says.
    pub packages: Option<u64>,
    /// Whether a build fails when the source does not exist.
    pub required: bool,
    /// yum's priority, 1 to 99: a name that a repository of a lower number has is not taken
    /// from one of a higher number. Absent is 99.
    pub priority: Option<u32>,
    /// Packages that are not taken from it: names or globs.
    pub exclude: Vec<String>,
}

/// A file of public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpgKey {
    /// Where yum on a node finds it: http, https, ftp or `file:///`.
    Url(String),
    /// A file on this machine, for the build alone.
    Path(PathBuf),
}

/// Where a repository comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An http or https address, or `mirrorlist=` or `metalink=` with one.
    Url(String),
    /// A folder, an ISO file or a yum `.repo` file.
    Path(PathBuf),
}

impl Source {
    /// An address if `text` starts like one, else the path that `resolve` makes of it.
    pub(super) fn parse(text: &str, resolve: impl Fn(&str) -> PathBuf) -> Self {
        if ["http://", "https://", "mirrorlist=", "metalink="].iter().any(|s| text.starts_with(s)) {
            return Self::Url(text.to_owned());
        }
        Self::Path(resolve(text.strip_prefix("file://").unwrap_or(text)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The (virtual) machine of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in bytes, whole MiB.
    pub memory: u64,
    /// Disk size in bytes, whole MiB.
    pub disk: u64,
}

/// Units (without `.service`) and their wanted state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Enabled at boot.
    pub enabled: Vec<String>,
    /// Not started at boot; need not be installed.
    pub disabled: Vec<String>,
}

/// What a role does for OpenStack beyond its services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenStack {
    /// The Open vSwitch bridge that takes over the node's address.
    pub bridge: Option<String>,
    /// packstack, on the node that runs it.
    pub packstack: Option<Packstack>,
}

/// How packstack is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packstack {
    /// Whether the controller runs guests as well.
    pub compute_on_controller: bool,
    /// A program on the node in packstack's place, such as a test double.
    pub program: Option<String>,
    /// Keys of the answer file with legal values; they go before the lab's own.
    pub answers: BTreeMap<String, String>,
}

/// An image file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// The disk's bytes, sparse.
    Raw,
    /// QEMU's copy-on-write format, compressed so that every QEMU reads it.
    Qcow2,
    /// The same, not compressed.
    Qcow2Plain,
    /// The same, compressed by zstd: QEMU 5.1 and later.
    Qcow2Zstd,
    /// The same, holding what differs from a base that the role's nodes share.
    Qcow2Overlay,
    /// VMware's format.
    Vmdk,
    /// Hyper-V's older format, dynamic.
    Vhd,
    /// No disk but the files, for containers and comparisons.
    Tar,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Raw,
        Self::Qcow2,
        Self::Qcow2Plain,
        Self::Qcow2Zstd,
        Self::Qcow2Overlay,
        Self::Vmdk,
        Self::Vhd,
        Self::Tar,
    ];

    /// The name on the command line and in profiles.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Qcow2Plain => "qcow2-plain",
            Self::Qcow2Zstd => "qcow2-zstd",
            Self::Qcow2Overlay => "qcow2-overlay",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Tar => "tar",
        }
    }

    /// The file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 | Self::Qcow2Plain | Self::Qcow2Zstd | Self::Qcow2Overlay => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Tar => "tar.gz",
        }
    }

    /// QEMU's name for it; none for what is no disk.
    pub fn qemu(self) -> Option<&'static str> {
        match self {
            Self::Raw => Some("raw"),
            Self::Qcow2 | Self::Qcow2Plain | Self::Qcow2Zstd | Self::Qcow2Overlay => Some("qcow2"),
            Self::Vmdk => Some("vmdk"),
            Self::Vhd => Some("vpc"),
            Self::Tar => None,
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|f| f.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not an output format"))
    }
}

/// A kickstart's text after rendering. It may hold a password in clear, so
/// `Debug` shows only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered(pub String);

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendered({} bytes)", self.0.len())
    }
}

/// A file that the spec was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl Spec {
    /// The repositories to build from without `--media`, and a note for each that
    /// is left out because its source does not exist. Looks at the disk.
    ///
    /// # Errors
    /// Every required repository whose source does not exist, or when none is left.
    pub fn available_repositories(&self) -> Result<(Vec<&Repository>, Vec<String>)> {
        let present = |source: &Source| match source {
            Source::Url(_) => true,
            Source::Path(path) => path.exists(),
        };
        let (found, absent): (Vec<_>, Vec<_>) =
            self.repositories.iter().partition(|r| present(&r.source));
        let (required, optional): (Vec<_>, Vec<_>) = absent.into_iter().partition(|r| r.required);
        let hint = "put the file there, change `source` in the lab file, or give --media";
        if !required.is_empty() {
            let list: Vec<String> = required
                .iter()
                .map(|r| format!("repository {}: {} does not exist", r.id, r.source))
                .collect();
            return Err(Error::input(list.join("\n")).hint(hint));
        }
        if found.is_empty() {
            return Err(Error::input("no repository to build from").hint(hint));
        }
        let notes = optional
            .iter()
            .map(|r| format!("repository {} is left out: {} does not exist", r.id, r.source))
            .collect();
        Ok((found, notes))
    }

    /// The node called `name`, if it is one of the nodes to build.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }
}
