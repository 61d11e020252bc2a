//! The lab's nodes.

use contract::spec::Role;
use sha2::{Digest, Sha256};
use std::net::Ipv4Addr;

/// A node of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabNode {
    /// Host name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// Hardware address, lower case, when the lab file gives one.
    pub mac: Option<String>,
}

impl LabNode {
    /// The hardware address that virtual machines of this node get: as in the lab file, or
    /// QEMU's prefix 52:54:00 and three bytes derived from the names of lab and node.
    pub fn hardware_address(&self, lab: &str) -> String {
        self.mac.clone().unwrap_or_else(|| {
            let digest = Sha256::digest(format!("{lab}/{}", self.name));
            format!("52:54:00:{:02x}:{:02x}:{:02x}", digest[0], digest[1], digest[2])
        })
    }
}
