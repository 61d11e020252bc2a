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
    match read_interfaces(parsed, state.place_of(item)) {
        Ok(networks) => {
            let Some(network) = networks.last() else { return };
            let name = "the node's name has to be the lab file's, or a build stops";
            let file = match network.device {
                None => {
                    "the lab's own interface, which has to be as in the lab file, or a build stops"
                }
                Some(_) => "the interface's ifcfg file; the lab's own has to be as in the lab file",
            };
            let why = match (network.hostname_only, network.hostname.is_some()) {
                (true, _) => name.to_owned(),
                (_, true) => format!("{file}; {name}"),
                _ => file.to_owned(),
            };
            state.kickstart.networks.extend(networks);
            state.report(item, Fate::Honoured, why);
        }
        Err((option, why)) => {
            state.refuse(item, option_column(item, parsed, option), format!("{option}: {why}"));
        }
    }
}

fn option_column(item: &KickstartItem<'_>, parsed: &Parsed<'_>, option: &str) -> usize {
    parsed.get(option).map_or(item.words[0].column, |v| v.word.column)
}

type Refused = (&'static str, String);

/// What a line creates: an interface, and before a VLAN the bond or team that the same line
/// makes under it.
fn read_interfaces(parsed: &Parsed<'_>, place: Place) -> Result<Vec<NetworkCommand>, Refused> {
    let network = read_addresses(parsed)?;
    let (lower, kind) = read_kinds(parsed)?;
    let names: Vec<&str> = parsed.options.iter().map(|(n, _)| *n).collect();
    let nameservers = parsed.get("--nameserver").map(|v| v.text).unwrap_or("").split(',');
    let nameservers = nameservers.map(str::trim).filter(|t| !t.is_empty());
    let network = NetworkCommand {
        place,
        device: read_device(parsed)?,
        gateway: read_address(parsed, "--gateway")?,
        nameservers: nameservers
            .map(|text| text.parse().map_err(|_| not_an_address("--nameserver", text)))
            .collect::<Result<_, _>>()?,
        hostname: parsed.text("--hostname"),
        hostname_only: names == ["--hostname"],
        off_at_boot: parsed
            .get("--onboot")
            .is_some_and(|v| options::boolean(v.text) == Some(false)),
        no_default_route: parsed.has("--nodefroute"),
        no_dns: parsed.has("--nodns"),
        no_ipv4: parsed.has("--noipv4"),
        ipv6: read_ipv6(parsed)?,
        ipv6_gateway: parsed
            .get("--ipv6gateway")
            .map(|v| v.text.parse().map_err(|_| not_an_address("--ipv6gateway", v.text)))
            .transpose()?,
        mtu: read_mtu(parsed)?,
        ethtool: parsed.text("--ethtool").filter(|t| !t.is_empty()),
        ..network
    };
    let under = |kind: InterfaceKind| NetworkCommand {
        place: network.place.clone(),
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

/// Where the interface's IPv4 address comes from; nothing else of the line.
fn read_addresses(parsed: &Parsed<'_>) -> Result<NetworkCommand, Refused> {
    let bootproto = parsed.text("--bootproto").unwrap_or_else(|| "dhcp".into());
    if ["query", "ibft"].contains(&bootproto.as_str()) {
        return Err(("--bootproto", format!("{bootproto} is known to the installer only")));
    }
    let ip = read_address(parsed, "--ip")?;
    let netmask = read_address(parsed, "--netmask")?;
    let mask = |mask: Ipv4Addr| u32::from(mask);
    if netmask.is_some_and(|m| mask(m).leading_ones() != mask(m).count_ones()) {
        return Err(("--netmask", "its ones are not in one row, as in 255.255.255.0".into()));
    }
    if let (Some(_), None, "static") = (ip, netmask, bootproto.as_str()) {
        return Err(("--ip", "it needs --netmask".into()));
    }
    Ok(NetworkCommand { bootproto, ip, netmask, ..NetworkCommand::default() })
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

/// The device's name; the words for "the one that has a link" mean the lab's interface.
fn read_device(parsed: &Parsed<'_>) -> Result<Option<String>, Refused> {
    let Some(name) = parsed.text("--device").filter(|d| !d.is_empty()) else { return Ok(None) };
    if ["link", "bootif", "ibft"].contains(&name.as_str()) {
        return Ok(None);
    }
    check_interface("--device", &name).map(Some)
}

/// An interface's name as the kernel takes it.
fn check_interface(option: &'static str, name: &str) -> Result<String, Refused> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.contains(':') {
        let why = format!("`{name}` is a hardware address: write the interface's name");
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
    if read_device(parsed)?.is_none() {
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
