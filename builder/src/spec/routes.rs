//! `[[route]]` of the lab file: networks that the default gateway does not lead to.

use super::reader::{At, Table};
use super::units::check_interface;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::{LabRoute, Subnet};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const KEYS: [&str; 3] = ["to", "via", "interface"];

const TO_HINT: &str = "the network's first address and its prefix length (1 to 32), as in \
                       \"10.20.0.0/16\"; `network.gateway` is for everything else";

/// Reads the static routes of a lab whose network is `lab`, on `interface`.
pub fn read_routes(root: &Table<'_, '_>, lab: Subnet, interface: &str) -> Vec<LabRoute> {
    let mut routes = Vec::new();
    let mut seen = BTreeSet::new();
    for table in root.tables("route", &KEYS, &[]) {
        let to = table.need_text("to", "\"10.20.0.0/16\"");
        let to = table.parsed(to, TO_HINT, Subnet::parse_destination);
        let via = table.address("via");
        let hint = "an interface of a `network` line of the kickstarts";
        let other = table.parsed(table.text("interface"), hint, check_interface);
        let other = other.map_or_else(|| interface.to_owned(), |i| i.value);
        let Some(to) = to else { continue };
        if to.value == lab {
            table.push(to.error("this is the lab's own network").hint("leave the route out"));
        } else if !seen.insert((to.value.address, to.value.prefix, other.clone())) {
            let message = format!("another route to {} by {other}", to.value);
            table.push(to.error(message).hint("leave one of them out"));
        }
        if let Some(via) = via.as_ref().filter(|via| other == interface && !lab.contains(via.value))
        {
            table.push(outside(via, lab, interface));
        } else if via.is_none() && other == interface {
            let hint =
                format!("for example: via = \"{}\"", Ipv4Addr::from(u32::from(lab.address) + 1));
            let message = format!("a route by {interface} needs the gateway that leads there");
            table.push(to.error(message).hint(hint));
        }
        routes.push(LabRoute { to: to.value, via: via.map(|v| v.value), interface: other });
    }
    routes
}

fn outside(via: &At<Ipv4Addr>, lab: Subnet, interface: &str) -> Diagnostic {
    let message = format!("{} is outside {lab}, the network of {interface}", via.value);
    via.error(message).hint("name the `interface` whose network the gateway is in")
}
