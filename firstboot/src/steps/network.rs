//! Network: the interface exists, is up, has the node's address, and the default
//! route leads to the gateway. Where it does not by itself, network.service is
//! restarted; it reads the `ifcfg` files that the identity step has fixed.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::{Host, Interface, Program};
use crate::services::systemd;
use contract::spec::Spec;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// The unit that brings interfaces up on CentOS 7.
const UNIT: &str = "network";
/// The kernel's neighbours with their hardware addresses, and the flag of those known.
const NEIGHBOURS: &str = "/proc/net/arp";
const COMPLETE: u32 = 2;
/// A port that hardly anyone serves: a refusal is as good an answer.
const ECHO: u16 = 7;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// The kernel's IPv4 routes.
const ROUTES: &str = "/proc/net/route";

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    if !host.live() {
        return Ok(CheckOutcome::Skipped("interfaces are those of the running node".to_owned()));
    }
    match judge_interface(host, spec)? {
        Ok(state) => return Ok(state),
        Err(wrong) if systemd::show_one(host, UNIT)?.changing() => {
            return Ok(CheckOutcome::Waiting(format!("network.service to finish ({wrong})")));
        }
        Err(_) => {}
    }
    // It may have finished since the interface was checked.
    Ok(judge_interface(host, spec)?.unwrap_or_else(CheckOutcome::Unmet))
}

/// The interface's status, or what is wrong as long as network.service is not at work.
fn judge_interface(host: &Host, spec: &Spec) -> Result<Result<CheckOutcome, String>, Fault> {
    let interfaces = host.runner().interfaces()?;
    let wanted = &spec.node.interface;
    let Some(interface) = interfaces.iter().find(|one| one.name == *wanted) else {
        let names: Vec<&str> = interfaces.iter().map(|one| one.name.as_str()).collect();
        let there = names.join(", ");
        let text = format!("interface {wanted} to appear (there are: {there})");
        return Ok(Ok(CheckOutcome::Waiting(text)));
    };
    if !interface.carrier && interface.up {
        let text = format!("a carrier on {wanted}: is its cable plugged in?");
        return Ok(Ok(CheckOutcome::Waiting(text)));
    }
    // Once the interface is a port of the bridge, the bridge has the address.
    let own = (spec.node.address, spec.network.prefix);
    let bridge = spec.bridge.as_ref().and_then(|bridge| {
        let of_name = interfaces.iter().find(|one| one.name == bridge.name)?;
        (of_name.addresses.contains(&own) && !interface.addresses.contains(&own)).then_some(of_name)
    });
    let carrier = bridge.unwrap_or(interface);
    if let Some(wrong) = wrong_link(carrier, spec) {
        return Ok(Err(wrong));
    }
    let wanted = &carrier.name;
    let routes = host.read(ROUTES)?.unwrap_or_default();
    let gateway = default_gateway(&routes, wanted);
    let (address, prefix) = (spec.node.address, spec.network.prefix);
    Ok(match gateway {
        Some(gateway) if gateway == spec.network.gateway => Ok(CheckOutcome::Met(format!(
            "{wanted} is up with {address}/{prefix}, gateway {gateway}"
        ))),
        Some(other) => Err(format!("the default route over {wanted} leads to {other}")),
        None => Err(format!("there is no default route over {wanted}")),
    })
}

/// What is wrong with the interface's state and address.
fn wrong_link(interface: &Interface, spec: &Spec) -> Option<String> {
    let (name, wanted) = (&interface.name, (spec.node.address, spec.network.prefix));
    if interface.addresses.contains(&wanted) {
        return (!interface.up).then(|| format!("{name} is switched off"));
    }
    let has: Vec<String> =
        interface.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect();
    let has = if has.is_empty() { "no address".to_owned() } else { has.join(", ") };
    Some(format!("{name} lacks {}/{} (it has {has})", wanted.0, wanted.1))
}

pub(super) fn apply(host: &Host) -> Result<Vec<String>, Fault> {
    Ok(vec![systemd::change(host, "restart", UNIT)?])
}

/// How an address on this network answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// Not at all.
    None,
    /// To the question for its hardware address; some gateways drop everything else.
    Arp,
    /// By taking a connection or refusing it.
    Ip,
}

/// How `address` answers now.
pub(crate) fn answer(host: &Host, address: Ipv4Addr) -> Result<Answer, Fault> {
    // What the kernel remembers of it must not count.
    let text = address.to_string();
    let forget = Program::new("ip").args(["neighbour", "flush", "to", &text]);
    host.run(&forget)?;
    match host.runner().reach(SocketAddrV4::new(address, ECHO), ANSWER) {
        Ok(()) => return Ok(Answer::Ip),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(Answer::Ip),
        Err(_) => {}
    }
    let table = host.read(NEIGHBOURS)?.unwrap_or_default();
    let known = table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let flags = fields.get(2).and_then(|flags| flags.strip_prefix("0x"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags, 16).ok());
        fields.first() == Some(&text.as_str()) && flags.is_some_and(|flags| flags & COMPLETE != 0)
    });
    Ok(if known { Answer::Arp } else { Answer::None })
}

/// The gateway of the default route over `interface` in `/proc/net/route`
/// (addresses there are hexadecimal in host byte order, proc(5)).
fn default_gateway(routes: &str, interface: &str) -> Option<Ipv4Addr> {
    routes.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, destination, gateway, _flags, _, _, _metric, mask, ..] = fields[..] else {
            return None;
        };
        if name != interface || destination != "00000000" || mask != "00000000" {
            return None;
        }
        let bits = u32::from_str_radix(gateway, 16).ok().filter(|bits| *bits != 0)?;
        Some(Ipv4Addr::from(bits.to_ne_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_is_read() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n\
                      eth1\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                      eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
                      eth0\t00000000\tFE01A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert_eq!(default_gateway(routes, "eth0"), Some(Ipv4Addr::new(192, 168, 1, 254)));
        assert_eq!(default_gateway(routes, "eth2"), None);
        assert_eq!(default_gateway("", "eth0"), None);
        assert_eq!(default_gateway("Iface\neth0\t00000000", "eth0"), None);
    }
}
