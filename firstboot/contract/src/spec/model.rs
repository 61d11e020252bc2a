//! The values of a node spec.

use super::time_server::TimeServer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Where the spec is on a node.
pub const PATH: &str = "/etc/firstboot/spec.toml";

/// The format version that this build reads and writes.
pub const VERSION: u32 = 1;

/// The bridge to the outside, as packstack and Neutron call it.
pub const BRIDGE: &str = "br-ex";

/// Where Keystone's administrator password is on the controller, mode 0600.
pub const ADMIN_PASSWORD_FILE: &str = "/etc/firstboot/keystone-admin-password";

/// A node's role in the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs packstack and the OpenStack services.
    Controller,
    /// Runs nova-compute over libvirt.
    Compute,
}

impl Role {
    /// The name in profiles, specs and journal fields.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Controller => "controller",
            Role::Compute => "compute",
        }
    }
}

/// One node's spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// [`VERSION`].
    pub version: u32,
    /// The lab's name.
    pub lab: String,
    /// This node.
    pub node: SpecNode,
    /// The lab network.
    pub network: SpecNetwork,
    /// Units and their wanted state.
    pub services: SpecServices,
    /// Every node of the lab, this one included, ordered by address.
    pub hosts: Vec<LabHost>,
    /// The repositories that the node is set up with.
    pub repositories: Vec<SpecRepository>,
    /// What those repositories must offer.
    #[serde(default, skip_serializing_if = "SpecPackages::is_empty")]
    pub packages: SpecPackages,
    /// The bridge that takes over the node's address; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<SpecBridge>,
    /// OpenStack's installer; absent on nodes that do not run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packstack: Option<SpecPackstack>,
    /// The image the node was made from.
    pub image: SpecImage,
}

/// This node's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecNode {
    /// Host name (one label or fully qualified).
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its address on the lab network.
    pub address: Ipv4Addr,
    /// Its interface on the lab network, `eth0`.
    pub interface: String,
}

/// The lab network's facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecNetwork {
    /// Prefix length in bits.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Ipv4Addr,
    /// Name servers, in resolv.conf's order.
    pub dns: Vec<Ipv4Addr>,
    /// NTP servers.
    pub ntp: Vec<TimeServer>,
}

/// Units (with or without `.service`) and their wanted state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecServices {
    /// Enabled and running.
    pub enabled: Vec<String>,
    /// Disabled and stopped.
    pub disabled: Vec<String>,
}

/// A node of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabHost {
    /// Host name.
    pub name: String,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// Role.
    pub role: Role,
}

/// A yum repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecRepository {
    /// The yum repository id.
    pub id: String,
    /// Where the node finds it; absent when it was only used to build the image.
    pub baseurl: Option<String>,
    /// Number of packages it holds.
    pub packages: Option<u64>,
}

/// What the repositories must offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecPackages {
    /// How many packages they hold together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Packages that the node needs, installed or available.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
}

impl SpecPackages {
    fn is_empty(&self) -> bool {
        *self == SpecPackages::default()
    }
}

/// The Open vSwitch bridge with the node's address and its interface as a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecBridge {
    /// Its name, [`BRIDGE`].
    pub name: String,
    /// `system` (the kernel's, if absent) or `netdev` (in user space).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapath: Option<String>,
}

/// OpenStack's installer on the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SpecPackstack {
    /// Another program in packstack's place, such as a test double: a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Seconds without news after which it is taken to hang; 45 minutes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_seconds: Option<u64>,
    /// The file with Keystone's administrator password, one line. Without it the one
    /// that packstack makes up is kept.
    pub admin_password_file: String,
    /// Keys of the answer file and their values; no secrets.
    pub answers: BTreeMap<String, String>,
}

/// The image the node was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecImage {
    /// SHA-256 of the plan, lower-case hexadecimal.
    pub plan: String,
    /// Whether it was built from practice media.
    pub practice: bool,
}
