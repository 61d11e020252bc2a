//! Reading a spec from TOML with every problem named by line and key.

use super::{Spec, VERSION};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

/// One thing wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line number from 1, where known.
    pub line: Option<usize>,
    /// Key path, `node.address` or `hosts[1].name`; empty for the whole file.
    pub key: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong with a spec; at least one problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    /// The problems in the order of the checks.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let problems: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&problems.join("; "))
    }
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

pub(super) fn parse(text: &str) -> Result<Spec, SpecError> {
    let versioned: Versioned = toml::from_str(text).map_err(|error| located(text, &error))?;
    let mut checks = Checks { lines: key_lines(text), problems: Vec::new() };
    if versioned.version != VERSION {
        let found = versioned.version;
        checks.problem("version", format!("{found} is not known here; known: {VERSION}"));
        return Err(SpecError { problems: checks.problems });
    }
    let spec: Spec = toml::from_str(text).map_err(|error| located(text, &error))?;
    checks.spec(&spec);
    if checks.problems.is_empty() { Ok(spec) } else { Err(SpecError { problems: checks.problems }) }
}

/// A parser's error, with its line and the key that stands there.
fn located(text: &str, error: &toml::de::Error) -> SpecError {
    let line = error.span().map(|span| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    });
    let key = line.and_then(|line| {
        // The last key at or above the line: an array may go over several lines.
        key_lines(text).into_iter().filter(|(_, at)| *at <= line).max_by_key(|(_, at)| *at)
    });
    let key = key.map(|(key, _)| key).unwrap_or_default();
    SpecError { problems: vec![Problem { line, key, message: error.message().to_owned() }] }
}

/// The line of each table and key, by key path. It knows the plain TOML that specs
/// are written in; keys it misses are reported without a line.
fn key_lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let mut arrays: BTreeMap<String, usize> = BTreeMap::new();
    let mut table = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.split_once("]]")) {
            let count = arrays.entry(name.0.trim().to_owned()).or_default();
            table = format!("{}[{count}]", name.0.trim());
            *count += 1;
            lines.entry(table.clone()).or_insert(index + 1);
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            table = name.0.trim().to_owned();
            lines.entry(table.clone()).or_insert(index + 1);
        } else if let Some((key, _)) = line.split_once('=') {
            let key = key.trim();
            if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                let path = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
                lines.entry(path).or_insert(index + 1);
            }
        }
    }
    lines
}

/// Collects problems.
struct Checks {
    lines: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

impl Checks {
    fn problem(&mut self, key: &str, message: String) {
        let line = self.lines.get(key).copied();
        self.problems.push(Problem { line, key: key.to_owned(), message });
    }

    fn require(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.problem(key, message());
        }
    }

    fn spec(&mut self, spec: &Spec) {
        self.require(host_name(&spec.node.name), "node.name", || bad_name(&spec.node.name));
        let interface = &spec.node.interface;
        self.require(interface_name(interface), "node.interface", || {
            format!("`{interface}` is no interface name: 1 to 15 letters, digits, `-_.`")
        });
        self.network(spec);
        self.hosts(spec);
        for (key, units) in [
            ("services.enabled", &spec.services.enabled),
            ("services.disabled", &spec.services.disabled),
        ] {
            for unit in units {
                self.require(unit_name(unit), key, || format!("`{unit}` is no unit name"));
            }
        }
        let bare = |unit: &String| crate::systemd::full_name(unit);
        let disabled: Vec<String> = spec.services.disabled.iter().map(bare).collect();
        for unit in spec.services.enabled.iter().map(bare).filter(|unit| disabled.contains(unit)) {
            self.problem("services.disabled", format!("`{unit}` is in `enabled` as well"));
        }
        self.installer(spec);
        let plan = &spec.image.plan;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        self.require(plan.len() == 64 && plan.chars().all(hex), "image.plan", || {
            "needs the 64 lower-case hexadecimal digits of a SHA-256".to_owned()
        });
    }

    /// The bridge and packstack's answers.
    fn installer(&mut self, spec: &Spec) {
        if let Some(bridge) = &spec.bridge {
            let name = &bridge.name;
            self.require(
                interface_name(name) && *name != spec.node.interface,
                "bridge.name",
                || {
                    format!(
                        "`{name}` cannot be the name of a bridge beside {}",
                        spec.node.interface
                    )
                },
            );
            let datapath = bridge.datapath.as_deref().unwrap_or("system");
            self.require(["system", "netdev"].contains(&datapath), "bridge.datapath", || {
                format!("`{datapath}` is no datapath; known: system, netdev")
            });
        }
        let Some(packstack) = &spec.packstack else { return };
        for (key, path) in [
            ("packstack.admin-password-file", Some(&packstack.admin_password_file)),
            ("packstack.program", packstack.program.as_ref()),
        ] {
            let absolute = path.is_none_or(|path| path.starts_with('/'));
            self.require(absolute, key, || "needs an absolute path".to_owned());
        }
        for (key, value) in &packstack.answers {
            if let Some((message, allowed)) = crate::answers::fault(key, value) {
                let allowed =
                    if allowed.is_empty() { allowed } else { format!("; allowed: {allowed}") };
                self.problem(&format!("packstack.answers.{key}"), message + &allowed);
            }
        }
    }

    fn network(&mut self, spec: &Spec) {
        let network = &spec.network;
        if !(1..=30).contains(&network.prefix) {
            let prefix = network.prefix;
            self.problem("network.prefix", format!("{prefix} is not in 1 to 30"));
            return;
        }
        let (address, gateway) = (spec.node.address, network.gateway);
        self.host_address("node.address", address, address, network.prefix);
        self.host_address("network.gateway", gateway, address, network.prefix);
        self.require(gateway != address, "network.gateway", || {
            format!("{gateway} is this node's own address")
        });
        self.require(!network.dns.contains(&address), "network.dns", || {
            format!("{address} is this node itself: no node of the lab is a DNS server")
        });
        self.require(!network.ntp.is_empty(), "network.ntp", || {
            "needs at least one server".to_owned()
        });
    }

    /// `address` must be one a host can have in the node's network.
    fn host_address(&mut self, key: &str, address: Ipv4Addr, node: Ipv4Addr, prefix: u8) {
        let mask = u32::MAX << (32 - u32::from(prefix));
        let (bits, network) = (u32::from(address), u32::from(node) & mask);
        let usable = bits & mask == network && bits != network && bits != network | !mask;
        self.require(usable, key, || {
            let network = Ipv4Addr::from(network);
            format!("{address} is no host's address in {network}/{prefix}")
        });
    }

    fn hosts(&mut self, spec: &Spec) {
        let node = &spec.node;
        let own = spec.hosts.iter().any(|host| {
            (&host.name, host.address, host.role) == (&node.name, node.address, node.role)
        });
        self.require(own, "hosts", || {
            let (name, address, role) = (&node.name, node.address, node.role.as_str());
            format!("lacks this node ({name}, {address}, {role})")
        });
        for (index, host) in spec.hosts.iter().enumerate() {
            let earlier = &spec.hosts[..index];
            let (name, address) =
                (format!("hosts[{index}].name"), format!("hosts[{index}].address"));
            self.require(host_name(&host.name), &name, || bad_name(&host.name));
            self.require(earlier.iter().all(|other| other.name != host.name), &name, || {
                format!("`{}` is there twice", host.name)
            });
            self.require(
                earlier.iter().all(|other| other.address != host.address),
                &address,
                || format!("{} is there twice", host.address),
            );
        }
    }
}

fn bad_name(name: &str) -> String {
    format!("`{name}` is no host name: labels of a-z, 0-9 and `-`, at most 64 in all")
}

/// RFC 1123 labels, lower case; the kernel keeps at most 64 bytes.
fn host_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 64 && name.split('.').all(label)
}

/// It becomes a part of a file name.
fn interface_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=15).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['-', '.'])
}

/// It becomes an argument of systemctl.
fn unit_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:\\".contains(c);
    (1..=255).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROLLER: &str = include_str!("../../examples/controller.spec.toml");
    const COMPUTE: &str = include_str!("../../examples/compute.spec.toml");

    fn problems(text: &str) -> Vec<String> {
        match Spec::parse(text) {
            Ok(_) => Vec::new(),
            Err(error) => error.problems.iter().map(Problem::to_string).collect(),
        }
    }

    #[test]
    fn the_examples_are_read_and_written_back() {
        for text in [CONTROLLER, COMPUTE] {
            let spec = Spec::parse(text).unwrap();
            let again = Spec::parse(&spec.to_toml().unwrap()).unwrap();
            assert_eq!(spec, again);
        }
        let spec = Spec::parse(CONTROLLER).unwrap();
        let names: Vec<&str> = spec.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["openstack", "nova01", "nova02"]);
        assert_eq!(spec.repositories.len(), 4);
        assert_eq!(spec.node.address, Ipv4Addr::new(192, 168, 1, 10));
    }

    #[test]
    fn another_version_is_refused_before_its_keys_are_judged() {
        let text = CONTROLLER.replace("version = 1", "version = 2\nnews = true");
        assert_eq!(problems(&text).len(), 1);
        assert!(problems(&text)[0].contains("version: 2 is not known here; known: 1"));
    }

    #[test]
    fn wrong_keys_and_types_are_named_by_line_and_key() {
        let line =
            |needle: &str| CONTROLLER.lines().position(|l| l.starts_with(needle)).unwrap() + 1;
        let text = CONTROLLER.replace("prefix = 24", "prefix = \"24\"");
        let found = problems(&text);
        assert!(
            found[0].starts_with(&format!("line {}: network.prefix: ", line("prefix"))),
            "{found:?}"
        );
        let text = CONTROLLER.replace("prefix = 24", "prefix = 24\nmtu = 9000");
        let found = problems(&text);
        assert!(
            found[0]
                .starts_with(&format!("line {}: network.mtu: unknown field", line("prefix") + 1)),
            "{found:?}"
        );
        assert!(problems("version = 1\nlab = ")[0].starts_with("line 2: "));
    }

    #[test]
    fn contradictions_are_all_reported() {
        let text = CONTROLLER
            .replace("gateway = \"192.168.1.254\"", "gateway = \"192.168.2.254\"")
            .replace("name = \"nova02\"", "name = \"nova01\"")
            .replace("\"firewalld\"", "\"firewalld\", \"chronyd.service\", \"--now\"")
            .replace("interface = \"eth0\"", "interface = \"../x\"");
        let found = problems(&text).join("\n");
        for wanted in [
            "network.gateway: 192.168.2.254 is no host's address in 192.168.1.0/24",
            "hosts[2].name: `nova01` is there twice",
            "services.disabled: `chronyd.service` is in `enabled` as well",
            "services.disabled: `--now` is no unit name",
            "node.interface: `../x` is no interface name",
        ] {
            assert!(found.contains(wanted), "lacks `{wanted}`:\n{found}");
        }
        assert_eq!(found.lines().count(), 5, "{found}");
    }

    #[test]
    fn no_node_is_its_own_name_server_or_gateway() {
        let text = CONTROLLER
            .replace("dns = [\"192.168.1.254\"]", "dns = [\"192.168.1.10\"]")
            .replace("gateway = \"192.168.1.254\"", "gateway = \"192.168.1.10\"");
        let found = problems(&text).join("\n");
        assert!(found.contains("network.dns") && found.contains("network.gateway"), "{found}");
    }

    #[test]
    fn no_text_makes_it_panic() {
        for end in 0..CONTROLLER.len() {
            if let Some(text) = CONTROLLER.get(..end) {
                let _ = Spec::parse(text);
            }
        }
        for text in ["=", "[[", "[", "]]", "[[a]]\n[[a]]\n=1", "version = 1\n[a.b]\n\"x y\" = 1"] {
            assert!(Spec::parse(text).is_err());
        }
    }
}
