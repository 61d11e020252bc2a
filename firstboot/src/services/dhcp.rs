//! A DHCP client (RFC 2131) that asks once: whether there is a lease on an interface.

use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// The ports of clients and servers.
const PORTS: (u16, u16) = (68, 67);
/// How long one answer may take, and how often it is asked for.
const LIMIT: Duration = Duration::from_secs(3);
const ATTEMPTS: u32 = 5;
/// What begins the options.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Where they are.
const OPTIONS: usize = 240;
/// Some servers drop shorter messages.
const LENGTH: usize = 300;

/// Options: the mask, the router, the MTU, the requested address, the kind of message, the
/// server, what is wanted, the end.
const MASK: u8 = 1;
const ROUTER: u8 = 3;
const MTU: u8 = 26;
const ADDRESS: u8 = 50;
const KIND: u8 = 53;
const SERVER: u8 = 54;
const WANTED: u8 = 55;
const END: u8 = 255;
/// Kinds of messages.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// What a server gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// The length of its network's prefix in bits.
    pub prefix: u32,
    /// The server.
    pub server: Ipv4Addr,
    /// The router, if the server names one.
    pub router: Option<Ipv4Addr>,
    /// The MTU, if the server names one.
    pub mtu: Option<u16>,
}

/// Asks for a lease on `device`, whose hardware address is `mac`.
///
/// # Errors
/// When no server gives one in time, or the kernel refuses.
pub fn ask(device: &str, mac: [u8; 6]) -> io::Result<Lease> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORTS.0))?;
    socket.set_broadcast(true)?;
    setsockopt(&socket, BindToDevice, &OsString::from(device))?;
    socket.set_read_timeout(Some(LIMIT))?;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for attempt in 1..=ATTEMPTS {
        match exchange(&socket, mac, attempt) {
            Ok(lease) => return Ok(lease),
            Err(error) => last = error,
        }
    }
    Err(match last.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "no DHCP server answers")
        }
        _ => last,
    })
}

fn exchange(socket: &UdpSocket, mac: [u8; 6], number: u32) -> io::Result<Lease> {
    let number = number.to_be_bytes();
    let wanted = [WANTED, 4, MASK, ROUTER, MTU, SERVER];
    send(socket, &message(mac, number, &[&[KIND, 1, DISCOVER], &wanted]))?;
    let offer = receive(socket, number, OFFER)?;
    let (address, server) = (offer.address.octets(), offer.server.octets());
    let request: [&[u8]; 6] =
        [&[KIND, 1, REQUEST], &wanted, &[ADDRESS, 4], &address, &[SERVER, 4], &server];
    send(socket, &message(mac, number, &request))?;
    receive(socket, number, ACK)
}

fn send(socket: &UdpSocket, message: &[u8]) -> io::Result<()> {
    socket.send_to(message, (Ipv4Addr::BROADCAST, PORTS.1)).map(drop)
}

/// A client's message with `options`: the answer is to be broadcast, as the interface has no
/// address yet.
fn message(mac: [u8; 6], number: [u8; 4], options: &[&[u8]]) -> Vec<u8> {
    let mut message = vec![0; OPTIONS];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[4..8].copy_from_slice(&number);
    message[10] = 0x80;
    message[28..34].copy_from_slice(&mac);
    message[236..].copy_from_slice(&COOKIE);
    options.iter().for_each(|option| message.extend_from_slice(option));
    message.push(END);
    message.resize(LENGTH.max(message.len()), 0);
    message
}

/// The next answer to message `number` that is of `kind`.
fn receive(socket: &UdpSocket, number: [u8; 4], kind: u8) -> io::Result<Lease> {
    let mut buffer = [0; 1500];
    loop {
        let length = socket.recv(&mut buffer)?;
        if let Some(lease) = parse(&buffer[..length], number, kind) {
            return Ok(lease);
        }
    }
}

/// Reads a server's message.
fn parse(message: &[u8], number: [u8; 4], kind: u8) -> Option<Lease> {
    let ours = message.first() == Some(&2) && message.get(4..8) == Some(&number);
    if !ours || message.get(236..OPTIONS) != Some(&COOKIE) {
        return None;
    }
    let four = |bytes: &[u8]| bytes.get(..4)?.try_into().ok().map(|four: [u8; 4]| four);
    let find = |wanted: u8| {
        let mut rest = &message[OPTIONS..];
        loop {
            match *rest {
                [0, ref more @ ..] => rest = more,
                [END, ..] | [] | [_] => return None,
                [code, length, ref more @ ..] => {
                    let value = more.get(..length.into())?;
                    if code == wanted {
                        return Some(value);
                    }
                    rest = &more[length.into()..];
                }
            }
        }
    };
    if find(KIND)? != [kind] {
        return None;
    }
    let mtu = find(MTU).and_then(|bytes| bytes.try_into().ok());
    Some(Lease {
        address: four(&message[16..20])?.into(),
        prefix: u32::from_be_bytes(four(find(MASK)?)?).count_ones(),
        server: four(find(SERVER)?)?.into(),
        router: find(ROUTER).and_then(four).map(Ipv4Addr::from),
        mtu: mtu.map(u16::from_be_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_read_and_others_are_left() {
        let mut offer = message(
            [2; 6],
            [0, 0, 0, 7],
            &[
                &[KIND, 1, OFFER],
                &[MASK, 4, 255, 255, 255, 0],
                &[ROUTER, 4, 10, 0, 0, 1],
                &[SERVER, 4, 10, 0, 0, 2],
                &[MTU, 2, 5, 170],
            ],
        );
        offer[0] = 2;
        offer[16..20].copy_from_slice(&[10, 0, 0, 9]);
        let lease = Lease {
            address: Ipv4Addr::new(10, 0, 0, 9),
            prefix: 24,
            server: Ipv4Addr::new(10, 0, 0, 2),
            router: Some(Ipv4Addr::new(10, 0, 0, 1)),
            mtu: Some(1450),
        };
        assert_eq!(parse(&offer, [0, 0, 0, 7], OFFER), Some(lease));
        assert_eq!(parse(&offer, [0, 0, 0, 8], OFFER), None);
        assert_eq!(parse(&offer, [0, 0, 0, 7], ACK), None);
        for length in 0..offer.len() {
            // Cut anywhere, it does not panic.
            let _ = parse(&offer[..length], [0, 0, 0, 7], OFFER);
        }
    }
}
