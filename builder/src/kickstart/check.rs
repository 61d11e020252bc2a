//! A kickstart against the lab: what it leaves out, refuses or contradicts.

use super::render::Facts;
use super::report::Fate;
use super::{Kickstart, Mount, Network, Selinux};
use crate::problem::Problem;
use crate::profile::{Machine, show_size};
use std::fmt::Display;

/// GRUB's core image with ext4 and GPT takes about 60 KiB; partitions are whole MiB.
const MIN_BIOS_BOOT: u64 = 1;
/// FAT32 begins above 65525 clusters; 34 MiB with 512-byte clusters, so 40.
const MIN_EFI: u64 = 40;
/// A node with OpenStack's packages takes about 2 GiB.
const MIN_ROOT: u64 = 2048;
/// GPT at both ends, and the first partition's alignment.
const TABLE: u64 = 2;

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
        problems.push(Problem::at(file, (line.line, 1), message).hint(&line.why));
    }
    let whole = |message: &str, hint: &str| Problem::whole(file, message).hint(hint);
    if kickstart.root.is_none() {
        let hint = "add `rootpw --lock` (login by ssh key), or `rootpw --iscrypted HASH`";
        problems.push(whole("rootpw is missing", hint));
    }
    if kickstart.selinux == Some(Selinux::Enforcing) {
        problems.push(whole(
            "selinux --enforcing is not possible yet: files in images have no labels",
            "write selinux --permissive",
        ));
    }
    problems.extend(partitions(kickstart, file, machine));
    for network in &kickstart.networks {
        problems.extend(contradictions(network, file, facts));
    }
    problems.extend(times(kickstart, file, facts));
    problems.extend(units(kickstart, file, facts));
    problems
}

fn at(file: &str, line: usize, message: String) -> Problem {
    Problem::at(file, (line, 1), message)
}

fn partitions(kickstart: &Kickstart, file: &str, machine: Option<&Machine>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let parts = [
        (Mount::BiosBoot, "part biosboot", MIN_BIOS_BOOT, "--fstype=biosboot --size=2"),
        (Mount::Efi, "part /boot/efi", MIN_EFI, "--fstype=efi --size=200"),
        (Mount::Root, "part /", MIN_ROOT, "--fstype=ext4 --size=4096 --grow"),
    ];
    // A refused layout has been reported; do not ask for its parts as well.
    let refused = kickstart.report.iter().any(|l| {
        l.fate == Fate::Refused
            && ["part", "partition", "autopart", "logvol"].contains(&l.command.as_str())
    });
    for (mount, name, least, example) in parts {
        match kickstart.partitions.iter().find(|p| p.mount == mount) {
            None if refused => {}
            None => {
                let problem = Problem::whole(file, format!("{name} is missing"));
                problems.push(problem.hint(format!("add: {name} {example}")));
            }
            Some(part) if part.size < least => {
                let message = format!("{name}: {} MiB is too small", part.size);
                let hint = format!("give --size={least} or more (MiB)");
                problems.push(at(file, part.line, message).hint(hint));
            }
            Some(_) => {}
        }
    }
    let growing: Vec<_> =
        kickstart.partitions.iter().filter(|p| p.grow && p.mount != Mount::Root).collect();
    for part in growing {
        let message = "only / can grow".to_owned();
        problems.push(at(file, part.line, message).hint("leave --grow out here"));
    }
    let total: u64 = kickstart.partitions.iter().map(|p| p.size).sum::<u64>() + TABLE;
    if let Some(machine) = machine
        && total << 20 > machine.disk
        && let Some(last) = kickstart.partitions.last()
    {
        let message = format!(
            "the partitions need {}, the disk has {}",
            show_size(total << 20),
            show_size(machine.disk)
        );
        problems.push(
            at(file, last.line, message)
                .hint("make `disk` larger in the role's profile, or --size smaller"),
        );
    }
    problems
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
    if network.device.as_ref().is_some_and(|d| *d != lab.interface && d != "link") {
        differ("--device", &network.device.as_deref().unwrap_or(""), &lab.interface);
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
