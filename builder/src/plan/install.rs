//! How nodes are installed from a medium, as a value: what boots with which arguments, the
//! kickstart of each node, the files and repositories that are added. Pure; it holds no secret.

pub mod boot_menu;
mod kickstart;
mod script;

pub use kickstart::{NodeInputs, render};

use crate::base::lab::InstallDisk;
use crate::base::malformed::Malformed;
use serde::{Deserialize, Serialize};

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
    pub files: std::collections::BTreeMap<String, String>,
}

/// How one node is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInstall {
    /// The node's name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Path of its kickstart on the medium.
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
    /// Its directory on the medium.
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

/// The path of a node's own file on the medium.
pub fn node_file(node: &str, name: &str) -> String {
    format!("{DIRECTORY}/nodes/{node}/{name}")
}

/// The path of a node's kickstart on the medium.
pub fn kickstart_file(node: &str) -> String {
    format!("{DIRECTORY}/ks/{node}.ks")
}

/// Arguments that the installer's kernel gets for a kernel that gets `installed`: the kickstart
/// names interfaces as the kernel does, and messages go to the same consoles.
pub fn arguments(installed: &str) -> Vec<String> {
    let fixed = ["inst.cmdline", "net.ifnames=0", "biosdevname=0"].map(str::to_owned);
    let consoles = installed.split_whitespace().filter(|word| word.starts_with("console="));
    fixed.into_iter().chain(consoles.map(str::to_owned)).collect()
}

/// A rule as its name and value in scripts and for people.
pub fn rule(disk: &InstallDisk) -> (&'static str, String) {
    match disk {
        InstallDisk::Only => ("only", String::new()),
        InstallDisk::Link(path) => ("link", path.clone()),
        InstallDisk::Serial(serial) => ("serial", serial.clone()),
        InstallDisk::Wwn(wwn) => ("wwn", wwn.clone()),
        InstallDisk::Model(model) => ("model", model.clone()),
        InstallDisk::MinSize(bytes) => ("min-size", bytes.to_string()),
        InstallDisk::Largest => ("largest", String::new()),
        InstallDisk::Smallest => ("smallest", String::new()),
    }
}

/// Checks a volume label: it is in the boot menus' quotes and in kernel arguments between colons.
///
/// # Errors
/// When it is not 1 to 32 characters of those that are safe there.
pub fn check_label(label: &str) -> Result<(), Malformed> {
    let legal = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    if (1..=32).contains(&label.len()) && label.chars().all(legal) {
        return Ok(());
    }
    Err(format!("`{label}` is not 1 to 32 letters, digits, blanks, `.`, `_` and `-`").into())
}

/// A volume label as udev writes it in links and `LABEL=` (systemd 219, `utf8_encoded_to_…` and
/// `whitelisted_char_for_devnode`).
pub fn escaped_label(label: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"#+-.:=@_".contains(&byte);
    let escaped = label.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("\\x{byte:02x}"),
    });
    escaped.collect()
}
