//! What this machine is connected to.

use crate::base::lab::Subnet;
use nix::ifaddrs::getifaddrs;
use std::net::Ipv4Addr;

/// The IPv4 networks of this machine's interfaces, without the loopback's.
pub fn networks() -> Vec<(String, Subnet)> {
    let Ok(entries) = getifaddrs() else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let address = entry.address.as_ref().and_then(|a| a.as_sockaddr_in());
        let mask = entry.netmask.as_ref().and_then(|a| a.as_sockaddr_in());
        let (Some(address), Some(mask)) = (address.map(|a| a.ip()), mask.map(|a| a.ip())) else {
            continue;
        };
        if address.is_loopback() {
            continue;
        }
        let mask = u32::from(mask);
        let first = Ipv4Addr::from(u32::from(address) & mask);
        let prefix = u8::try_from(mask.leading_ones()).unwrap_or(32);
        found.push((entry.interface_name, Subnet { address: first, prefix }));
    }
    found
}

/// The interface whose network shares addresses with `network`, and that network.
pub fn collision(network: Subnet) -> Option<(String, Subnet)> {
    let overlap =
        |other: Subnet| other.contains(network.address) || network.contains(other.address);
    networks().into_iter().find(|(_, other)| overlap(*other))
}
