//! `network`: what an interface is to be.

use super::interface::{InterfaceKind, Ipv6, NetworkCommand};
use super::options::{self, OptionValue, Parsed};
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use crate::base::place::Place;
use std::net::Ipv4Addr;

/// Options that an image cannot honour, with the reason.
const REFUSED: [(&str, &str); 5] = [
    ("--bindto", "the interface's hardware address is not known while an image is built"),
    ("--dhcpclass", "write the class to /etc/dhcp/dhclient.conf in %post"),
    ("--essid", "nodes have no wireless interface"),
    ("--wepkey", "nodes have no wireless interface"),
    ("--wpakey", "nodes have no wireless interface"),
];

/// `network`.
pub fn network(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    if let Some((option, why)) = REFUSED.into_iter().find(|(o, _)| parsed.filled(o)) {
        return state.refuse(item, option_column(item, parsed, option), format!("{option}: {why}"));
    }
    let entry = state.kickstart.report.len();
    let refused = match read_interfaces(parsed, state.place_of(item), entry) {
        Ok(networks) => {
            let fault = networks.iter().find_map(|n| n.fault.clone());
            if let (None, Some(network)) = (&fault, networks.last()) {
                let (fate, why) = foresee(network);
                state.report(item, fate, why);
            }
            state.kickstart.networks.extend(networks);
            fault
        }
        Err(refused) => Some(refused),
    };
    if let Some((option, why)) = refused {
        state.refuse(item, option_column(item, parsed, option), format!("{option}: {why}"));
    }
}

/// What becomes of a line as far as the kickstart alone shows it; the lab file decides the rest.
fn foresee(network: &NetworkCommand) -> (Fate, &'static str) {
    match (&network.device, network.hostname_only) {
        (_, true) => (Fate::Translated, "the node's name is the lab file's"),
        (None, _) => {
            let why = "the lab's own interface: its addresses and the node's name are the lab \
                       file's, the rest is this line's";
            (Fate::Translated, why)
        }
        (Some(_), _) => {
            let why = "the interface's ifcfg file; default route, name servers and the node's \
                       name are the lab file's";
            (Fate::Honoured, why)
        }
    }
}

fn option_column(item: &KickstartItem<'_>, parsed: &Parsed<'_>, option: &str) -> usize {
    parsed.get(option).map_or(item.words[0].column, |v| v.word.column)
}

type Refused = (&'static str, String);

/// `found`, or nothing and its fault where there is none yet.
fn or_fault<T: Default>(fault: &mut Option<Refused>, found: Result<T, Refused>) -> T {
    found.unwrap_or_else(|refused| {
        fault.get_or_insert(refused);
        T::default()
    })
}

/// What a line creates: an interface, and before a VLAN the bond or team that the same line
/// makes under it.
fn read_interfaces(
    parsed: &Parsed<'_>,
    place: Place,
    entry: usize,
) -> Result<Vec<NetworkCommand>, Refused> {
    let mut fault = None;
    let network = read_addresses(parsed, &mut fault);
    let (lower, kind) = read_kinds(parsed)?;
    let names: Vec<&str> = parsed.options.iter().map(|(n, _)| *n).collect();
    let network = NetworkCommand {
        place,
        entry,
        device: read_device(parsed, &mut fault)?,
        hostname: parsed.text("--hostname"),
        hostname_only: names == ["--hostname"],
        off_at_boot: parsed
            .get("--onboot")
            .is_some_and(|v| options::boolean(v.text) == Some(false)),
        no_default_route: parsed.has("--nodefroute"),
        no_dns: parsed.has("--nodns"),
        ipv6: read_ipv6(parsed)?,
        ipv6_gateway: parsed
            .get("--ipv6gateway")
            .map(|v| v.text.parse().map_err(|_| not_an_address("--ipv6gateway", v.text)))
            .transpose()?,
        mtu: read_mtu(parsed)?,
        ethtool: parsed.text("--ethtool").filter(|t| !t.is_empty()),
        fault,
        ..network
    };
    let under = |kind: InterfaceKind| NetworkCommand {
        place: network.place.clone(),
        entry,
        device: network.device.clone(),
        kind,
        bootproto: "static".into(),
        off_at_boot: network.off_at_boot,
        ipv6: Some(Ipv6::Off),
        mtu: network.mtu,
        ..NetworkCommand::default()
    };
    let lower = lower.map(under);
    Ok(lower.into_iter().chain([NetworkCommand { kind, ..network }]).collect())
}

/// The interface's IPv4 addresses; nothing else of the line.
fn read_addresses(parsed: &Parsed<'_>, fault: &mut Option<Refused>) -> NetworkCommand {
    let bootproto = parsed.text("--bootproto").unwrap_or_else(|| "dhcp".into());
    if ["query", "ibft"].contains(&bootproto.as_str()) {
        let why = format!("{bootproto} is known to the installer only");
        fault.get_or_insert(("--bootproto", why));
    }
    let ip = or_fault(fault, read_address(parsed, "--ip"));
    let netmask = or_fault(fault, read_address(parsed, "--netmask"));
    let mask = |mask: Ipv4Addr| u32::from(mask);
    if netmask.is_some_and(|m| mask(m).leading_ones() != mask(m).count_ones()) {
        let why = "its ones are not in one row, as in 255.255.255.0".into();
        fault.get_or_insert(("--netmask", why));
    }
    if let (Some(_), None, "static") = (ip, netmask, bootproto.as_str()) {
        fault.get_or_insert(("--ip", "it needs --netmask".into()));
    }
    let nameservers = parsed.get("--nameserver").map(|v| v.text).unwrap_or("").split(',');
    let nameservers = nameservers.map(str::trim).filter(|t| !t.is_empty());
    let nameservers = nameservers
        .map(|text| text.parse().map_err(|_| not_an_address("--nameserver", text)))
        .collect::<Result<_, _>>();
    NetworkCommand {
        bootproto,
        ip,
        netmask,
        gateway: or_fault(fault, read_address(parsed, "--gateway")),
        nameservers: or_fault(fault, nameservers),
        no_ipv4: parsed.has("--noipv4"),
        ..NetworkCommand::default()
    }
}

fn read_mtu(parsed: &Parsed<'_>) -> Result<Option<u32>, Refused> {
    let value = parsed.get("--mtu").filter(|v| !v.text.is_empty());
    let not_a_number = |text: &str| ("--mtu", format!("`{text}` is not a number"));
    value.map(|v| v.text.parse().map_err(|_| not_a_number(v.text))).transpose()
}

fn not_an_address(option: &'static str, text: &str) -> Refused {
    (option, format!("`{text}` is not an address"))
}

fn read_address(parsed: &Parsed<'_>, option: &'static str) -> Result<Option<Ipv4Addr>, Refused> {
    let parse = |v: &OptionValue<'_>| v.text.parse().map_err(|_| not_an_address(option, v.text));
    parsed.get(option).map(parse).transpose()
}

/// The device's name; the words for "the one that has a link" mean the lab's interface, and a
/// hardware address may.
fn read_device(
    parsed: &Parsed<'_>,
    fault: &mut Option<Refused>,
) -> Result<Option<String>, Refused> {
    let Some(name) = parsed.text("--device").filter(|d| !d.is_empty()) else { return Ok(None) };
    if ["link", "bootif", "ibft"].contains(&name.as_str()) {
        return Ok(None);
    }
    if is_hardware_address(&name) {
        let why = format!("`{name}` is a hardware address: write the interface's name");
        fault.get_or_insert(("--device", why));
        return Ok(Some(name.to_ascii_lowercase()));
    }
    check_interface("--device", &name).map(Some)
}

fn is_hardware_address(name: &str) -> bool {
    let byte = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    name.split(':').count() == 6 && name.split(':').all(byte)
}

/// An interface's name as the kernel takes it.
fn check_interface(option: &'static str, name: &str) -> Result<String, Refused> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if is_hardware_address(name) {
        let why = format!("`{name}` is a hardware address: write the interface's name");
        return Err((option, why));
    }
    if let Some((device, label)) = name.split_once(':')
        && !device.is_empty()
        && !label.is_empty()
    {
        let why = format!(
            "`{name}` is an alias, a second address of {device}, and no interface: let %post \
             write /etc/sysconfig/network-scripts/ifcfg-{name} with DEVICE, IPADDR and PREFIX"
        );
        return Err((option, why));
    }
    match !name.is_empty() && name.len() < 16 && name.bytes().all(ok) && !name.starts_with('.') {
        true => Ok(name.to_owned()),
        false => Err((option, format!("`{name}` is not an interface's name"))),
    }
}

fn read_members(parsed: &Parsed<'_>, option: &'static str) -> Result<Vec<String>, Refused> {
    let names = parsed.list(option);
    names.iter().map(|name| check_interface(option, name)).collect()
}

/// The device of a line, and before it the one that it is on, if the line makes both: a VLAN
/// over a bond or a team, as Anaconda reads `--vlanid` next to their interfaces.
fn read_kinds(parsed: &Parsed<'_>) -> Result<(Option<InterfaceKind>, InterfaceKind), Refused> {
    let first = read_kind(parsed)?;
    let over = matches!(first, InterfaceKind::Bond { .. } | InterfaceKind::Team { .. });
    match read_vlan(parsed)? {
        Some(vlan) if over => Ok((Some(first), vlan)),
        Some(vlan) if first == InterfaceKind::Ethernet => Ok((None, vlan)),
        Some(_) => Err(("--vlanid", "a bridge over a VLAN takes a line for each".into())),
        None => Ok((None, first)),
    }
}

fn read_kind(parsed: &Parsed<'_>) -> Result<InterfaceKind, Refused> {
    let options = |option: &'static str, separators: &[char]| -> Result<Vec<String>, Refused> {
        let text = parsed.text(option).unwrap_or_default();
        let parts = text.split(|c| separators.contains(&c)).map(str::trim);
        let ok = |part: &str| {
            let word = |b: u8| b.is_ascii_alphanumeric() || b"-_.:=,+/".contains(&b);
            part.contains('=') && part.bytes().all(word)
        };
        let parts = parts.filter(|p| !p.is_empty());
        parts
            .map(|p| match ok(p) {
                true => Ok(p.to_owned()),
                false => Err((option, format!("`{p}` is not key=value"))),
            })
            .collect()
    };
    if parsed.filled("--bondslaves") {
        // A comma may be a part of a value, and then `;` separates.
        let text = parsed.text("--bondopts").unwrap_or_default();
        let separators: &[char] = if text.contains(';') { &[';'] } else { &[','] };
        return Ok(InterfaceKind::Bond {
            members: read_members(parsed, "--bondslaves")?,
            options: options("--bondopts", separators)?,
        });
    }
    if parsed.filled("--teamslaves") {
        let config = parsed.text("--teamconfig").unwrap_or_default();
        return Ok(InterfaceKind::Team {
            ports: read_ports(&parsed.text("--teamslaves").unwrap_or_default())?,
            config: check_json("--teamconfig", config)?,
        });
    }
    if parsed.filled("--bridgeslaves") {
        return Ok(InterfaceKind::Bridge {
            members: read_members(parsed, "--bridgeslaves")?,
            options: options("--bridgeopts", &[','])?,
        });
    }
    Ok(InterfaceKind::Ethernet)
}

fn read_vlan(parsed: &Parsed<'_>) -> Result<Option<InterfaceKind>, Refused> {
    let Some(id) = parsed.get("--vlanid").filter(|v| !v.text.is_empty()) else {
        return Ok(None);
    };
    if read_device(parsed, &mut None)?.is_none() {
        return Err(("--vlanid", "name the interface under it with --device".into()));
    }
    let name = parsed.text("--interfacename").map(|n| check_interface("--interfacename", &n));
    match id.text.parse::<u16>() {
        Ok(id) if (1..4095).contains(&id) => {
            Ok(Some(InterfaceKind::Vlan { id, name: name.transpose()? }))
        }
        _ => Err(("--vlanid", format!("`{}` is not from 1 to 4094", id.text))),
    }
}

/// A team's interfaces: `NAME`, or `NAME'JSON'`, separated by commas.
fn read_ports(text: &str) -> Result<Vec<(String, String)>, Refused> {
    let option = "--teamslaves";
    let mut ports = Vec::new();
    for (number, part) in text.split('\'').enumerate() {
        if number % 2 == 1 {
            // What is in quotes belongs to the name before it.
            if let Some((_, config)) = ports.last_mut() {
                *config = check_json(option, part.to_owned())?;
            }
            continue;
        }
        for name in part.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            ports.push((check_interface(option, name)?, String::new()));
        }
    }
    Ok(ports)
}

/// What teamd takes as a configuration: an object, or nothing.
fn check_json(option: &'static str, text: String) -> Result<String, Refused> {
    if text.is_empty() {
        return Ok(text);
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) {
        Ok(_) => Ok(text),
        Err(e) => Err((option, format!("`{text}` is not a team's configuration in JSON: {e}"))),
    }
}

fn read_ipv6(parsed: &Parsed<'_>) -> Result<Option<Ipv6>, Refused> {
    if parsed.has("--noipv6") {
        return Ok(Some(Ipv6::Off));
    }
    let Some(value) = parsed.get("--ipv6") else { return Ok(None) };
    Ok(Some(match value.text {
        "auto" => Ipv6::Automatic,
        "dhcp" => Ipv6::Dhcp,
        text => {
            let (address, prefix) = text.split_once('/').unwrap_or((text, "64"));
            match (address.parse(), prefix.parse()) {
                (Ok(address), Ok(prefix @ 1..=128)) => Ipv6::Static(address, prefix),
                _ => return Err(not_an_address("--ipv6", text)),
            }
        }
    }))
}
