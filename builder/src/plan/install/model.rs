//! The values.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Schema number of an [`InstallPlan`].
pub const SCHEMA: u32 = 1;
/// The directory of the medium that everything added is in.
pub const DIRECTORY: &str = "imgbuild";
/// The plan's own file in it.
pub const MANIFEST: &str = "imgbuild/manifest.json";

/// How the nodes of a medium are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallPlan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The lab's name.
    pub lab: String,
    /// The volume label, by which loader and installer find the medium.
    pub label: String,
    /// Whether installing may erase a disk that is not empty.
    pub erase: bool,
    /// Whether keys and passwords of the nodes are on it.
    pub secrets: bool,
    /// Seconds that the boot menu waits.
    pub timeout: u32,
    /// Whether the local disk is what boots without an answer; else the first node is installed.
    pub local_default: bool,
    /// The nodes.
    pub nodes: Vec<NodeInstall>,
    /// Repositories that are added.
    pub repositories: Vec<AddedRepository>,
    /// SHA-256 of every file that is added or replaced, by path.
    pub files: BTreeMap<String, String>,
}

/// How one node is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInstall {
    /// The node's name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Path of its kickstart on the medium or the server.
    pub kickstart: String,
    /// The installer's kernel arguments beyond medium and kickstart.
    pub arguments: Vec<String>,
    /// How its disk is found, for people.
    pub disk: String,
}

/// A repository that is added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedRepository {
    /// Its id.
    pub id: String,
    /// Its directory on the medium or the server.
    pub directory: String,
    /// How many packages it has there.
    pub packages: u64,
}

impl InstallPlan {
    /// The plan as indented JSON.
    pub fn to_json(&self) -> String {
        // There is nothing in it that JSON cannot hold.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
