//! A kickstart against the lab: what it leaves out, refuses or contradicts.

use super::render::Facts;
use super::report::{Fate, Line};
use super::{Kickstart, Network};
use crate::layout::limits;
use crate::plan::node::network::interface;
use crate::problem::Problem;
use crate::spec::Machine;
use std::fmt::Display;

/// Everything in `kickstart` that an image for this node cannot have.
pub fn check(
    kickstart: &Kickstart,
    file: &str,
    facts: &Facts<'_>,
    machine: Option<&Machine>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for line in kickstart.report.iter().filter(|l| l.fate == Fate::Refused) {
        let message = format!("{} cannot be carried out in an image", line.command);
        problems.push(Problem::at(&line.file, (line.line, line.column), message).hint(&line.why));
    }
    let whole = |message: &str, hint: &str| Problem::whole(file, message).hint(hint);
    if kickstart.root.is_none() {
        let hint = "add `rootpw --lock` (login by ssh key), or `rootpw --iscrypted HASH`";
        problems.push(whole("rootpw is missing", hint));
    }
    // A refused layout has been reported; do not ask for its parts as well.
    if !kickstart.report.iter().any(|l| l.fate == Fate::Refused && l.is_storage()) {
        let found = limits::shortcomings(&kickstart.storage, file, machine);
        problems.extend(found.into_iter().map(|p| included(p, kickstart, Line::is_storage)));
    }
    for network in &kickstart.networks {
        let found = contradictions(network, file, facts).into_iter();
        problems.extend(found.map(|p| included(p, kickstart, |l| l.command == "network")));
    }
    problems.extend(times(kickstart, file, facts));
    problems.extend(units(kickstart, file, facts));
    problems.extend(needs(kickstart, file));
    problems
}

/// Packages that a command needs and `%packages` leaves out.
fn needs(kickstart: &Kickstart, file: &str) -> Vec<Problem> {
    let excluded = |name: &&&str| kickstart.packages.excluded.iter().any(|e| e == **name);
    let problem = |name: &&str| {
        let message = format!("the package {name} is left out by %packages and needed");
        let hint = "take the line with a hyphen out, or the command that needs it: firewall, \
                    network, authconfig, or the disk's layout";
        Problem::whole(file, message).hint(hint)
    };
    kickstart.needs().iter().filter(excluded).map(problem).collect()
}

/// The problem, in the file that its line is in: the kickstart or one that it includes.
fn included(mut problem: Problem, kickstart: &Kickstart, about: fn(&Line) -> bool) -> Problem {
    let mut lines = kickstart.report.iter().filter(|l| about(l));
    if let Some(line) = lines.find(|l| l.line == problem.line) {
        problem.file.clone_from(&line.file);
    }
    problem
}

fn at(file: &str, line: usize, message: String) -> Problem {
    Problem::at(file, (line, 1), message)
}

/// Where a `network` line says something else than the lab file.
fn contradictions(network: &Network, file: &str, facts: &Facts<'_>) -> Vec<Problem> {
    let (lab, node) = (facts.network, facts.node);
    let mut problems = Vec::new();
    let hint = "the lab file decides: use the names in double braces, or change it there";
    let mut differ = |what: &str, here: &dyn Display, there: &dyn Display| {
        let message =
            format!("network {what} is {here}, the lab file has {there} for {}", node.name);
        problems.push(at(file, network.line, message).hint(hint));
    };
    if let Some(name) = network.hostname.as_ref().filter(|n| **n != node.name) {
        differ("--hostname", name, &node.name);
    }
    if network.hostname_only {
        return problems;
    }
    let device = interface(network, &lab.interface);
    if device != lab.interface {
        // Other interfaces are the kickstart's own affair, but for the node's address.
        if network.ip == Some(node.address) {
            differ("--device", &device, &lab.interface);
        }
        return problems;
    }
    if network.no_ipv4 {
        differ("--noipv4", &"given", &"a static address");
    }
    if network.off_at_boot {
        differ("--onboot", &"no", &"an interface that starts at boot");
    }
    if network.bootproto != "static" {
        differ("--bootproto", &network.bootproto, &"a static address");
        return problems;
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
    problems
}

fn times(kickstart: &Kickstart, file: &str, facts: &Facts<'_>) -> Option<Problem> {
    let servers = &kickstart.timezone.as_ref()?.ntp_servers;
    let lab: Vec<String> = facts.network.ntp.iter().map(ToString::to_string).collect();
    if servers.is_empty() || *servers == lab {
        return None;
    }
    let message = format!(
        "timezone --ntpservers is {}, the lab file has {}",
        servers.join(","),
        lab.join(",")
    );
    let line = kickstart.report.iter().find(|l| l.command == "timezone").map_or(0, |l| l.line);
    let problem = Problem::at(file, (line, 1), message);
    Some(
        problem
            .hint("the lab file decides: use {{ network.ntp | join(\",\") }}, or change it there"),
    )
}

fn units(kickstart: &Kickstart, file: &str, facts: &Facts<'_>) -> Vec<Problem> {
    let units = kickstart.units(facts.services);
    let both = units.enabled.iter().filter(|u| units.disabled.contains(u));
    both.map(|unit| {
        let message = format!("the service {unit} is both enabled and disabled");
        let hint = "look at [services] of the role's profile, and `services` and `firewall` here";
        Problem::whole(file, message).hint(hint)
    })
    .collect()
}
