//! The lab's network.

use contract::spec::TimeServer;
use std::fmt;
use std::net::Ipv4Addr;

/// The lab network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabNetwork {
    /// Address and prefix length.
    pub subnet: Subnet,
    /// The interface's name on the nodes.
    pub interface: String,
    /// Default gateway.
    pub gateway: Ipv4Addr,
    /// Name servers, one to three.
    pub dns: Vec<Ipv4Addr>,
    /// NTP servers, at least one.
    pub ntp: Vec<TimeServer>,
    /// Static routes.
    pub routes: Vec<LabRoute>,
}

/// A network that is reached another way than by the default gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabRoute {
    /// The network, or with 32 bits the host.
    pub to: Subnet,
    /// The gateway; absent where the network is on the interface's own link.
    pub via: Option<Ipv4Addr>,
    /// The interface. Nodes that have no such one have no such route.
    pub interface: String,
}

/// An IPv4 network: its first address and prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The network address; host bits are zero.
    pub address: Ipv4Addr,
    /// Prefix length in bits, 1..=32; 8..=30 of the lab's own network.
    pub prefix: u8,
}

impl Subnet {
    /// Reads the lab's network, `192.168.1.0/24`.
    ///
    /// # Errors
    /// When it is not a network, or host bits are set.
    pub fn parse(text: &str) -> Result<Self, NotASubnet> {
        match Self::parse_destination(text)? {
            Self { prefix, .. } if !(8..=30).contains(&prefix) => Err(NotASubnet::Prefix(prefix)),
            network => Ok(network),
        }
    }

    /// Reads where a route leads to, `10.20.0.0/16`.
    ///
    /// # Errors
    /// When it is not a network, or host bits are set.
    pub fn parse_destination(text: &str) -> Result<Self, NotASubnet> {
        let wrong = || NotASubnet::Syntax(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        if !(1..=32).contains(&prefix) {
            return Err(NotASubnet::Prefix(prefix));
        }
        let network = Self { address, prefix };
        let first = Ipv4Addr::from(u32::from(address) & network.mask());
        if first != address {
            return Err(NotASubnet::HostBits { address, prefix, first });
        }
        Ok(network)
    }

    fn mask(self) -> u32 {
        u32::MAX << (32 - self.prefix)
    }

    /// The netmask, `255.255.255.0`.
    pub fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::from(self.mask())
    }

    /// The last address, which reaches every node.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !self.mask())
    }

    /// Whether `address` lies in the network (its first and last address included).
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.address)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Why a text is not a lab network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASubnet {
    /// It is not written as one.
    #[error("`{0}` is not a network")]
    Syntax(String),
    /// A prefix length that leaves too few or too many addresses.
    #[error("a prefix length of {0} is not allowed here")]
    Prefix(u8),
    /// An address within the network in place of its first one.
    #[error("{address} is not the first address of its /{prefix} network, {first} is")]
    HostBits {
        /// As written.
        address: Ipv4Addr,
        /// As written.
        prefix: u8,
        /// The network's first address.
        first: Ipv4Addr,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets() {
        let net = Subnet::parse("192.168.1.0/24").unwrap();
        assert_eq!(net.netmask(), Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(net.broadcast(), Ipv4Addr::new(192, 168, 1, 255));
        assert!(net.contains(Ipv4Addr::new(192, 168, 1, 10)));
        assert!(!net.contains(Ipv4Addr::new(192, 168, 2, 10)));
        assert_eq!(
            Subnet::parse("10.0.0.0/8").unwrap().broadcast(),
            Ipv4Addr::new(10, 255, 255, 255)
        );
        for bad in ["192.168.1.0", "192.168.1/24", "192.168.1.0/x", "192.168.1.0/31", "0.0.0.0/0"] {
            assert!(Subnet::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Subnet::parse("192.168.1.10/24").map_err(|e| e.to_string()),
            Err("192.168.1.10 is not the first address of its /24 network, 192.168.1.0 is"
                .to_owned())
        );
    }
}
