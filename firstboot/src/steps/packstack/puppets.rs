//! puppet on the hosts while packstack runs, and what it leaves running when it is killed.

use crate::host::{Fault, Host};
use crate::services::packstack::evidence::describe_host;
use crate::services::packstack::printed::list_manifests_at_work;
use crate::services::packstack::puppet::{self, PuppetReport};
use contract::node_files::{AUTHORIZED_KEYS, ROOT_KEY};
use contract::spec::{Spec, SpecPackstack};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Without news for this long it hangs; one of Newton's manifests can take half an hour
/// on a slow machine.
const STALL: Duration = Duration::from_secs(45 * 60);
/// A host is asked about puppet at most this often: it costs a login.
const EVERY: Duration = Duration::from_secs(15);

/// What an answer begins with; without an answer there is no text.
const ANSWERED: &str = "answered\n";

/// puppet on one host.
pub(super) struct Puppet {
    pub(super) address: Ipv4Addr,
    /// What the host answered last, if it did.
    pub(super) report: Option<PuppetReport>,
    /// The answer as it is.
    pub(super) text: String,
}

/// How long a run may be without news.
pub(super) fn find_stall(packstack: &SpecPackstack) -> Duration {
    packstack.stall_seconds.map_or(STALL, Duration::from_secs)
}

/// How often a host is asked.
fn find_pace(stall: Duration) -> Duration {
    EVERY.min(stall / 8)
}

/// puppet on the hosts whose manifests are being applied, as packstack's output `lines` has
/// them. At most one host is asked at a time, the one that has waited longest.
pub(super) fn look_at_work(
    host: &Host,
    spec: &Spec,
    lines: &[String],
    stall: Duration,
) -> Vec<Puppet> {
    let name = |address: Ipv4Addr| format!("puppet on {address}");
    let mut addresses: Vec<Ipv4Addr> =
        list_manifests_at_work(lines).iter().map(|manifest| manifest.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let next = addresses.iter().copied().min_by_key(|one| host.last_asked(&name(*one)));
    let ask = |address: Ipv4Addr| {
        let answer = puppet::ask(host, spec, address);
        // Why there is none differs from time to time, and is no news.
        answer.map_or_else(|_| String::new(), |text| format!("{ANSWERED}{text}"))
    };
    let look = |address: Ipv4Addr| {
        let name = name(address);
        let text = if Some(address) == next {
            host.watch(&name, find_pace(stall), || ask(address)).text
        } else {
            host.last_answer(&name).map(|last| last.text).unwrap_or_default()
        };
        let report = text.strip_prefix(ANSWERED).map(PuppetReport::parse);
        Puppet { address, report, text }
    };
    addresses.into_iter().map(look).collect()
}

/// puppet that an earlier run has left on the hosts, in words. Each host is asked until it
/// answers that there is none; puppet that is silent for `stall` is ended.
pub(super) fn list_leftovers(host: &Host, spec: &Spec, stall: Duration) -> Vec<String> {
    let mut found = Vec::new();
    for address in spec.hosts.iter().map(|one| one.address) {
        let name = format!("left-over puppet on {address}");
        let none = |text: &str| PuppetReport::parse(text).processes.is_empty();
        if host.last_answer(&name).is_some_and(|last| none(&last.text)) {
            continue;
        }
        // A host that does not answer is one in which nobody can log in before the start.
        let ask = || puppet::ask(host, spec, address).unwrap_or_default();
        let watched = host.watch(&name, find_pace(stall), ask);
        let report = PuppetReport::parse(&watched.text);
        let Some(last) = report.processes.last() else { continue };
        let place = describe_host(spec, address);
        let mut text = format!("{} on {place} (process {})", last.manifest, last.id);
        if watched.silent >= stall {
            let silent = watched.silent.as_secs();
            end(host, spec, address, &format!("was silent for {silent} s"));
            host.forget_answer(&name);
        }
        if let Some(notice) = report.notice {
            text += &format!(", at `{notice}`");
        }
        found.push(text);
    }
    found
}

/// Ends puppet on the host at `address`, and notes that and why.
pub(super) fn end(host: &Host, spec: &Spec, address: Ipv4Addr, why: &str) {
    let place = describe_host(spec, address);
    let line = match puppet::stop(host, spec, address) {
        Ok(()) => format!("puppet on {place} {why}: ended by firstboot"),
        Err(fault) => format!("puppet on {place} {why}, and cannot be ended: {fault}"),
    };
    host.note_output("puppet", &line);
}

/// Logs in on every host as packstack will, and sees that no puppet runs there; how many
/// hosts let us in. One that does not is a fault if `all` must.
pub(super) fn log_in_everywhere(host: &Host, spec: &Spec, all: bool) -> Result<usize, Fault> {
    let mut reached = 0;
    for one in &spec.hosts {
        let report = match puppet::ask_over_ssh(host, one.address) {
            Ok(text) => PuppetReport::parse(&text),
            Err(_) if !all => continue,
            Err(fault) => {
                let text = format!("{} does not accept root's key ({fault})", one.name);
                return Err(Fault::new(text).hint(format!(
                    "put the public part of {ROOT_KEY} into {AUTHORIZED_KEYS} of {}",
                    one.name
                )));
            }
        };
        if let Some(process) = report.processes.first() {
            let (id, name) = (process.id, &one.name);
            return Err(Fault::new(format!("puppet of another run is on {name} (process {id})")));
        }
        reached += 1;
    }
    Ok(reached)
}
