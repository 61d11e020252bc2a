//! What `network` asks for, as values.

use crate::base::place::Place;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One `network` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkCommand {
    /// Where it is.
    pub place: Place,
    /// Which entry of the report is about its line.
    pub entry: usize,
    /// What is wrong with its device or addresses, and which option it is. It matters where they
    /// are not the lab file's.
    pub fault: Option<(&'static str, String)>,
    /// `--device`; absent for `link`, `bootif` and no device: the lab's interface.
    pub device: Option<String>,
    /// What kind of interface it is.
    pub kind: InterfaceKind,
    /// `--bootproto`, `dhcp` if absent.
    pub bootproto: String,
    /// `--ip`.
    pub ip: Option<Ipv4Addr>,
    /// `--netmask`.
    pub netmask: Option<Ipv4Addr>,
    /// `--gateway`.
    pub gateway: Option<Ipv4Addr>,
    /// `--nameserver`.
    pub nameservers: Vec<IpAddr>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// Whether it is only a host name.
    pub hostname_only: bool,
    /// `--onboot=no`.
    pub off_at_boot: bool,
    /// `--nodefroute`.
    pub no_default_route: bool,
    /// `--nodns`.
    pub no_dns: bool,
    /// `--noipv4`.
    pub no_ipv4: bool,
    /// `--ipv6`, `--noipv6`; absent means what EL7 does by default.
    pub ipv6: Option<Ipv6>,
    /// `--ipv6gateway`.
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// `--mtu`.
    pub mtu: Option<u32>,
    /// `--ethtool`: options of ethtool(8).
    pub ethtool: Option<String>,
}

impl NetworkCommand {
    /// Whether the line itself sets the addresses, and not DHCP or nothing.
    pub fn is_static(&self) -> bool {
        self.bootproto == "static" && !self.no_ipv4
    }

    /// Whether the interface asks a DHCP server.
    pub fn asks_dhcp(&self) -> bool {
        self.bootproto != "static" && !self.no_ipv4
    }

    /// The interfaces that the device is made of.
    pub fn ports(&self) -> Vec<&str> {
        match &self.kind {
            InterfaceKind::Bond { members, .. } | InterfaceKind::Bridge { members, .. } => {
                members.iter().map(String::as_str).collect()
            }
            InterfaceKind::Team { ports, .. } => ports.iter().map(|(n, _)| n.as_str()).collect(),
            InterfaceKind::Ethernet | InterfaceKind::Vlan { .. } => Vec::new(),
        }
    }

    /// The interface that the line is about; `lab` where it names none.
    pub fn interface(&self, lab: &str) -> String {
        let device = self.device.as_deref().unwrap_or(lab);
        match &self.kind {
            InterfaceKind::Vlan { name: Some(name), .. } => name.clone(),
            InterfaceKind::Vlan { id, name: None } => format!("{device}.{id}"),
            _ => device.to_owned(),
        }
    }
}

/// What a `network` line creates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InterfaceKind {
    /// An interface that the machine has.
    #[default]
    Ethernet,
    /// `--bondslaves`, `--bondopts`.
    Bond {
        /// Interfaces.
        members: Vec<String>,
        /// `key=value` of the kernel's bonding driver.
        options: Vec<String>,
    },
    /// `--vlanid` on the device that the line names.
    Vlan {
        /// The VLAN's number.
        id: u16,
        /// `--interfacename`; `DEVICE.ID` if absent.
        name: Option<String>,
    },
    /// `--bridgeslaves`, `--bridgeopts`.
    Bridge {
        /// Interfaces.
        members: Vec<String>,
        /// NetworkManager's `key=value`.
        options: Vec<String>,
    },
    /// `--teamslaves`, `--teamconfig`; the package teamd brings its scripts.
    Team {
        /// Interfaces, each with its own configuration: JSON, or nothing.
        ports: Vec<(String, String)>,
        /// The team's configuration: JSON, or nothing.
        config: String,
    },
}

/// How an interface gets IPv6 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6 {
    /// `--noipv6`.
    Off,
    /// `--ipv6=auto`: router advertisements.
    Automatic,
    /// `--ipv6=dhcp`.
    Dhcp,
    /// An address and its prefix length.
    Static(Ipv6Addr, u8),
}
