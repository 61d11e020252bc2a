//! After-care: settings of packstack's that do not suit the lab, on every host that it sets up.
//! Each item is about one file and the service that reads it; files that do not exist need no
//! care.

use super::outcome::CheckOutcome;
use super::packstack;
use super::tunnels::find_overlay;
use crate::host::Fault;
use crate::host::Host;
use crate::services::chrony;
use crate::services::iptables;
use crate::services::systemd;
use contract::peers::places::PORT;
use contract::spec::Spec;

/// The Open vSwitch agent's configuration on the network host.
const AGENT: &str = "/etc/neutron/plugins/ml2/openvswitch_agent.ini";
/// Horizon's virtual host. Without this line its WSGI application hangs in a
/// sub-interpreter.
const HORIZON: &str = "/etc/httpd/conf.d/15-horizon_vhost.conf";
const GROUP: &str = "WSGIApplicationGroup %{GLOBAL}";

/// One file to be fixed.
struct Item {
    path: &'static str,
    /// What is wrong with it.
    wrong: String,
    content: String,
    /// What makes the running system follow it.
    then: Then,
}

enum Then {
    Restart(&'static str),
    /// A rule is added to the running firewall.
    Firewall,
}

fn items(host: &Host, spec: &Spec) -> Result<Vec<Item>, Fault> {
    let answers = packstack::installed(host)?;
    let mut items = Vec::new();
    let mut check =
        |path: &'static str, then: Then, right: &dyn Fn(&str) -> Option<(String, String)>| {
            if let Some(text) = host.read(path)?
                && let Some((wrong, content)) = right(&text)
            {
                items.push(Item { path, wrong, content, then });
            }
            Ok::<(), Fault>(())
        };
    // They are of the network host, which the answer file is on; computes have none.
    let mappings = answers.and_then(|answers| answers.get("CONFIG_NEUTRON_OVS_BRIDGE_MAPPINGS"));
    let mappings = mappings.unwrap_or_default();
    check(AGENT, Then::Restart("neutron-openvswitch-agent"), &|text| {
        (!mappings.is_empty()).then(|| with_mappings(text, &mappings)).flatten()
    })?;
    check(chrony::CONF, Then::Restart("chronyd"), &|text| {
        let ntp = &spec.network.ntp;
        let wrong = format!("{} does not name the lab's servers with iburst", chrony::CONF);
        (!chrony::conf_holds(text, ntp)).then(|| (wrong, chrony::conf_with(text, ntp)))
    })?;
    check(iptables::RULES, Then::Firewall, &|text| iptables::rules_with_port(text, PORT))?;
    check(HORIZON, Then::Restart("httpd"), &with_group)?;
    Ok(items)
}

/// Whether packstack has set this node up: a compute knows it from the controller.
fn is_set_up(host: &Host, spec: &Spec) -> Result<bool, Fault> {
    match spec.packstack {
        Some(_) => Ok(packstack::installed(host)?.is_some()),
        None => Ok(find_overlay(host, spec)?
            .is_some_and(|overlay| overlay.hosts.contains(&spec.node.address))),
    }
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    if !host.live() || !is_set_up(host, spec)? {
        return Ok(CheckOutcome::Skipped("packstack has installed nothing here".to_owned()));
    }
    let items = items(host, spec)?;
    if items.is_empty() {
        let more = if spec.packstack.is_some() { ", bridge mappings and Horizon" } else { "" };
        let text = format!("chrony.conf and iptables{more} are as the lab needs them");
        return Ok(CheckOutcome::Met(text));
    }
    let wrong: Vec<String> = items.into_iter().map(|item| item.wrong).collect();
    Ok(CheckOutcome::Unmet(wrong.join("; ")))
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    for item in items(host, spec)? {
        host.replace(item.path, item.content.as_bytes())?;
        changes.push(item.path.to_owned());
        match item.then {
            Then::Restart(unit) => changes.push(systemd::change(host, "restart", unit)?),
            Then::Firewall => changes.push(iptables::open_port_now(host, PORT)?),
        }
    }
    Ok(changes)
}

/// `text` (an ini file) with `bridge_mappings` in `[ovs]`, and what was wrong. packstack 9
/// leaves them out where the last host that it decided about makes no bridges; the lab's own
/// answers have it make them on every host, and a profile may have other ones.
fn with_mappings(text: &str, mappings: &str) -> Option<(String, String)> {
    let (mut section, mut placed) = ("", false);
    let (mut out, mut found) = (String::new(), None);
    let wanted = format!("bridge_mappings = {mappings}\n");
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        if bare.starts_with('[') {
            if section == "[ovs]" && !placed {
                out += &wanted;
                placed = true;
            }
            section = bare;
        }
        if section == "[ovs]"
            && let Some((key, value)) = bare.split_once('=')
            && key.trim() == "bridge_mappings"
        {
            found = Some(value.trim());
            if !placed {
                out += &wanted;
                placed = true;
            }
            continue;
        }
        out += line;
    }
    if found == Some(mappings) {
        return None;
    }
    if !placed {
        out += if out.is_empty() || out.ends_with('\n') { "" } else { "\n" };
        out += if section == "[ovs]" { "" } else { "[ovs]\n" };
        out += &wanted;
    }
    let is = found.map_or("missing".to_owned(), |value| format!("`{value}`"));
    Some((format!("{AGENT}: bridge_mappings is {is} in place of `{mappings}`"), out))
}

/// `text` (a virtual host) with its WSGI application in the main interpreter, and what
/// was wrong.
fn with_group(text: &str) -> Option<(String, String)> {
    let holds = text.lines().any(|line| line.trim().starts_with("WSGIApplicationGroup "));
    if holds || !text.contains("</VirtualHost>") {
        return None;
    }
    let out = text.replacen("</VirtualHost>", &format!("  {GROUP}\n</VirtualHost>"), 1);
    Some((format!("{HORIZON} lacks `{GROUP}`"), out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_put_into_their_section() {
        let wanted = "[ovs]\nbridge_mappings = physnet1:br-ex\n";
        for (text, right) in [
            (
                "[ovs]\nbridge_mappings =\n[agent]\nx=1\n",
                "[ovs]\nbridge_mappings = physnet1:br-ex\n[agent]\nx=1\n",
            ),
            (
                "[ovs]\nlocal_ip = 1\n[agent]\n",
                "[ovs]\nlocal_ip = 1\nbridge_mappings = physnet1:br-ex\n[agent]\n",
            ),
            ("[ovs]", wanted),
            ("", wanted),
            (
                "[agent]\nbridge_mappings = physnet1:br-ex\n",
                "[agent]\nbridge_mappings = physnet1:br-ex\n[ovs]\nbridge_mappings = physnet1:br-ex\n",
            ),
        ] {
            let (wrong, out) = with_mappings(text, "physnet1:br-ex").unwrap();
            assert_eq!(out, right, "{text:?}");
            assert!(wrong.contains("bridge_mappings is"));
            assert_eq!(with_mappings(&out, "physnet1:br-ex"), None);
        }
    }

    #[test]
    fn horizon_gets_its_group_once() {
        let vhost = "<VirtualHost *:80>\n  WSGIProcessGroup apache\n</VirtualHost>\n";
        let (_, out) = with_group(vhost).unwrap();
        assert!(
            out.ends_with("apache\n  WSGIApplicationGroup %{GLOBAL}\n</VirtualHost>\n"),
            "{out}"
        );
        assert_eq!(with_group(&out), None);
        assert_eq!(with_group("no host here"), None);
    }
}
