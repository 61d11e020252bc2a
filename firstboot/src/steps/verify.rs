//! Verification: the cloud is asked, service by service; each answer is the evidence.

use super::outcome::CheckOutcome;
use super::packstack;
use super::step::Step;
use crate::host::Fault;
use crate::host::{Host, Note};
use crate::services::openstack;
use contract::spec::Spec;
use contract::status::ServiceState;

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let installed = if host.live() { packstack::installed(host)? } else { None };
    let Some(answers) = installed else {
        return Ok(CheckOutcome::Skipped("packstack has installed nothing here".to_owned()));
    };
    let services = openstack::ask_all(host, spec, &answers, host.time_since(Step::Verify.name()));
    let (good, bad): (Vec<_>, Vec<_>) = services.iter().partition(|service| service.ok);
    let names: Vec<&str> = good.iter().map(|service| service.name.as_str()).collect();
    let bad = describe_faults(&bad);
    let text = format!("{} answer as they should", names.join(", "));
    services.into_iter().for_each(|service| host.note(Note::Service(service)));
    Ok(if bad.is_empty() {
        CheckOutcome::Met(text)
    } else {
        CheckOutcome::Waiting(format!("OpenStack to work ({})", bad.join("; ")))
    })
}

/// Each fault, with the services that have it before it.
fn describe_faults(bad: &[&ServiceState]) -> Vec<String> {
    let mut faults: Vec<(&str, Vec<&str>)> = Vec::new();
    for service in bad {
        match faults.iter_mut().find(|(evidence, _)| *evidence == service.evidence) {
            Some((_, names)) => names.push(&service.name),
            None => faults.push((&service.evidence, vec![&service.name])),
        }
    }
    faults.iter().map(|(evidence, names)| format!("{}: {evidence}", names.join(", "))).collect()
}
