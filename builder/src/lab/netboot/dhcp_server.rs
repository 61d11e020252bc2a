//! The DHCP server.

use super::boot_progress::{BootProgress, BootState};
use super::dhcp_answer::{DhcpAnswer, DhcpMode, DhcpPort, answer};
use super::dhcp_message::{DhcpMessage, code, kind};
use super::interface::LabInterface;
use crate::base::error::Result;
use crate::plan::install::NetworkPlan;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// Where clients of a proxy ask (PXE specification 2.1, 2.2.3).
const BOOT: u16 = 4011;
/// How often the server looks whether it is to end, in milliseconds.
const GLANCE: u16 = 200;
const LONGEST: usize = 1500;

/// A DHCP server that listens.
pub struct DhcpServer {
    plan: Arc<NetworkPlan>,
    mode: DhcpMode,
    sockets: Vec<(DhcpPort, UdpSocket)>,
    progress: Arc<BootProgress>,
    /// What the user should know.
    warn: Box<dyn Fn(&str) + Send + Sync>,
}

impl DhcpServer {
    /// Listens on the interface.
    ///
    /// # Errors
    /// An environment error when that is impossible.
    pub fn listen(
        plan: Arc<NetworkPlan>,
        mode: DhcpMode,
        interface: &LabInterface,
        progress: Arc<BootProgress>,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self> {
        let mut sockets = vec![(DhcpPort::Server, interface.listen(SERVER)?)];
        if mode == DhcpMode::Proxy {
            sockets.push((DhcpPort::Boot, interface.listen(BOOT)?));
        }
        Ok(Self { plan, mode, sockets, progress, warn: Box::new(warn) })
    }

    /// Answers until `over` says that it is enough.
    ///
    /// # Errors
    /// When a socket fails for good.
    pub fn run(&self, over: &dyn Fn() -> bool) -> io::Result<()> {
        while !over() {
            let mut polled: Vec<PollFd> = self
                .sockets
                .iter()
                .map(|(_, socket)| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
                .collect();
            // An interruption ends it as well.
            let _ = poll(&mut polled, PollTimeout::from(GLANCE));
            let ready: Vec<bool> = polled.iter().map(|p| p.any().unwrap_or(false)).collect();
            for ((port, socket), _) in self.sockets.iter().zip(ready).filter(|(_, ready)| *ready) {
                self.serve(*port, socket)?;
            }
        }
        Ok(())
    }

    fn serve(&self, port: DhcpPort, socket: &UdpSocket) -> io::Result<()> {
        let mut packet = [0; LONGEST];
        let (length, from) = match socket.recv_from(&mut packet) {
            Ok(received) => received,
            Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionRefused) => {
                return Ok(());
            }
            // A cable is out for a moment.
            Err(e) if e.kind() == ErrorKind::NetworkDown => {
                thread::sleep(Duration::from_millis(GLANCE.into()));
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let Ok(message) = DhcpMessage::parse(&packet[..length]) else { return Ok(()) };
        self.watch(&message);
        let Some(answer) = answer(&self.plan, self.mode, port, &message) else { return Ok(()) };
        self.report(&answer);
        let to = destination(port, &message, &answer.reply, from);
        // A client may be gone, or a link down for a moment.
        if let Err(e) = socket.send_to(&answer.reply.encode(), to) {
            (self.warn)(&format!("cannot answer {}: {e}", answer.node.install.name));
        }
        Ok(())
    }

    /// Says what goes wrong in the network.
    fn watch(&self, message: &DhcpMessage) {
        let Some(node) = self.plan.node_of_mac(&message.mac_text()) else { return };
        let name = &node.install.name;
        let server = message.address(code::SERVER_ID);
        match message.kind() {
            Some(kind::DECLINE) => {
                (self.warn)(&format!("{name}: another machine has its address {}", node.address))
            }
            Some(kind::REQUEST) if self.mode == DhcpMode::Full => {
                if let Some(server) = server.filter(|server| server != self.plan.server.ip()) {
                    (self.warn)(&format!(
                        "{name}: it takes the address of another DHCP server, {server}"
                    ));
                }
            }
            _ => {}
        }
    }

    fn report(&self, answer: &DhcpAnswer<'_>) {
        let given = answer.reply.given;
        if answer.reply.kind() == Some(kind::ACK) && given != Ipv4Addr::UNSPECIFIED {
            self.progress.note(answer.node, BootState::Address, &given.to_string());
        }
    }
}

/// Where a reply goes (RFC 2131, 4.1). A client without an address hears broadcasts.
fn destination(
    port: DhcpPort,
    message: &DhcpMessage,
    reply: &DhcpMessage,
    from: SocketAddr,
) -> SocketAddr {
    let broadcast = SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT).into();
    match port {
        // iPXE asks from port 68, firmware from 4011.
        DhcpPort::Boot => from,
        DhcpPort::Server if reply.kind() == Some(kind::NAK) => broadcast,
        DhcpPort::Server if message.client == Ipv4Addr::UNSPECIFIED => broadcast,
        DhcpPort::Server => SocketAddrV4::new(message.client, CLIENT).into(),
    }
}
