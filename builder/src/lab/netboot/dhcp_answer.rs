//! What a DHCP message of a node is answered: its own address and loader (`full`), or the loader
//! alone beside another server that gives addresses (`proxy`; PXE specification 2.1, chapter 2).

use super::dhcp_message::{DhcpMessage, code, kind};
use crate::plan::install::{
    BIOS_LOADER, IPXE_BIOS_LOADER, IPXE_EFI_LOADER, NetworkNode, NetworkPlan, UEFI_LOADER,
};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What the DHCP server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpMode {
    /// It gives nodes their addresses and says what they boot.
    Full,
    /// It says what they boot; another server gives addresses.
    Proxy,
}

/// The port that a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpPort {
    /// 67, for all messages.
    Server,
    /// 4011, where clients of a proxy ask what they boot.
    Boot,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct DhcpAnswer<'a> {
    /// The node.
    pub node: &'a NetworkNode,
    /// The reply.
    pub reply: DhcpMessage,
}

/// How long a lease is, in seconds; nodes have the same address for ever.
const LEASE: u32 = 86_400;
/// PXE's discovery control: boot the file that is named, and look for no other servers.
const NO_DISCOVERY: [u8; 4] = [6, 1, 8, 255];
const PXE_CLIENT: &[u8] = b"PXEClient";
const HTTP_CLIENT: &[u8] = b"HTTPClient";

/// What a client is, as it boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// iPXE, with its own HTTP.
    Ipxe,
    Bios,
    Uefi,
    /// UEFI's HTTP boot.
    Http,
}

/// What a client is; none where it does not boot, or is a machine that CentOS 7 is not for.
fn client(message: &DhcpMessage) -> Option<Client> {
    let class = message.option(code::USER_CLASS).unwrap_or_default();
    let architecture = message.option(code::ARCHITECTURE)?.first_chunk().copied();
    let architecture = architecture.map(u16::from_be_bytes)?;
    let is_ipxe = class.windows(4).any(|window| window == b"iPXE");
    match architecture {
        // RFC 4578 with its erratum, and IANA's list.
        0 | 7 | 9 if is_ipxe => Some(Client::Ipxe),
        0 => Some(Client::Bios),
        7 | 9 => Some(Client::Uefi),
        16 => Some(Client::Http),
        _ => None,
    }
}

/// What a client boots.
fn boot_file(
    plan: &NetworkPlan,
    node: &NetworkNode,
    mode: DhcpMode,
    client: Client,
) -> Option<String> {
    let first = |names: &[&str]| {
        let name = names.iter().find(|name| plan.has_loader(name));
        name.map(|name| (*name).to_owned())
    };
    match (client, mode) {
        (Client::Ipxe, _) => Some(plan.ipxe_url(node)),
        (Client::Bios, _) => first(&[BIOS_LOADER, IPXE_BIOS_LOADER]),
        (Client::Uefi, DhcpMode::Full) => first(&[UEFI_LOADER, IPXE_EFI_LOADER]),
        // EL7's GRUB asks the server that gave the address for its files.
        (Client::Uefi, DhcpMode::Proxy) => first(&[IPXE_EFI_LOADER]),
        (Client::Http, _) => plan.http_loader(),
    }
}

/// The answer to a message; none for machines that are not of the lab, and for what is for another
/// server.
pub fn answer<'a>(
    plan: &'a NetworkPlan,
    mode: DhcpMode,
    port: DhcpPort,
    message: &DhcpMessage,
) -> Option<DhcpAnswer<'a>> {
    if message.is_reply || message.relay != Ipv4Addr::UNSPECIFIED {
        return None;
    }
    let node = plan.node_of_mac(&message.mac_text())?;
    let client = client(message);
    let reply = match (mode, port, message.kind()?) {
        (DhcpMode::Full, DhcpPort::Server, kind::DISCOVER) => {
            leased(plan, node, message, kind::OFFER)
        }
        (DhcpMode::Full, DhcpPort::Server, kind::REQUEST) => requested(plan, node, message)?,
        (DhcpMode::Full, DhcpPort::Server, kind::INFORM) => {
            let mut reply = leased(plan, node, message, kind::ACK);
            // It has an address, and keeps it (RFC 2131, 4.3.5).
            reply.options.remove(&code::LEASE_TIME);
            DhcpMessage { given: Ipv4Addr::UNSPECIFIED, ..reply }
        }
        (DhcpMode::Proxy, DhcpPort::Server, kind::DISCOVER) => {
            client?;
            empty(plan, message, kind::OFFER)
        }
        (DhcpMode::Proxy, DhcpPort::Boot, kind::REQUEST) => {
            client?;
            empty(plan, message, kind::ACK)
        }
        _ => return None,
    };
    let mut answer = DhcpAnswer { node, reply };
    if answer.reply.kind() == Some(kind::NAK) {
        return Some(answer);
    }
    if let Some(client) = client {
        let Some(file) = boot_file(plan, node, mode, client) else {
            // Of a proxy there is nothing left to say.
            return (mode == DhcpMode::Full).then_some(answer);
        };
        // A UEFI that is offered a file by a proxy does not ask for it.
        let asks = (mode, port, client) == (DhcpMode::Proxy, DhcpPort::Server, Client::Uefi);
        name_file(plan, &mut answer.reply, client, if asks { None } else { Some(file) });
        let id = message.option(code::MACHINE_ID).map(<[u8]>::to_vec);
        answer.reply.options.extend(id.map(|id| (code::MACHINE_ID, id)));
    }
    Some(answer)
}

/// The reply to a request for an address.
fn requested(plan: &NetworkPlan, node: &NetworkNode, message: &DhcpMessage) -> Option<DhcpMessage> {
    if message.address(code::SERVER_ID).is_some_and(|server| server != *plan.server.ip()) {
        return None;
    }
    let wanted = message.address(code::REQUESTED_ADDRESS).unwrap_or(message.client);
    if wanted == node.address {
        return Some(leased(plan, node, message, kind::ACK));
    }
    let mut reply = empty(plan, message, kind::NAK);
    reply.client = Ipv4Addr::UNSPECIFIED;
    // Its address may be of another network: it hears broadcasts only.
    reply.flags = 0x8000;
    Some(reply)
}

/// A reply that says who we are.
fn empty(plan: &NetworkPlan, message: &DhcpMessage, kind: u8) -> DhcpMessage {
    let server = plan.server.ip().octets().to_vec();
    DhcpMessage {
        is_reply: true,
        seconds: 0,
        given: Ipv4Addr::UNSPECIFIED,
        next_server: Ipv4Addr::UNSPECIFIED,
        file: Vec::new(),
        options: BTreeMap::from([(code::MESSAGE_TYPE, vec![kind]), (code::SERVER_ID, server)]),
        ..message.clone()
    }
}

/// A reply with the node's address.
fn leased(plan: &NetworkPlan, node: &NetworkNode, message: &DhcpMessage, kind: u8) -> DhcpMessage {
    let (segment, subnet) = (&plan.segment, plan.segment.subnet());
    let mut reply = empty(plan, message, kind);
    reply.given = node.address;
    let dns = segment.dns.iter().flat_map(Ipv4Addr::octets).collect();
    reply.options.extend([
        (code::SUBNET_MASK, subnet.netmask().octets().to_vec()),
        (code::ROUTER, segment.gateway.octets().to_vec()),
        (code::DNS_SERVER, dns),
        (code::HOST_NAME, node.install.name.clone().into_bytes()),
        (code::BROADCAST, subnet.broadcast().octets().to_vec()),
        (code::LEASE_TIME, LEASE.to_be_bytes().to_vec()),
    ]);
    reply
}

/// Says what is booted, wherever a client may look for it.
fn name_file(plan: &NetworkPlan, reply: &mut DhcpMessage, client: Client, file: Option<String>) {
    let class = if client == Client::Http { HTTP_CLIENT } else { PXE_CLIENT };
    reply.options.insert(code::VENDOR_CLASS, class.to_vec());
    let Some(file) = file else { return };
    reply.next_server = *plan.server.ip();
    reply.file = file.clone().into_bytes();
    reply.options.insert(code::TFTP_SERVER, plan.server.ip().to_string().into_bytes());
    reply.options.insert(code::BOOT_FILE, file.into_bytes());
    if matches!(client, Client::Bios | Client::Ipxe) {
        reply.options.insert(code::VENDOR_SPECIFIC, NO_DISCOVERY.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::install::{InstallTree, LabSegment, NETWORK_SCHEMA, NodeInstall};

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn plan(loaders: &[&str]) -> NetworkPlan {
        let install = NodeInstall {
            name: "nova01".into(),
            role: "compute".into(),
            kickstart: String::new(),
            arguments: Vec::new(),
            disk: "only".into(),
        };
        let address = Ipv4Addr::new(192, 168, 1, 11);
        let mac = "52:54:00:12:34:56".to_owned();
        let gateway = Ipv4Addr::new(192, 168, 1, 254);
        NetworkPlan {
            schema: NETWORK_SCHEMA,
            lab: "lab".into(),
            server: "192.168.1.5:80".parse().unwrap(),
            segment: LabSegment {
                network: Ipv4Addr::new(192, 168, 1, 0),
                prefix: 24,
                gateway,
                dns: vec![gateway, Ipv4Addr::new(9, 9, 9, 9)],
            },
            erase: false,
            secrets: false,
            tree: InstallTree { path: "tree/x".into(), medium: String::new() },
            linuxefi: true,
            loaders: loaders.iter().map(|name| (*name).to_owned()).collect(),
            nodes: vec![NetworkNode { install, mac, address, directory: String::new() }],
            repositories: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    fn message(kind: u8, architecture: Option<u16>, more: &[(u8, &[u8])]) -> DhcpMessage {
        let mut message = DhcpMessage::of_client(MAC, 1, kind);
        let architecture = architecture.map(|number| number.to_be_bytes().to_vec());
        message.options.extend(architecture.map(|bytes| (code::ARCHITECTURE, bytes)));
        message.options.extend(more.iter().map(|(code, value)| (*code, value.to_vec())));
        message
    }

    fn file(reply: &DhcpMessage) -> &str {
        std::str::from_utf8(&reply.file).unwrap()
    }

    #[test]
    fn each_client_boots_what_it_can() {
        let plan = plan(&[BIOS_LOADER, UEFI_LOADER, IPXE_EFI_LOADER]);
        let boots = |mode, port, kind, architecture, more: &[(u8, &[u8])]| {
            let answer = answer(&plan, mode, port, &message(kind, Some(architecture), more));
            answer.map(|answer| file(&answer.reply).to_owned())
        };
        let full = |architecture, more: &[(u8, &[u8])]| {
            boots(DhcpMode::Full, DhcpPort::Server, kind::DISCOVER, architecture, more).unwrap()
        };
        let script = "http://192.168.1.5/boot/52:54:00:12:34:56.ipxe";
        let ipxe: &[(u8, &[u8])] = &[(code::USER_CLASS, b"iPXE")];
        assert_eq!([full(0, &[]), full(0, ipxe)], ["pxelinux.0", script]);
        assert_eq!([full(7, &[]), full(9, &[]), full(7, ipxe)], [UEFI_LOADER, UEFI_LOADER, script]);
        assert_eq!(full(16, &[]), format!("http://192.168.1.5/{UEFI_LOADER}"));
        // Machines that CentOS 7 for x86_64 is not for.
        assert_eq!([full(6, &[]), full(11, &[]), full(15, &[])], [""; 3]);
        let offer = |architecture, more| {
            boots(DhcpMode::Proxy, DhcpPort::Server, kind::DISCOVER, architecture, more)
        };
        let ack =
            |architecture| boots(DhcpMode::Proxy, DhcpPort::Boot, kind::REQUEST, architecture, &[]);
        // UEFI gets its file on port 4011; never GRUB, which would ask the other server.
        assert_eq!(offer(0, &[]).as_deref(), Some("pxelinux.0"));
        assert_eq!(offer(7, &[]).as_deref(), Some(""));
        assert_eq!(ack(7).as_deref(), Some("snponly.efi"));
        assert_eq!(offer(7, ipxe).as_deref(), Some(script));
        assert_eq!((offer(6, &[]), ack(6)), (None, None));
    }

    #[test]
    fn leases_are_the_labs_addresses() {
        let plan = plan(&[BIOS_LOADER]);
        let full = |message: &DhcpMessage| {
            answer(&plan, DhcpMode::Full, DhcpPort::Server, message).map(|answer| answer.reply)
        };
        let offer = full(&message(kind::DISCOVER, None, &[])).unwrap();
        assert_eq!((offer.kind(), offer.given), (Some(kind::OFFER), plan.nodes[0].address));
        assert_eq!(offer.option(code::DNS_SERVER), Some(&[192, 168, 1, 254, 9, 9, 9, 9][..]));
        // A machine that does not boot gets no loader.
        assert_eq!((file(&offer), offer.option(code::VENDOR_CLASS)), ("", None));
        let request = |server: [u8; 4], address: [u8; 4]| {
            full(&message(
                kind::REQUEST,
                Some(0),
                &[(code::SERVER_ID, &server), (code::REQUESTED_ADDRESS, &address)],
            ))
        };
        let ours = [192, 168, 1, 5];
        let ack = request(ours, [192, 168, 1, 11]).unwrap();
        assert_eq!((ack.kind(), file(&ack)), (Some(kind::ACK), "pxelinux.0"));
        let nak = request(ours, [192, 168, 1, 99]).unwrap();
        assert_eq!((nak.kind(), nak.given), (Some(kind::NAK), Ipv4Addr::UNSPECIFIED));
        assert_eq!((file(&nak), nak.option(code::BOOT_FILE)), ("", None));
        assert_eq!(request([192, 168, 1, 1], [192, 168, 1, 11]), None);
    }

    #[test]
    fn nobody_else_is_answered() {
        let plan = plan(&[BIOS_LOADER]);
        let discover = message(kind::DISCOVER, Some(0), &[]);
        let is_answered = |message: DhcpMessage| {
            [DhcpMode::Full, DhcpMode::Proxy]
                .map(|mode| answer(&plan, mode, DhcpPort::Server, &message).is_some())
        };
        assert_eq!(is_answered(discover.clone()), [true, true]);
        assert_eq!(is_answered(message(kind::DISCOVER, None, &[])), [true, false]);
        assert_eq!(is_answered(message(kind::REQUEST, Some(0), &[])), [true, false]);
        assert_eq!(is_answered(message(7, Some(0), &[])), [false; 2]);
        let other = DhcpMessage { mac: [2; 6], ..discover.clone() };
        assert_eq!(is_answered(other), [false; 2]);
        let relayed = DhcpMessage { relay: Ipv4Addr::new(10, 0, 0, 1), ..discover.clone() };
        assert_eq!(is_answered(relayed), [false; 2]);
        assert_eq!(is_answered(DhcpMessage { is_reply: true, ..discover }), [false; 2]);
    }
}
