//! The interface that the lab is at, and sockets on it.

use crate::base::error::{Context as _, Error, Result};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::{
    SockFlag, SockProtocol, SockType, SockaddrIn, bind, setsockopt, socket, sockopt,
};
use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

/// Bytes of a packet on Ethernet, where the interface does not say.
const ETHERNET: usize = 1500;

/// An interface of this machine.
#[derive(Clone, Debug)]
pub struct LabInterface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Bytes that a packet holds.
    pub mtu: usize,
}

impl LabInterface {
    /// Finds an interface, which has to have `address`, of a network with this `prefix`.
    ///
    /// # Errors
    /// An input error when there is none of the name; an environment error when it has not the
    /// address.
    pub fn find(name: &str, address: Ipv4Addr, prefix: u8) -> Result<Self> {
        let all: Vec<_> =
            getifaddrs().or_environment(|| "cannot list the interfaces".to_owned())?.collect();
        if !all.iter().any(|one| one.interface_name == name) {
            let mut known: Vec<&str> = all.iter().map(|one| one.interface_name.as_str()).collect();
            known.sort_unstable();
            known.dedup();
            return Err(Error::input(format!("--interface: this machine has no `{name}`"))
                .hint(format!("it has {}", known.join(", "))));
        }
        let has = all.iter().filter(|one| one.interface_name == name).any(|one| {
            let found = one.address.as_ref().and_then(|a| a.as_sockaddr_in().map(SockaddrIn::ip));
            found == Some(address)
        });
        if !has {
            return Err(Error::environment(format!("{name} does not have the address {address}"))
                .hint(format!("nodes look for the server there: give it to the interface (ip address add {address}/{prefix} dev {name}), or make the tree for another: imgbuild pxe --server ADDRESS")));
        }
        let property = |what: &str| fs::read_to_string(format!("/sys/class/net/{name}/{what}"));
        let mut mac = [0; 6];
        let text = property("address").unwrap_or_default().trim().replace(':', "");
        // The loopback interface has zeros; others than Ethernet have longer ones.
        let _ = hex::decode_to_slice(text, &mut mac);
        let mtu = property("mtu").ok().and_then(|mtu| mtu.trim().parse().ok());
        Ok(Self { name: name.to_owned(), mac, mtu: mtu.unwrap_or(ETHERNET) })
    }

    /// A socket that hears what comes to a port by this interface, broadcasts too, and sends by it.
    ///
    /// # Errors
    /// An environment error when that is impossible.
    pub fn listen(&self, port: u16) -> Result<UdpSocket> {
        let opened = self.open(port);
        let kind = opened.as_ref().err().copied();
        opened
            .or_environment(|| format!("cannot listen on port {port} of {}", self.name))
            .map_err(|error| explain(error, kind))
    }

    fn open(&self, port: u16) -> nix::Result<UdpSocket> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let udp: OwnedFd =
            socket(AddressFamily::Inet, SockType::Datagram, flags, SockProtocol::Udp)?;
        setsockopt(&udp, sockopt::BindToDevice, &OsString::from(&self.name))?;
        setsockopt(&udp, sockopt::Broadcast, &true)?;
        bind(udp.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
        Ok(udp.into())
    }
}

/// A socket at an address.
///
/// # Errors
/// An environment error when that is impossible.
pub fn listen_at(address: SocketAddrV4) -> Result<UdpSocket> {
    let opened = UdpSocket::bind(address);
    let kind = opened.as_ref().err().and_then(std::io::Error::raw_os_error);
    opened
        .or_environment(|| format!("cannot listen on {address} (UDP)"))
        .map_err(|error| explain(error, kind.map(nix::errno::Errno::from_raw)))
}

/// An error of listening with what to do.
fn explain(error: Error, kind: Option<nix::errno::Errno>) -> Error {
    use nix::errno::Errno;
    match kind {
        Some(Errno::EACCES | Errno::EPERM) => error.hint(
            "ports below 1024 and single interfaces are root's: run it as root, or with the capabilities CAP_NET_BIND_SERVICE and CAP_NET_RAW",
        ),
        Some(Errno::EADDRINUSE) => error.hint(
            "another program listens there, such as dnsmasq, dhcpd, tftpd or libvirt's network: end it (ss -lnup shows it), or leave its part to it: --dhcp off",
        ),
        Some(Errno::EADDRNOTAVAIL) => {
            error.hint("this machine does not have the address: give it to an interface first")
        }
        _ => error,
    }
}
