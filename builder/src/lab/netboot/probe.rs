//! Looking for another DHCP server, before nodes are given addresses.

use super::dhcp_message::{DhcpMessage, code, kind};
use super::interface::LabInterface;
use crate::base::error::{Context as _, Error, Result};
use crate::base::interrupt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// How often a server is asked for, and how long each time is waited for its answer: some look
/// first whether an address is free, by an ICMP echo of a second.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(1200);
const SERVER: u16 = 67;
const CLIENT: u16 = 68;

/// Refuses to be a second DHCP server: asks, as this machine, for an address that is not taken.
///
/// # Errors
/// An environment error when another server answers, or nobody can be asked.
pub fn refuse_second_server(interface: &LabInterface, own: Ipv4Addr) -> Result<()> {
    let socket = interface.listen(CLIENT).map_err(|error| {
        error.hint("the port is needed for a moment, to look for other DHCP servers: end the DHCP client of this interface and give it a static address")
    })?;
    let what = || format!("cannot look for other DHCP servers on {}", interface.name);
    let transaction = u32::from_be_bytes([0x69, 0x6d, interface.mac[4], interface.mac[5]]);
    let discover = DhcpMessage::of_client(interface.mac, transaction, kind::DISCOVER);
    let mut packet = [0; 1500];
    for _ in 0..ATTEMPTS {
        socket.send_to(&discover.encode(), (Ipv4Addr::BROADCAST, SERVER)).or_environment(what)?;
        let end = Instant::now() + PATIENCE;
        loop {
            interrupt::check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket
                .set_read_timeout(Some(left.min(Duration::from_millis(200))))
                .or_environment(what)?;
            let (length, from) = match socket.recv_from(&mut packet) {
                Ok(received) => received,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    continue;
                }
                Err(e) => return Err(e).or_environment(what),
            };
            let Ok(offer) = DhcpMessage::parse(&packet[..length]) else { continue };
            if offer.is_reply
                && offer.transaction == transaction
                && offer.kind() == Some(kind::OFFER)
            {
                return Err(second(interface, &offer, from, own));
            }
        }
    }
    Ok(())
}

fn second(interface: &LabInterface, offer: &DhcpMessage, from: SocketAddr, own: Ipv4Addr) -> Error {
    let server = offer.address(code::SERVER_ID);
    let server = server.map_or_else(|| from.ip().to_string(), |server| server.to_string());
    let name = &interface.name;
    let this = if server == own.to_string() { " (on this machine)" } else { "" };
    Error::environment(format!("another DHCP server answers on {name}: {server}{this}")).hint(
        "two servers on one network give nodes wrong addresses: `--dhcp proxy` says beside it what nodes boot, or let it do that itself (dhcpd.conf, dnsmasq.conf of the tree) with `--dhcp off`",
    )
}
