//! The listening socket.

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

/// Listens on `address`, which the node need not have yet (`IP_FREEBIND`, ip(7)): the
/// network comes up later, and the address goes from the interface to the bridge.
///
/// # Errors
/// When the kernel refuses, such as a port that is in use.
pub(super) fn listen_on(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    let at = SockaddrIn::from(SocketAddrV4::new(address, port));
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &at)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(TcpListener::from(socket))
}
