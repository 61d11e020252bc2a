//! A kickstart against the lab: what it leaves out, refuses or contradicts.

use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;
use crate::kickstart::{Fate, Kickstart, NetworkCommand, TemplateFacts};
use crate::layout::{Arrangement, arrange, find_shortcomings};
use std::fmt::Display;

/// Checks a kickstart against the lab. Returns where everything is on the machine's disk, if the
/// machine is known.
///
/// # Errors
/// Everything in `kickstart` that an image for this node cannot have.
pub fn check_consistency(
    kickstart: &Kickstart,
    file: &str,
    facts: &TemplateFacts<'_>,
    machine: Option<&LabMachine>,
) -> Result<Option<Arrangement>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    for line in kickstart.report.iter().filter(|l| l.fate == Fate::Refused) {
        let message = format!("{} cannot be carried out in an image", line.command);
        errors.push(Diagnostic::error(line.place.clone(), message).hint(&line.why));
    }
    if kickstart.root.is_none() {
        let hint = "add `rootpw --lock` (login by ssh key), or `rootpw --iscrypted HASH`";
        errors.push(Diagnostic::of_file(file, "rootpw is missing").hint(hint));
    }
    let mut arrangement = None;
    // A refused layout has been reported; do not ask for its parts as well.
    if !kickstart.report.iter().any(|l| l.fate == Fate::Refused && l.is_storage()) {
        errors.extend(find_shortcomings(&kickstart.storage, file));
        match machine.map(|machine| arrange(&kickstart.storage, machine)).transpose() {
            Ok(arranged) => arrangement = arranged,
            Err(found) => errors.extend(found),
        }
    }
    errors.extend(kickstart.networks.iter().flat_map(|n| find_contradictions(n, facts)));
    errors.extend(check_time_servers(kickstart, facts));
    errors.extend(check_units(kickstart, file, facts));
    errors.extend(check_excluded_packages(kickstart, file));
    if errors.is_empty() { Ok(arrangement) } else { Err(errors) }
}

/// Packages that a command needs and `%packages` leaves out.
fn check_excluded_packages(kickstart: &Kickstart, file: &str) -> Vec<Diagnostic> {
    let excluded = |name: &&&str| kickstart.packages.excluded.iter().any(|e| e == **name);
    let error = |name: &&str| {
        let message = format!("the package {name} is left out by %packages and needed");
        let hint = "remove the line with a hyphen, or the command that needs it: firewall, \
                    network, authconfig, or the disk's layout";
        Diagnostic::of_file(file, message).hint(hint)
    };
    kickstart.required_packages().iter().filter(excluded).map(error).collect()
}

/// Where a `network` line says something else than the lab file.
fn find_contradictions(network: &NetworkCommand, facts: &TemplateFacts<'_>) -> Vec<Diagnostic> {
    let (lab, node) = (facts.network, facts.node);
    let mut errors = Vec::new();
    let hint = "the lab file decides: use the names in double braces, or change it there";
    let mut differ = |what: &str, here: &dyn Display, there: &dyn Display| {
        let message =
            format!("network {what} is {here}, the lab file has {there} for {}", node.name);
        errors.push(Diagnostic::error(network.place.clone(), message).hint(hint));
    };
    if let Some(name) = network.hostname.as_ref().filter(|n| **n != node.name) {
        differ("--hostname", name, &node.name);
    }
    if network.hostname_only {
        return errors;
    }
    let device = network.interface(&lab.interface);
    if device != lab.interface {
        // Other interfaces are the kickstart's affair, except for the node's address.
        if network.ip == Some(node.address) {
            differ("--device", &device, &lab.interface);
        }
        return errors;
    }
    if network.no_ipv4 {
        differ("--noipv4", &"given", &"a static address");
    }
    if network.off_at_boot {
        differ("--onboot", &"no", &"an interface that starts at boot");
    }
    if network.bootproto != "static" {
        differ("--bootproto", &network.bootproto, &"a static address");
        return errors;
    }
    let netmask = lab.subnet.netmask();
    for (what, here, there) in [
        ("--ip", network.ip, node.address),
        ("--netmask", network.netmask, netmask),
        ("--gateway", network.gateway, lab.gateway),
    ] {
        match here {
            Some(here) if here != there => differ(what, &here, &there),
            None if what == "--ip" => differ(what, &"missing", &there),
            _ => {}
        }
    }
    let list = |servers: &[std::net::Ipv4Addr]| {
        servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    if !network.nameservers.is_empty() && network.nameservers != lab.dns {
        differ("--nameserver", &list(&network.nameservers), &list(&lab.dns));
    }
    errors
}

fn check_time_servers(kickstart: &Kickstart, facts: &TemplateFacts<'_>) -> Option<Diagnostic> {
    let timezone = kickstart.timezone.as_ref()?;
    let servers = &timezone.ntp_servers;
    let lab: Vec<String> = facts.network.ntp.iter().map(ToString::to_string).collect();
    if servers.is_empty() || *servers == lab {
        return None;
    }
    let message = format!(
        "timezone --ntpservers is {}, the lab file has {}",
        servers.join(","),
        lab.join(",")
    );
    let hint = "the lab file decides: use {{ network.ntp | join(\",\") }}, or change it there";
    Some(Diagnostic::error(timezone.place.clone(), message).hint(hint))
}

fn check_units(kickstart: &Kickstart, file: &str, facts: &TemplateFacts<'_>) -> Vec<Diagnostic> {
    let units = kickstart.merge_units(facts.services);
    let both = units.enabled.iter().filter(|u| units.disabled.contains(u));
    both.map(|unit| {
        let message = format!("the service {unit} is both enabled and disabled");
        let hint = "look at [services] of the role's profile, and `services` and `firewall` here";
        Diagnostic::of_file(file, message).hint(hint)
    })
    .collect()
}
