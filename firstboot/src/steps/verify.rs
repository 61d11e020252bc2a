//! Verification: the cloud is asked, service by service; each answer is the evidence.

use super::outcome::CheckOutcome;
use super::packstack;
use crate::host::Fault;
use crate::host::{Host, Note};
use crate::services::openstack;
use contract::spec::Spec;

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let installed = if host.live() { packstack::installed(host)? } else { None };
    let Some(answers) = installed else {
        return Ok(CheckOutcome::Skipped("packstack has installed nothing here".to_owned()));
    };
    let services = openstack::ask_all(host, spec, &answers);
    let (good, bad): (Vec<_>, Vec<_>) = services.iter().partition(|service| service.ok);
    let names: Vec<&str> = good.iter().map(|service| service.name.as_str()).collect();
    let bad: Vec<String> =
        bad.iter().map(|service| format!("{}: {}", service.name, service.evidence)).collect();
    let text = format!("{} answer as they should", names.join(", "));
    services.into_iter().for_each(|service| host.note(Note::Service(service)));
    Ok(if bad.is_empty() {
        CheckOutcome::Met(text)
    } else {
        CheckOutcome::Waiting(format!("OpenStack to work ({})", bad.join("; ")))
    })
}
