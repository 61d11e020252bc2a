//! The plan: everything a build will do, decided before anything is done. Making it is
//! pure; it reads no clock and holds no secret.

use crate::layout::Layout;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;

/// Schema number of a plan.
pub const SCHEMA: u32 = 1;

/// Changes whenever the same plan would make another tree.
pub const TREE_FORMAT: u32 = 1;

/// A package to install, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Epoch, 0 when the package has none.
    pub epoch: u32,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture.
    pub arch: String,
    /// Repository id.
    pub repo: String,
    /// Path of the RPM within its medium.
    pub location: String,
    /// Checksum kind as repodata names it; `sha256` on CentOS media.
    pub checksum: String,
    /// The checksum of the whole RPM file, lower-case hexadecimal.
    pub sha256: String,
    /// Size of the RPM file in bytes.
    pub size: u64,
    /// Whether it is in the closure of `rpm`, which is unpacked before rpm can run.
    pub bootstrap: bool,
}

impl Package {
    /// `name-[epoch:]version-release.arch`.
    pub fn nevra(&self) -> String {
        let epoch = if self.epoch == 0 { String::new() } else { format!("{}:", self.epoch) };
        format!("{}-{epoch}{}-{}.{}", self.name, self.version, self.release, self.arch)
    }
}

/// A repository that the plan takes packages from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Repository id.
    pub id: String,
    /// Number of packages it holds.
    pub packages: u64,
    /// Digest of its repomd.xml, lower-case hexadecimal SHA-256.
    pub repomd_sha256: String,
}

/// The lab that the nodes belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// The lab network's first address.
    pub network: Ipv4Addr,
    /// Its prefix length in bits.
    pub prefix: u8,
    /// The nodes' default gateway.
    pub gateway: Ipv4Addr,
    /// The nodes' time servers.
    pub ntp: Vec<Ipv4Addr>,
}

/// The (virtual) machine that a node's image is made for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in bytes, whole MiB.
    pub memory: u64,
}

/// One node's image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Node name, which is also its host name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Hardware address of its interface on the lab network, lower case.
    pub mac: String,
    /// Names of the image files.
    pub outputs: Vec<String>,
}

/// A script of the kickstart, to run in the installed tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// `kickstart:line`, for messages.
    pub origin: String,
    /// Interpreter with arguments.
    pub interpreter: String,
    /// Whether its failure fails the build.
    pub error_on_fail: bool,
    /// A file on the target that receives its output.
    pub log: Option<String>,
    /// SHA-256 of its text, which may hold secrets and is no part of the plan.
    pub sha256: String,
}

/// A file that the plan was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// The plan of one role's images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The role's name.
    pub profile: String,
    /// The lab.
    pub lab: Lab,
    /// The machine.
    pub machine: Machine,
    /// Profile, lab file, kickstart.
    pub inputs: Vec<Input>,
    /// Whether the packages come from practice media.
    pub practice: bool,
    /// Newest build time among the packages, seconds since 1970; every time stamp derives from it.
    pub time: i64,
    /// Repositories by id.
    pub repositories: Vec<Repository>,
    /// Packages by name.
    pub packages: Vec<Package>,
    /// Requested but not on the media, and why that is no error.
    pub skipped: Vec<String>,
    /// Units to enable in the tree.
    pub enable: Vec<String>,
    /// Units to disable in the tree, where present.
    pub disable: Vec<String>,
    /// The default target.
    pub target: String,
    /// `%post` scripts.
    pub scripts: Vec<Script>,
    /// Kernel arguments.
    pub arguments: String,
    /// Seconds the boot menu waits.
    pub timeout: u32,
    /// The disk.
    pub disk: Layout,
    /// The role's nodes.
    pub nodes: Vec<Node>,
    /// Output formats.
    pub outputs: Vec<String>,
}

impl Plan {
    /// The plan as indented JSON.
    pub fn to_json(&self) -> String {
        // Maps with non-string keys are what JSON cannot hold; there are none in a plan.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// SHA-256 of the plan's canonical JSON, lower-case hexadecimal.
    pub fn digest(&self) -> String {
        digest(self)
    }

    /// The key of the tree that this plan installs: the digest of everything that goes
    /// into it, and of nothing that differs between nodes of the role.
    pub fn tree_digest(&self) -> String {
        tree_digest(&self.packages, &self.enable, &self.disable, &self.target, &self.scripts)
    }
}

/// See [`Plan::tree_digest`]; needed before the plan is whole, as the disk's identifiers
/// derive from it.
pub fn tree_digest(
    packages: &[Package],
    enable: &[String],
    disable: &[String],
    target: &str,
    scripts: &[Script],
) -> String {
    let digests: Vec<&str> = packages.iter().map(|p| p.sha256.as_str()).collect();
    digest(&(TREE_FORMAT, digests, enable, disable, target, scripts))
}

fn digest(value: &impl Serialize) -> String {
    // Maps with non-string keys are what JSON cannot hold; there are none in a plan.
    let json = serde_json::to_vec(value).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}
