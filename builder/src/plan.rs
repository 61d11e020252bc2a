//! The plan: everything a build will do, decided before anything is done. Planning is pure: it
//! reads no clock, and a plan holds no secret.

mod assigned;
pub mod boot_config;
pub mod install;
pub mod node;
mod package;
mod quoting;

pub use assigned::{RepositoryPlace, assign, places, server_url};
pub use package::PlanPackage;

use crate::base::error::{Error, Result};
use crate::base::files::read_named;
use crate::base::lab::ImageFormat;
use crate::layout::{Device, DiskRange, Layout, Piece};
use crate::spec::{check_host_name, check_name, parse_mac};
use contract::spec::TimeServer;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Schema number of a plan.
pub const SCHEMA: u32 = 3;

/// Larger files are not read as plans.
const MAX_BYTES: u64 = 256 << 20;

/// Changes whenever the same plan would create another tree.
pub const TREE_FORMAT: u32 = 7;

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
    pub ntp: Vec<TimeServer>,
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
pub struct PlanNode {
    /// Node name, which is also its host name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Hardware address of its interface on the lab network, lower case.
    pub mac: String,
    /// Names of the image files.
    pub outputs: Vec<String>,
}

/// Which files of packages rpm leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Those marked as documentation.
    pub docs: bool,
    /// Those in a language, except these, joined by colons; absent is none.
    pub languages_but: Option<String>,
}

impl LeftOut {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
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
    /// Whether it runs outside the tree.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nochroot: bool,
    /// A file that receives its output, where it runs.
    pub log: Option<String>,
    /// SHA-256 of its text, which may hold secrets and is not part of the plan.
    pub sha256: String,
}

/// A file that the plan was created from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// Where a replay finds what the plan was created from. No part of what is built: the same
/// inputs and media in other places make the same images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The profile: a path, or the name of a built-in one.
    pub profile: String,
    /// The lab file, unless it is built in.
    pub lab: Option<PathBuf>,
    /// Paths as `%include` writes them, and the files that they stood for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<(String, PathBuf)>,
    /// The arguments of the installer's kernel with which `%pre` scripts ran, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_pre: Option<String>,
    /// Media in the user's words, paths made absolute; empty for the lab file's own sources.
    pub media: Vec<String>,
    /// Where the lab's repositories were, for the nodes that look for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<RepositoryPlace>,
    /// What `$releasever` stood for in `.repo` files, where the user said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releasever: Option<String>,
    /// Whether what the kickstart wants encrypted is created without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_encryption: bool,
}

/// The plan of one role's images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The role's name.
    pub profile: String,
    /// The lab.
    pub lab: Lab,
    /// The machine.
    pub machine: Machine,
    /// Where to find the inputs and the media.
    pub sources: Sources,
    /// Lab file, profile, kickstart, root's public keys.
    pub inputs: Vec<Input>,
    /// Whether the packages come from practice media.
    pub practice: bool,
    /// Newest build time among the packages, seconds since 1970; every time stamp derives from it.
    pub time: i64,
    /// Repositories by id.
    pub repositories: Vec<Repository>,
    /// Packages by name.
    pub packages: Vec<PlanPackage>,
    /// What of the packages is not installed.
    #[serde(default, skip_serializing_if = "LeftOut::is_nothing")]
    pub left_out: LeftOut,
    /// Requested but not on the media, and why that is not an error.
    pub skipped: Vec<String>,
    /// Units to enable in the tree.
    pub enable: Vec<String>,
    /// Units to disable in the tree, where present.
    pub disable: Vec<String>,
    /// The default target.
    pub target: String,
    /// Whether Initial Setup runs, where it is installed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub initial_setup: bool,
    /// `%post` scripts.
    pub scripts: Vec<Script>,
    /// Kernel arguments.
    pub arguments: String,
    /// Seconds the boot menu waits.
    pub timeout: u32,
    /// The disk.
    pub disk: Layout,
    /// The role's nodes.
    pub nodes: Vec<PlanNode>,
    /// Output formats.
    pub outputs: Vec<String>,
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, to)
    }
}

/// Whatever a plan is read from, a manifest too, it is checked.
impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let plan = Self::deserialize(from)?;
        plan.check().map_err(|e| D::Error::custom(format!("the plan is damaged: {e}")))?;
        Ok(plan)
    }
}

impl Plan {
    /// The plan as indented JSON.
    pub fn to_json(&self) -> String {
        // Maps with non-string keys are what JSON cannot hold; there are none in a plan.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Reads a plan: from a file that holds one, or from the `manifest.json` of a build.
    ///
    /// # Errors
    /// An input error when the file cannot be read, is not a plan, or one of another schema.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_named(path, MAX_BYTES, || format!("cannot read {}", path.display()))?;
        Self::parse(&text).map_err(|mut e| {
            e.message = format!("{}: {}", path.display(), e.message);
            e.hint("create it again: imgbuild plan … --json >plan.json")
        })
    }

    fn parse(text: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Outer {
            plan: Option<serde_json::Value>,
            schema: Option<u32>,
        }
        let damaged = |e: serde_json::Error| Error::input(format!("this is not a plan: {e}"));
        let outer: Outer = serde_json::from_slice(text).map_err(damaged)?;
        let schema = match &outer.plan {
            Some(plan) => plan["schema"].as_u64(),
            None => outer.schema.map(u64::from),
        };
        match schema {
            Some(schema) if schema == u64::from(SCHEMA) => {}
            Some(other) => {
                return Err(Error::input(format!(
                    "the plan has schema {other}, this imgbuild reads schema {SCHEMA}"
                )));
            }
            None => return Err(Error::input("this is not a plan: it has no schema number")),
        }
        match outer.plan {
            Some(plan) => serde_json::from_value(plan),
            None => serde_json::from_slice(text),
        }
        .map_err(damaged)
    }

    /// What a plan read from a file must not do: name files outside the output directory, or
    /// places outside the disk.
    fn check(&self) -> Result<(), String> {
        let damaged = |what: String| Err(what);
        check_name(&self.lab.name).map_err(|e| format!("the lab's name: {e}"))?;
        check_name(&self.profile).map_err(|e| format!("the profile: {e}"))?;
        for node in &self.nodes {
            check_host_name(&node.name).map_err(|e| format!("a node's name: {e}"))?;
            if parse_mac(&node.mac).as_ref() != Ok(&node.mac) {
                return damaged(format!("`{}` is not a hardware address", node.mac));
            }
            for file in &node.outputs {
                let extension = file.strip_prefix(&node.name).and_then(|r| r.strip_prefix('.'));
                let known = |e: &str| {
                    let mut further = self.disk.disks().into_iter().skip(1);
                    let e = further
                        .find_map(|disk| e.strip_prefix(&disk.name)?.strip_prefix('.'))
                        .unwrap_or(e);
                    let formats = self.outputs.iter().filter_map(|o| o.parse::<ImageFormat>().ok());
                    e == "xml" || formats.into_iter().any(|f| f.extension() == e)
                };
                if !extension.is_some_and(known) {
                    return damaged(format!("`{file}` is not an output of node `{}`", node.name));
                }
            }
        }
        let end = |p: &Piece| p.offset.checked_add(p.size);
        let disks = self.disk.disks();
        let mut at = 0u64;
        for disk in &disks {
            if disk.offset != at || disk.size == 0 {
                return damaged(format!(
                    "the disk {} does not follow the one before it",
                    disk.name
                ));
            }
            at = at.checked_add(disk.size).ok_or("the disks are too large")?;
        }
        let is_on = |p: &Piece, disk: &DiskRange<'_>| {
            p.offset >= disk.offset && end(p).is_some_and(|end| end <= disk.offset + disk.size)
        };
        let outside = |p: &Piece| !disks.iter().any(|disk| is_on(p, disk));
        if self.disk.devices().any(|d| d.pieces.iter().any(outside)) {
            return damaged("a partition or volume lies outside the disk".to_owned());
        }
        let sum = |d: &Device<'_>| d.pieces.iter().map(|p| u128::from(p.size)).sum::<u128>();
        if self.disk.devices().any(|d| sum(&d) != u128::from(d.size)) {
            return damaged("a volume's pieces do not add up to its size".to_owned());
        }
        Ok(())
    }

    /// SHA-256 of the plan's canonical JSON, lower-case hexadecimal; where inputs and media
    /// were found does not count.
    pub fn digest(&self) -> String {
        let mut plan = self.clone();
        plan.sources = Sources::default();
        plan.inputs.iter_mut().for_each(|i| i.name.clear());
        plan.scripts.iter_mut().for_each(|s| s.origin.clear());
        plan.packages.iter_mut().for_each(|p| p.location.clear());
        digest(&plan)
    }

    /// The key of the tree that this plan installs: the digest of everything that goes
    /// into it, and of nothing that differs between nodes of the role.
    pub fn tree_digest(&self) -> String {
        let Self { packages, left_out, enable, disable, target, initial_setup, .. } = self;
        tree_digest(packages, left_out, (enable, disable), target, *initial_setup)
    }
}

/// See [`Plan::tree_digest`]; needed before the plan is whole, as the disk's identifiers
/// derive from it.
pub fn tree_digest(
    packages: &[PlanPackage],
    left_out: &LeftOut,
    (enable, disable): (&[String], &[String]),
    target: &str,
    initial_setup: bool,
) -> String {
    let digests: Vec<&str> = packages.iter().map(|p| p.checksum.hex()).collect();
    let enable: Vec<&str> = enable
        .iter()
        .map(String::as_str)
        .chain(initial_setup.then_some("initial-setup where installed"))
        .collect();
    let catalog = contract::assets::CATALOG;
    digest(&(TREE_FORMAT, digests, left_out, enable, disable, target, catalog))
}

fn digest(value: &impl Serialize) -> String {
    // Maps with non-string keys are what JSON cannot hold; there are none in a plan.
    let json = serde_json::to_vec(value).unwrap_or_default();
    hex::encode(Sha256::digest(json))
}
