//! Identity: host name, `/etc/hosts`, `/etc/resolv.conf`, `/etc/sysconfig/network`
//! and the interface's `ifcfg` file. imgbuild wrote them; later changes are reverted.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::Host;
use contract::node_files::{self as files, BridgeSettings};
use contract::spec::Spec;

/// One file of the identity.
struct Part {
    path: String,
    /// What is wrong with it; `None` if nothing is.
    wrong: Option<String>,
    content: String,
}

fn parts(host: &Host, spec: &Spec) -> Result<Vec<Part>, Fault> {
    Ok(vec![
        part(host, files::HOSTNAME, files::hostname(spec), |text| {
            let name = text.trim();
            (name != spec.node.name).then(|| format!("it has `{name}`"))
        })?,
        part(host, files::HOSTS, files::hosts(spec), |text| {
            let holds = files::hosts_hold(spec, text);
            (!holds).then(|| "it differs from the lab's hosts".to_owned())
        })?,
        part(host, files::RESOLV_CONF, files::resolv_conf(spec), |text| {
            let holds = files::resolv_conf_holds(spec, text);
            (!holds).then(|| "it differs from the lab's name servers".to_owned())
        })?,
        part(host, files::NETWORKING, files::networking(), |text| {
            let differences = files::networking_differences(spec, text);
            (!differences.is_empty()).then(|| format!("wrong: {}", differences.join(", ")))
        })?,
        interface(host, spec)?,
    ])
}

/// The interface's file: with the address, or as a port of the bridge where the
/// bridge's own file already has the address.
fn interface(host: &Host, spec: &Spec) -> Result<Part, Fault> {
    let path = files::ifcfg_path(&spec.node.interface);
    let wrong = |differences: Vec<String>| {
        (!differences.is_empty()).then(|| format!("wrong: {}", differences.join(", ")))
    };
    let old = host.read(&path)?.unwrap_or_default();
    if let Some(bridge) = &spec.bridge
        && let Some(text) = host.read(&files::ifcfg_path(&bridge.name))?
        && files::bridge_has_address(spec, &text)
    {
        let settings = BridgeSettings::read(&old, &text, None);
        let content = files::port_ifcfg(spec, bridge, &settings);
        return part(host, &path, content, |text| {
            wrong(files::port_differences(spec, bridge, &settings, text))
        });
    }
    let content = files::renewed_ifcfg(spec, &old);
    part(host, &path, content, |text| wrong(files::ifcfg_differences(spec, text)))
}

/// What is wrong with the file that gives the node its address, if anything.
pub(crate) fn wrong_ifcfg(host: &Host, spec: &Spec) -> Result<Option<String>, Fault> {
    let part = interface(host, spec)?;
    let wrong = part.wrong.map(|wrong| format!("{}: {wrong}", part.path));
    let Some(bridge) = spec.bridge.as_ref().filter(|_| wrong.is_none()) else { return Ok(wrong) };
    let path = files::ifcfg_path(&bridge.name);
    let Some(text) = host.read(&path)?.filter(|text| files::bridge_has_address(spec, text)) else {
        return Ok(None);
    };
    let settings = BridgeSettings::default();
    let differences = files::bridge_differences(spec, bridge, &settings, &text);
    Ok((!differences.is_empty()).then(|| format!("{path}: wrong: {}", differences.join(", "))))
}

/// One file, judged by `wrong`, which returns what is wrong with a text.
fn part(
    host: &Host,
    path: &str,
    content: String,
    wrong: impl Fn(&str) -> Option<String>,
) -> Result<Part, Fault> {
    let wrong = match host.read(path)? {
        Some(text) => wrong(&text),
        None => Some("it does not exist".to_owned()),
    };
    Ok(Part { path: path.to_owned(), wrong, content })
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let mut wrong: Vec<String> = parts(host, spec)?
        .iter()
        .filter_map(|part| Some(format!("{}: {}", part.path, part.wrong.as_ref()?)))
        .collect();
    if host.live() {
        let name = host.runner().host_name()?;
        if name != spec.node.name {
            wrong.push(format!("the host name is `{name}`"));
        }
    }
    if wrong.is_empty() {
        let (name, count) = (&spec.node.name, spec.hosts.len());
        Ok(CheckOutcome::Met(format!(
            "host name {name}, {count} hosts, resolv.conf and ifcfg are right"
        )))
    } else {
        Ok(CheckOutcome::Unmet(wrong.join("; ")))
    }
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    for part in parts(host, spec)?.into_iter().filter(|part| part.wrong.is_some()) {
        host.write(&part.path, part.content.as_bytes(), 0o644)?;
        changes.push(part.path);
    }
    if host.live() && host.runner().host_name()? != spec.node.name {
        host.runner().set_host_name(&spec.node.name)?;
        changes.push(format!("host name {}", spec.node.name));
    }
    Ok(changes)
}
