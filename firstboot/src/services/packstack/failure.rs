//! Why a run of packstack failed: the host, the cause and what helps.

use super::SUCCESS;
use super::causes::{Cause, find_cause};
use super::evidence::{Evidence, describe_host};
use super::printed::{ended_by_itself, find_error_block, find_failed_step, list_manifests_at_work};
use crate::host::{Fault, Host};
use crate::peers::computes::list_silent_hosts;
use contract::spec::Spec;

/// What follows every hint.
const RETRY: &str = "; then `firstboot retry packstack`";

/// Whether a run that printed `lines` succeeded; `code` is its exit code, where known.
pub fn is_success(lines: &[String], code: Option<i32>) -> bool {
    code.is_none_or(|code| code == 0) && lines.iter().any(|line| line.contains(SUCCESS))
}

/// Why the run that printed `lines` and ended with the exit code `code` failed. The last
/// traceback of packstack's own log is noted.
pub fn explain(host: &Host, spec: &Spec, lines: &[String], code: Option<i32>) -> Fault {
    let ended = match code {
        None if ended_by_itself(lines) => "packstack failed".to_owned(),
        Some(0) => format!("packstack ended without printing \"{SUCCESS}\""),
        Some(code) => format!("packstack ended with exit code {code}"),
        None => "packstack was killed".to_owned(),
    };
    let evidence = Evidence::collect(host, spec, lines);
    for line in &evidence.traceback {
        host.note_output("openstack-setup.log", line);
    }
    let logs = match evidence.logs.as_slice() {
        [] => String::new(),
        logs => format!("; see {} on {}", logs.join(", "), evidence.node),
    };
    if find_error_block(lines).is_empty() {
        let Cause { what, hint } = explain_without_error(host, spec, lines, code);
        return Fault::new(format!("{ended} {what}{logs}")).hint(format!("{hint}{RETRY}"));
    }
    let step = find_failed_step(lines).map(|step| format!(" at `{step}`")).unwrap_or_default();
    let place = evidence.address.map(|address| format!("{}: ", describe_host(spec, address)));
    let place = place.unwrap_or_default();
    let (what, hint) = match find_cause(&evidence) {
        Some(Cause { what, hint }) => (format!("{what} [{}]", evidence.show()), hint),
        None => (evidence.show(), "fix what the log names".to_owned()),
    };
    Fault::new(format!("{ended}{step}: {place}{what}{logs}")).hint(format!("{hint}{RETRY}"))
}

/// What can be said of a run that ended without a word on its error.
fn explain_without_error(host: &Host, spec: &Spec, lines: &[String], code: Option<i32>) -> Cause {
    let at_work = list_manifests_at_work(lines);
    if at_work.is_empty() || code.is_some() {
        let last = lines.last().map_or("the beginning", |line| line.trim());
        let hint = "`firstboot logs packstack` shows its output; fix the cause".to_owned();
        return Cause { what: format!("after `{last}`"), hint };
    }
    let hosts: Vec<_> = at_work.iter().map(|manifest| manifest.address).collect();
    let names: Vec<String> = at_work
        .iter()
        .map(|manifest| format!("{} on {}", manifest.name, describe_host(spec, manifest.address)))
        .collect();
    let what = format!("while it applied {}", names.join(", "));
    let lost = list_silent_hosts(host, spec, |one| hosts.contains(&one.address));
    let puppet = "puppet may go on there, and is waited for before another start";
    if lost.is_empty() {
        return Cause { what, hint: puppet.to_owned() };
    }
    let hint = format!("see that it is on and that {} reaches it; {puppet}", spec.node.name);
    Cause { what: format!("{what}; {}", lost.join("; ")), hint }
}
