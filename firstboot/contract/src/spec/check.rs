//! Whether a spec makes sense as a whole.

use super::model::Spec;
use super::names::{
    bad_host_name, is_host_name, is_interface_name, is_loopback_name, is_unit_name, short_name,
};
use super::units::full_name;
use crate::answers::{AnswerViolation, find_violation};
use crate::diagnostic::{Diagnostic, Severity, TextPlace};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Collects what is wrong with a spec.
pub(super) struct SpecChecker {
    lines: BTreeMap<String, usize>,
    diagnostics: Vec<Diagnostic>,
}

impl SpecChecker {
    /// A checker of a spec whose keys are on these `lines`.
    pub(super) fn new(lines: BTreeMap<String, usize>) -> SpecChecker {
        SpecChecker { lines, diagnostics: Vec::new() }
    }

    /// What was found, in the order of the checks.
    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Adds an error of `key`.
    pub(super) fn report(&mut self, key: &str, message: String, hint: String) {
        let place = TextPlace { line: self.lines.get(key).copied(), column: None };
        let (severity, key) = (Severity::Error, key.to_owned());
        self.diagnostics.push(Diagnostic { severity, place, key, message, hint });
    }

    fn problem(&mut self, key: &str, message: String) {
        self.report(key, message, String::new());
    }

    fn require(&mut self, holds: bool, key: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.problem(key, message());
        }
    }

    /// Checks everything.
    pub(super) fn check_spec(&mut self, spec: &Spec) {
        self.require(is_host_name(&spec.node.name), "node.name", || bad_host_name(&spec.node.name));
        let interface = &spec.node.interface;
        self.require(is_interface_name(interface), "node.interface", || {
            format!("`{interface}` is not an interface name: 1 to 15 letters, digits, `-_.`")
        });
        self.check_network(spec);
        self.check_hosts(spec);
        for (key, units) in [
            ("services.enabled", &spec.services.enabled),
            ("services.disabled", &spec.services.disabled),
        ] {
            for unit in units {
                self.require(is_unit_name(unit), key, || format!("`{unit}` is not a unit name"));
            }
        }
        let bare = |unit: &String| full_name(unit);
        let disabled: Vec<String> = spec.services.disabled.iter().map(bare).collect();
        for unit in spec.services.enabled.iter().map(bare).filter(|unit| disabled.contains(unit)) {
            self.problem("services.disabled", format!("`{unit}` is in `enabled` as well"));
        }
        self.check_installer(spec);
        let plan = &spec.image.plan;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        self.require(plan.len() == 64 && plan.chars().all(hex), "image.plan", || {
            "needs the 64 lower-case hexadecimal digits of a SHA-256".to_owned()
        });
    }

    /// The bridge and packstack's answers.
    fn check_installer(&mut self, spec: &Spec) {
        if let Some(bridge) = &spec.bridge {
            let name = &bridge.name;
            self.require(
                is_interface_name(name) && *name != spec.node.interface,
                "bridge.name",
                || {
                    format!(
                        "`{name}` cannot be the name of a bridge next to {}",
                        spec.node.interface
                    )
                },
            );
            let datapath = bridge.datapath.as_deref().unwrap_or("system");
            self.require(["system", "netdev"].contains(&datapath), "bridge.datapath", || {
                format!("`{datapath}` is not a datapath; known: system, netdev")
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
            if let Some(violation) = find_violation(key, value) {
                let hint = match &violation {
                    AnswerViolation::UnknownKey => String::new(),
                    AnswerViolation::Value { allowed, .. } => format!("allowed: {allowed}"),
                };
                let key = format!("packstack.answers.{key}");
                self.report(&key, violation.message().to_owned(), hint);
            }
        }
    }

    fn check_network(&mut self, spec: &Spec) {
        let network = &spec.network;
        if !(1..=30).contains(&network.prefix) {
            let prefix = network.prefix;
            self.problem("network.prefix", format!("{prefix} is not in 1 to 30"));
            return;
        }
        let (address, gateway) = (spec.node.address, network.gateway);
        self.check_host_address("node.address", address, address, network.prefix);
        self.check_host_address("network.gateway", gateway, address, network.prefix);
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
    fn check_host_address(&mut self, key: &str, address: Ipv4Addr, node: Ipv4Addr, prefix: u8) {
        let mask = u32::MAX << (32 - u32::from(prefix));
        let (bits, network) = (u32::from(address), u32::from(node) & mask);
        let usable = bits & mask == network && bits != network && bits != network | !mask;
        self.require(usable, key, || {
            let network = Ipv4Addr::from(network);
            format!("{address} is not a host's address in {network}/{prefix}")
        });
    }

    fn check_hosts(&mut self, spec: &Spec) {
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
            self.require(is_host_name(&host.name), &name, || bad_host_name(&host.name));
            let short = short_name(&host.name);
            match earlier.iter().find(|other| short_name(&other.name) == short) {
                Some(other) if other.name == host.name => {
                    self.problem(&name, format!("`{}` is given twice", host.name));
                }
                Some(other) => {
                    self.problem(&name, format!("{} is called `{short}` as well", other.name));
                }
                None => {}
            }
            self.require(!is_loopback_name(&host.name), &name, || {
                format!("`{short}` means every machine itself")
            });
            self.require(
                earlier.iter().all(|other| other.address != host.address),
                &address,
                || format!("{} is given twice", host.address),
            );
        }
    }
}
