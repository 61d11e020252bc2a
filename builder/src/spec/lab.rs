//! The lab file: network, nodes, repositories.

use super::files::InputFile;
use super::reader::{At, SpecReader, Table};
use super::routes::read_routes;
use super::units::{
    HOST_NAME_HINT, ROLE_HINT, SUBNET_HINT, check_host_name, check_interface, check_name,
    parse_mac, parse_role,
};
use crate::base::diagnostic::Diagnostics;
use crate::base::lab::{GpgKey, LabNetwork, LabNode, LabRepository, RepositorySource, Subnet};
use contract::spec::{Role, TimeServer, short_name};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

const KEYS: [&str; 7] =
    ["name", "ssh-authorized-keys", "packages", "network", "node", "route", "repository"];
const NETWORK_KEYS: [&str; 5] = ["address", "interface", "gateway", "dns", "ntp"];
const NODE_KEYS: [&str; 4] = ["name", "role", "address", "mac"];
const REPOSITORY_KEYS: [&str; 10] = [
    "id",
    "source",
    "directory",
    "baseurl",
    "gpgkey",
    "gpgcheck",
    "packages",
    "required",
    "priority",
    "exclude",
];

/// Keys of a repository that had another name once.
const RENAMED_REPOSITORY_KEYS: [(&str, &str); 1] = [("folder", "directory")];

/// More packages than any distribution has.
const MAX_PACKAGES: u64 = 10_000_000;

/// The lab file's content; parts that were wrong are missing.
#[derive(Debug, Default)]
pub struct LabFile {
    /// The lab's name.
    pub name: String,
    /// Patterns of public key files.
    pub key_patterns: Vec<At<String>>,
    /// Packages that all repositories hold together.
    pub packages: Option<u64>,
    /// The network.
    pub network: Option<LabNetwork>,
    /// Every node, as written.
    pub nodes: Vec<LabNode>,
    /// Every repository, as written.
    pub repositories: Vec<LabRepository>,
}

/// Whether a file is meant as a lab's: it has that lab's nodes.
pub fn is_lab(file: &InputFile) -> bool {
    toml::de::DeTable::parse_recoverable(&file.text).0.get_ref().contains_key("node")
}

/// Reads the lab file.
pub fn read_lab(file: &InputFile, home: Option<&Path>) -> (LabFile, Diagnostics) {
    let reader = SpecReader::new(&file.name, &file.text);
    let document = reader.parse();
    let root = reader.root(&document, &KEYS);
    let name = root.parsed(
        root.need_text("name", "\"openstack-lab\""),
        "letters, digits, `-`, `_` and `.`, at most 64",
        check_name,
    );
    let nodes = read_nodes(&root);
    let network = read_network(&root, &nodes);
    let lab = LabFile {
        name: name.map_or_else(String::new, |n| n.value),
        key_patterns: root.texts("ssh-authorized-keys"),
        packages: root.integer("packages", 1..MAX_PACKAGES).map(|p| p.value),
        network,
        nodes: nodes.into_iter().filter_map(RawNode::complete).collect(),
        repositories: read_repositories(&root, file, home),
    };
    (lab, reader.into_diagnostics())
}

/// A node as far as it was readable.
struct RawNode {
    name: Option<At<String>>,
    role: Option<At<Role>>,
    address: Option<At<Ipv4Addr>>,
    mac: Option<At<String>>,
}

impl RawNode {
    fn complete(self) -> Option<LabNode> {
        Some(LabNode {
            name: self.name?.value,
            role: self.role?.value,
            address: self.address?.value,
            mac: self.mac.map(|m| m.value),
        })
    }
}

fn read_nodes(root: &Table<'_, '_>) -> Vec<RawNode> {
    let mut nodes = Vec::new();
    for table in root.tables("node", &NODE_KEYS, &[]) {
        let name = table.need_text("name", "\"nova01\"");
        let name =
            table.parsed(name, HOST_NAME_HINT, |n| check_host_name(n).map(|()| n.to_owned()));
        let role = table.parsed(table.need_text("role", "\"compute\""), ROLE_HINT, parse_role);
        let address = table.need_address("address", "\"192.168.1.11\"");
        let mac_hint = "six bytes as in 52:54:00:12:34:56, the first one even";
        let mac = table.parsed(table.text("mac"), mac_hint, parse_mac);
        nodes.push(RawNode { name, role, address, mac });
    }
    if nodes.is_empty() {
        root.missing("node", "one [[node]] table for each node: name, role, address");
    }
    refuse_duplicates(root, "the name", nodes.iter().filter_map(|n| n.name.as_ref()));
    refuse_shared_short_names(root, &nodes);
    refuse_duplicates(root, "the address", nodes.iter().filter_map(|n| n.address.as_ref()));
    refuse_duplicates(root, "the hardware address", nodes.iter().filter_map(|n| n.mac.as_ref()));
    let mut controllers =
        nodes.iter().filter_map(|n| n.role.as_ref()).filter(|r| r.value == Role::Controller);
    if let Some(first) = controllers.next() {
        let hint = "a lab has one controller and any number of computes";
        for other in controllers {
            let message = format!("another controller; {} is one already", first.key);
            root.push(other.error(message).hint(hint));
        }
    }
    nodes
}

/// A node is known by its name's first label as well, in `/etc/hosts` and to OpenStack.
fn refuse_shared_short_names(root: &Table<'_, '_>, nodes: &[RawNode]) {
    let mut seen: BTreeMap<&str, &At<String>> = BTreeMap::new();
    for name in nodes.iter().filter_map(|n| n.name.as_ref()) {
        let short = short_name(&name.value);
        match seen.get(short) {
            Some(first) if first.value == name.value => {}
            Some(first) => {
                let message = format!("{} and {} are both called {short}", name.value, first.value);
                let hint = format!("the other one is {} (line {})", first.key, first.place.line);
                root.push(name.error(message).hint(hint));
            }
            None => drop(seen.insert(short, name)),
        }
    }
}

fn refuse_duplicates<'a, T: Ord + std::fmt::Display + 'a>(
    root: &Table<'_, '_>,
    what: &str,
    values: impl Iterator<Item = &'a At<T>>,
) {
    let mut seen: BTreeMap<&T, &At<T>> = BTreeMap::new();
    for at in values {
        match seen.get(&at.value) {
            Some(first) => {
                let message = format!("{what} {} is already used", at.value);
                let hint = format!(
                    "first used at {}:{} ({})",
                    first.place.file, first.place.line, first.key
                );
                root.push(at.error(message).hint(hint));
            }
            None => {
                seen.insert(&at.value, at);
            }
        }
    }
}

fn read_network(root: &Table<'_, '_>, nodes: &[RawNode]) -> Option<LabNetwork> {
    let table = root.table("network", &NETWORK_KEYS, true)?;
    let subnet = table.need_text("address", "\"192.168.1.0/24\"");
    let subnet = table.parsed(subnet, SUBNET_HINT, Subnet::parse);
    let interface = table.parsed(
        table.need_text("interface", "\"eth0\""),
        "a kernel interface name of 1 to 15 letters, digits, `-`, `_` or `.`",
        check_interface,
    );
    let gateway = table.need_address("gateway", "\"192.168.1.254\"");
    let dns = table.addresses("dns");
    let ntp: Vec<At<TimeServer>> = table
        .texts("ntp")
        .into_iter()
        .filter_map(|text| table.parsed(Some(text), NTP_HINT, str::parse))
        .collect();
    for (key, is_empty) in [("dns", dns.is_empty()), ("ntp", ntp.is_empty())] {
        if is_empty && !table.has_items(key) {
            table.missing(key, "[\"192.168.1.254\"]");
        }
    }
    refuse_duplicates(root, "the server", dns.iter());
    refuse_duplicates(root, "the server", ntp.iter());
    if dns.len() > 3 {
        let message = "a fourth name server is never asked";
        table.push(dns[3].error(message).hint("resolv.conf takes three at most"));
    }
    let controller =
        nodes.iter().find(|n| n.role.as_ref().is_some_and(|r| r.value == Role::Controller));
    let controller = controller.and_then(|n| n.address.as_ref()).map(|a| a.value);
    for server in dns.iter().filter(|s| Some(s.value) == controller) {
        let message = format!("{} is the controller, which runs no name server", server.value);
        table.push(
            server.error(message).hint("name the lab's name server, for example the gateway"),
        );
    }
    let subnet = subnet?;
    check_addresses(root, subnet.value, gateway.as_ref(), nodes);
    let interface = interface?.value;
    let routes = read_routes(root, subnet.value, &interface);
    Some(LabNetwork {
        subnet: subnet.value,
        interface,
        gateway: gateway?.value,
        dns: dns.into_iter().map(|a| a.value).collect(),
        ntp: ntp.into_iter().map(|a| a.value).collect(),
        routes,
    })
}

fn check_addresses(
    root: &Table<'_, '_>,
    net: Subnet,
    gateway: Option<&At<Ipv4Addr>>,
    nodes: &[RawNode],
) {
    let hint = format!("allowed: an address of {net} between its first and its last");
    for at in nodes.iter().filter_map(|n| n.address.as_ref()).chain(gateway) {
        let address = at.value;
        if !net.contains(address) {
            root.push(at.error(format!("{address} is outside the network {net}")).hint(&hint));
        } else if address == net.address {
            root.push(at.error(format!("{address} is the network's own address")).hint(&hint));
        } else if address == net.broadcast() {
            root.push(at.error(format!("{address} is the broadcast address")).hint(&hint));
        }
    }
    let Some(gateway) = gateway else { return };
    for at in nodes.iter().filter_map(|n| n.address.as_ref()).filter(|a| a.value == gateway.value) {
        let hint = "give the node an address of its own";
        root.push(at.error(format!("{} is the gateway's address", at.value)).hint(hint));
    }
}

fn read_repositories(
    root: &Table<'_, '_>,
    file: &InputFile,
    home: Option<&Path>,
) -> Vec<LabRepository> {
    let mut repositories = Vec::new();
    let mut ids = Vec::new();
    for table in root.tables("repository", &REPOSITORY_KEYS, &RENAMED_REPOSITORY_KEYS) {
        let id_hint = "letters, digits, `-`, `_`, `.` and `:`";
        let id = table.parsed(table.need_text("id", "\"centos\""), id_hint, check_id);
        let source = table.need_text("source", "\"../CentOS7-1804.iso\"");
        let source =
            source.map(|s| RepositorySource::parse(&s.value, |path| file.resolve(path, home)));
        let directory = table.renamed_text("directory", "folder");
        let directory = table.parsed(directory, "a relative path without `..`", check_directory);
        let baseurl = table.parsed(table.text("baseurl"), URL_HINT, check_url);
        let gpgkey = table.text_or_texts("gpgkey").into_iter().filter_map(|text| {
            table.parsed(Some(text), KEY_HINT, |text| parse_gpg_key(text, file, home))
        });
        let gpgkey = gpgkey.map(|key| key.value).collect();
        let gpgcheck = table.boolean("gpgcheck").is_none_or(|g| g.value);
        let packages = table.integer("packages", 0..MAX_PACKAGES);
        let required = table.boolean("required").is_none_or(|r| r.value);
        let priority = table.integer("priority", 1..100).map(|p| p.value);
        let exclude = table.texts("exclude").into_iter().map(|text| {
            let hint = "a package name or a glob, without blanks";
            table.parsed(Some(text), hint, check_exclude).map(|e| e.value)
        });
        let exclude = exclude.flatten().collect();
        ids.extend(id.clone());
        let (Some(id), Some(source)) = (id, source) else { continue };
        repositories.push(LabRepository {
            id: id.value,
            source,
            directory: directory.map(|d| d.value),
            baseurl: baseurl.map(|b| b.value),
            gpgkey,
            gpgcheck,
            packages: packages.map(|p| p.value),
            required,
            priority: priority.and_then(|p| u32::try_from(p).ok()),
            exclude,
        });
    }
    refuse_duplicates(root, "the id", ids.iter());
    repositories
}

const NTP_HINT: &str =
    "an IPv4 address or a host name; \"pool NAME\" for a name with several servers";

const URL_HINT: &str =
    "an address that starts with http://, https://, ftp:// or file:///, without blanks";

const KEY_HINT: &str = "an address as yum takes it (http://, https://, ftp://, file:///), or the path of \
                        a key file on this machine";

/// An address for the nodes and the build, or a path for the build alone.
fn parse_gpg_key(text: &str, file: &InputFile, home: Option<&Path>) -> Result<GpgKey, String> {
    if text.contains("://") {
        return check_url(text).map(GpgKey::Url);
    }
    Ok(GpgKey::Path(file.resolve(text, home)))
}

fn check_url(text: &str) -> Result<String, String> {
    let rest =
        ["http://", "https://", "ftp://", "file:///"].iter().find_map(|s| text.strip_prefix(s));
    match rest {
        Some(rest) if !rest.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(text.into())
        }
        _ => Err(format!("`{text}` is not an address that yum takes")),
    }
}

fn check_exclude(text: &str) -> Result<String, String> {
    if text.bytes().all(|b| b.is_ascii_graphic()) && !text.starts_with(['@', '-']) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` names no package"))
}

fn check_id(id: &str) -> Result<String, String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    if id.bytes().all(ok) && id != "main" {
        return Ok(id.to_owned());
    }
    Err(format!("`{id}` is not a repository id"))
}

fn check_directory(directory: &str) -> Result<String, String> {
    let directory = directory.trim_end_matches('/');
    let is_outside = |part: &str| part.is_empty() || part == "." || part == "..";
    if directory.is_empty() || directory.split('/').any(is_outside) {
        return Err(format!("`{directory}` is not a directory within the source"));
    }
    Ok(directory.to_owned())
}
