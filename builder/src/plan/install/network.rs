//! The plan of installing nodes over the network.

use super::model::{AddedRepository, NodeInstall};
use crate::base::lab::Subnet;
use crate::base::malformed::Malformed;
use crate::spec::{check_host_name, parse_mac};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Schema number of a [`NetworkPlan`].
pub const NETWORK_SCHEMA: u32 = 1;
/// What BIOSes load by TFTP: PXELINUX.
pub const BIOS_LOADER: &str = "pxelinux.0";
/// What UEFI firmware loads by TFTP or HTTP: shim, which then loads GRUB.
pub const UEFI_LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// iPXE for BIOSes, where there is no PXELINUX.
pub const IPXE_BIOS_LOADER: &str = "undionly.kpxe";
/// iPXE for UEFI, which boots behind another DHCP server where GRUB does not.
pub const IPXE_EFI_LOADER: &str = "snponly.efi";

/// How nodes are installed over the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// [`NETWORK_SCHEMA`].
    pub schema: u32,
    /// The lab's name.
    pub lab: String,
    /// Where the HTTP server is; the TFTP server has the same address.
    pub server: SocketAddrV4,
    /// The lab's network.
    pub segment: LabSegment,
    /// Whether installing may erase a disk that is not empty.
    pub erase: bool,
    /// Whether keys and passwords of the nodes are on the server.
    pub secrets: bool,
    /// The installer's medium.
    pub tree: InstallTree,
    /// Whether the medium's GRUB starts kernels by `linuxefi`.
    pub linuxefi: bool,
    /// Loaders that the TFTP server has.
    pub loaders: Vec<String>,
    /// The nodes.
    pub nodes: Vec<NetworkNode>,
    /// Repositories that are added.
    pub repositories: Vec<AddedRepository>,
    /// SHA-256 of every file of the nodes and of added repositories, by path on the HTTP server.
    pub files: BTreeMap<String, String>,
}

/// The network that nodes boot in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabSegment {
    /// Its first address.
    pub network: Ipv4Addr,
    /// Its prefix length in bits.
    pub prefix: u8,
    /// The default gateway.
    pub gateway: Ipv4Addr,
    /// Name servers.
    pub dns: Vec<Ipv4Addr>,
}

/// The installer's medium on the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallTree {
    /// The path there.
    pub path: String,
    /// The medium: an ISO file.
    pub medium: String,
}

/// How one node is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkNode {
    /// What all ways of installing have in common.
    #[serde(flatten)]
    pub install: NodeInstall,
    /// Its hardware address, lower case.
    pub mac: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The path of its own directory on the HTTP server.
    pub directory: String,
}

impl NetworkPlan {
    /// Its own file in the tree. Only its owner may read it, as it has the paths that nobody can
    /// guess.
    pub const FILE: &'static str = "pxe.json";

    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let plan: Self = serde_json::from_str(text).map_err(|e| Malformed::from(e.to_string()))?;
        if plan.schema != NETWORK_SCHEMA {
            let schema = plan.schema;
            return Err(format!("its schema is {schema}, and {NETWORK_SCHEMA} is known").into());
        }
        for NetworkNode { install, mac, directory, .. } in &plan.nodes {
            check_host_name(&install.name)?;
            parse_mac(mac)?;
            let token = directory.strip_prefix("n/").unwrap_or_default();
            if token.len() != 32 || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(format!("`{directory}` is not the directory of a node").into());
            }
        }
        if !(8..=30).contains(&plan.segment.prefix) {
            return Err(format!("{} is not a prefix length", plan.segment.prefix).into());
        }
        Ok(plan)
    }

    /// The plan as indented JSON.
    pub fn to_json(&self) -> String {
        // There is nothing in it that JSON cannot hold.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The HTTP server's address, without a slash at the end.
    pub fn url(&self) -> String {
        match self.server.port() {
            80 => format!("http://{}", self.server.ip()),
            _ => format!("http://{}", self.server),
        }
    }

    /// The address of a node's script for iPXE.
    pub fn ipxe_url(&self, node: &NetworkNode) -> String {
        format!("{}/boot/{}.ipxe", self.url(), node.mac)
    }

    /// The address of the loader for UEFI's HTTP boot; GRUB asks port 80 alone.
    pub fn http_loader(&self) -> Option<String> {
        let has = self.server.port() == 80 && self.has_loader(UEFI_LOADER);
        has.then(|| format!("{}/{UEFI_LOADER}", self.url()))
    }

    /// Whether the TFTP server has a loader.
    pub fn has_loader(&self, name: &str) -> bool {
        self.loaders.iter().any(|loader| loader == name)
    }

    /// The node with a hardware address.
    pub fn node_of_mac(&self, mac: &str) -> Option<&NetworkNode> {
        self.nodes.iter().find(|node| node.mac == mac)
    }
}

impl LabSegment {
    /// The same as a subnet.
    pub fn subnet(&self) -> Subnet {
        Subnet { address: self.network, prefix: self.prefix }
    }
}
