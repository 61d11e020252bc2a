//! DHCP messages (RFC 2131, RFC 2132, RFC 3396).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Option codes (RFC 2132, RFC 4578, RFC 3004).
pub mod code {
    #![allow(missing_docs, reason = "the names are those of the RFCs")]
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS_SERVER: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const BROADCAST: u8 = 28;
    pub const VENDOR_SPECIFIC: u8 = 43;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const VENDOR_CLASS: u8 = 60;
    pub const TFTP_SERVER: u8 = 66;
    pub const BOOT_FILE: u8 = 67;
    pub const USER_CLASS: u8 = 77;
    pub const ARCHITECTURE: u8 = 93;
    pub const MACHINE_ID: u8 = 97;
}

/// Message types (RFC 2132, 9.6).
pub mod kind {
    #![allow(missing_docs, reason = "the names are those of the RFC")]
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const INFORM: u8 = 8;
}

const MAGIC: [u8; 4] = [99, 130, 83, 99];
const PAD: u8 = 0;
const END: u8 = 255;
/// Where the fixed part's fields begin.
const SERVER_NAME: usize = 44;
const FILE: usize = 108;
const OPTIONS: usize = 236;
/// A shorter message is not forwarded by old relays, nor taken by old clients (RFC 1542, 2.1).
const SHORTEST: usize = 300;

/// A message of a client on Ethernet, or for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhcpMessage {
    /// Whether it is a server's.
    pub is_reply: bool,
    /// The transaction.
    pub transaction: u32,
    /// Seconds since the client began.
    pub seconds: u16,
    /// Whether the client takes broadcast replies only.
    pub flags: u16,
    /// The client's address, where it has one.
    pub client: Ipv4Addr,
    /// The address that it is given.
    pub given: Ipv4Addr,
    /// The server that it boots from.
    pub next_server: Ipv4Addr,
    /// The relay.
    pub relay: Ipv4Addr,
    /// The client's hardware address.
    pub mac: [u8; 6],
    /// The file that it boots.
    pub file: Vec<u8>,
    /// Options by their codes.
    pub options: BTreeMap<u8, Vec<u8>>,
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDhcp {
    /// It ends too early, or is not DHCP.
    #[error("this is not a DHCP message")]
    Malformed,
    /// The client's address is not Ethernet's.
    #[error("its hardware is not Ethernet")]
    Hardware,
}

impl DhcpMessage {
    /// A client's message of a `kind`, before it has an address: it hears broadcasts only.
    pub fn of_client(mac: [u8; 6], transaction: u32, kind: u8) -> Self {
        Self {
            is_reply: false,
            transaction,
            seconds: 0,
            flags: 0x8000,
            client: Ipv4Addr::UNSPECIFIED,
            given: Ipv4Addr::UNSPECIFIED,
            next_server: Ipv4Addr::UNSPECIFIED,
            relay: Ipv4Addr::UNSPECIFIED,
            mac,
            file: Vec::new(),
            options: BTreeMap::from([(code::MESSAGE_TYPE, vec![kind])]),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadDhcp> {
        let is_reply = match bytes.first() {
            Some(1) => false,
            Some(2) => true,
            _ => return Err(BadDhcp::Malformed),
        };
        let fixed = bytes.get(..OPTIONS).ok_or(BadDhcp::Malformed)?;
        if fixed[1..3] != [1, 6] {
            return Err(BadDhcp::Hardware);
        }
        let options = bytes[OPTIONS..].strip_prefix(&MAGIC).ok_or(BadDhcp::Malformed)?;
        let word = |at: usize| [fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]];
        let address = |at: usize| Ipv4Addr::from(word(at));
        let mut message = Self {
            is_reply,
            transaction: u32::from_be_bytes(word(4)),
            seconds: u16::from_be_bytes([fixed[8], fixed[9]]),
            flags: u16::from_be_bytes([fixed[10], fixed[11]]),
            client: address(12),
            given: address(16),
            next_server: address(20),
            relay: address(24),
            mac: [fixed[28], fixed[29], fixed[30], fixed[31], fixed[32], fixed[33]],
            file: Vec::new(),
            options: BTreeMap::new(),
        };
        message.read_options(options)?;
        // Fields that other options are in (RFC 2131, 4.1).
        let overload = message.options.remove(&code::OVERLOAD);
        let overload = overload.and_then(|value| value.first().copied()).unwrap_or(0);
        let file = &fixed[FILE..OPTIONS];
        match overload & 1 {
            // There has to be a zero at its end.
            0 => {
                let name = file[..file.len() - 1].iter().copied();
                message.file = name.take_while(|byte| *byte != 0).collect();
            }
            _ => message.read_options(file)?,
        }
        if overload & 2 != 0 {
            message.read_options(&fixed[SERVER_NAME..FILE])?;
        }
        // In these fields it means nothing.
        message.options.remove(&code::OVERLOAD);
        Ok(message)
    }

    /// Options of the same code go on with each other (RFC 3396).
    fn read_options(&mut self, mut rest: &[u8]) -> Result<(), BadDhcp> {
        while let Some((&code, after)) = rest.split_first() {
            rest = match code {
                PAD => after,
                END => return Ok(()),
                code => {
                    let (&length, after) = after.split_first().ok_or(BadDhcp::Malformed)?;
                    let (value, after) =
                        after.split_at_checked(length.into()).ok_or(BadDhcp::Malformed)?;
                    self.options.entry(code).or_default().extend_from_slice(value);
                    after
                }
            };
        }
        Ok(())
    }

    /// The message's bytes. A file's name that the field does not hold is left out of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; OPTIONS];
        bytes[..3].copy_from_slice(&[if self.is_reply { 2 } else { 1 }, 1, 6]);
        bytes[4..8].copy_from_slice(&self.transaction.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[10..12].copy_from_slice(&self.flags.to_be_bytes());
        let addresses = [self.client, self.given, self.next_server, self.relay];
        for (field, address) in bytes[12..28].chunks_mut(4).zip(addresses) {
            field.copy_from_slice(&address.octets());
        }
        bytes[28..34].copy_from_slice(&self.mac);
        // With a zero at its end.
        if self.file.len() < OPTIONS - FILE {
            bytes[FILE..FILE + self.file.len()].copy_from_slice(&self.file);
        }
        bytes.extend(MAGIC);
        // The type first, as some clients expect it.
        let first = self.options.get_key_value(&code::MESSAGE_TYPE);
        let others = self.options.iter().filter(|(code, _)| **code != code::MESSAGE_TYPE);
        for (code, value) in first.into_iter().chain(others) {
            if value.is_empty() {
                bytes.extend([*code, 0]);
            }
            for part in value.chunks(255) {
                bytes.extend([*code, part.len() as u8]);
                bytes.extend(part);
            }
        }
        bytes.push(END);
        bytes.resize(bytes.len().max(SHORTEST), PAD);
        bytes
    }

    /// An option's value.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.get(&code).map(Vec::as_slice)
    }

    /// An option that is an address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = self.option(code)?.try_into().ok()?;
        Some(bytes.into())
    }

    /// The message's type; none of BOOTP, which is older.
    pub fn kind(&self) -> Option<u8> {
        self.option(code::MESSAGE_TYPE)?.first().copied()
    }

    /// The client's hardware address as the lab file has it.
    pub fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> DhcpMessage {
        DhcpMessage {
            is_reply: false,
            transaction: 0x1234_5678,
            seconds: 4,
            flags: 0x8000,
            client: Ipv4Addr::UNSPECIFIED,
            given: Ipv4Addr::new(192, 168, 1, 10),
            next_server: Ipv4Addr::new(192, 168, 1, 254),
            relay: Ipv4Addr::UNSPECIFIED,
            mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            file: b"pxelinux.0".to_vec(),
            options: BTreeMap::from([
                (code::MESSAGE_TYPE, vec![kind::DISCOVER]),
                (code::VENDOR_CLASS, vec![b'x'; 300]),
                (80, Vec::new()),
            ]),
        }
    }

    #[test]
    fn messages_come_back() {
        let message = message();
        let bytes = message.encode();
        assert_eq!(DhcpMessage::parse(&bytes).unwrap(), message);
        assert_eq!(bytes[OPTIONS + 4..OPTIONS + 7], [53, 1, 1]);
        assert_eq!(message.mac_text(), "52:54:00:12:34:56");
        let short = DhcpMessage { options: BTreeMap::new(), ..message };
        assert_eq!(short.encode().len(), SHORTEST);
    }

    #[test]
    fn options_are_in_other_fields_too() {
        let mut bytes = message().encode();
        bytes.truncate(OPTIONS + 4);
        bytes.extend([code::OVERLOAD, 1, 3, END]);
        bytes[FILE..FILE + 5].copy_from_slice(&[53, 1, 3, PAD, END]);
        bytes[SERVER_NAME..SERVER_NAME + 4].copy_from_slice(&[77, 1, b'i', END]);
        let read = DhcpMessage::parse(&bytes).unwrap();
        assert_eq!((read.kind(), read.option(code::USER_CLASS)), (Some(3), Some(&b"i"[..])));
        assert_eq!(read.file, b"");
    }

    #[test]
    fn what_is_read_can_be_written() {
        let mut bytes = message().encode();
        // The fields have options themselves, and the option that says so once more.
        bytes[OPTIONS + 4..OPTIONS + 7].copy_from_slice(&[code::OVERLOAD, 1, 1]);
        bytes[FILE..FILE + 6].copy_from_slice(&[code::OVERLOAD, 0, code::MESSAGE_TYPE, 1, 3, END]);
        let read = DhcpMessage::parse(&bytes).unwrap();
        assert_eq!((read.kind(), read.option(code::OVERLOAD)), (Some(3), None));
        assert_eq!(DhcpMessage::parse(&read.encode()), Ok(read));
        // A file's name without an end.
        let mut bytes = message().encode();
        bytes[FILE..OPTIONS].fill(b'x');
        let read = DhcpMessage::parse(&bytes).unwrap();
        assert_eq!(DhcpMessage::parse(&read.encode()), Ok(read));
    }

    #[test]
    fn what_is_refused() {
        let good = message().encode();
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            DhcpMessage::parse(&bytes).unwrap_err()
        };
        assert_eq!(changed(0, 3), BadDhcp::Malformed);
        assert_eq!(changed(1, 6), BadDhcp::Hardware);
        assert_eq!(changed(2, 16), BadDhcp::Hardware);
        assert_eq!(changed(OPTIONS, 0), BadDhcp::Malformed);
        assert_eq!(DhcpMessage::parse(&good[..OPTIONS]), Err(BadDhcp::Malformed));
        assert_eq!(DhcpMessage::parse(&good[..OPTIONS + 6]), Err(BadDhcp::Malformed));
        assert_eq!(DhcpMessage::parse(b""), Err(BadDhcp::Malformed));
    }
}
