//! OpenStack's APIs, asked whether the cloud works: a token of Keystone, and with it
//! the state of every service that the answer file installs.

mod apis;
mod bus;
mod findings;
mod judge;
mod metering;
mod pages;
pub(crate) mod session;

use crate::host::Host;
use crate::services::answer_file::AnswerFile;
use apis::APIS;
use contract::spec::{LabHost, Role, Spec};
use contract::status::ServiceState;
use contract::time;
use findings::to_state;
use judge::Expected;
use session::{Login, Session};
use std::time::Duration;

/// Keystone's public port.
const KEYSTONE: u16 = 5000;

/// nova and cinder send a heartbeat every 10 s, neutron's agents every 30 s. One that was sent
/// before the check may arrive after it began; the next one may not.
const BEAT: Duration = Duration::from_secs(10);

/// Asks every installed service; one entry each, Keystone first. The check has been under way
/// for `checking`: only heartbeats of that time count, so for the first 40 s a healthy service
/// may seem silent.
pub fn ask_all(
    host: &Host,
    spec: &Spec,
    answers: &AnswerFile,
    checking: Duration,
) -> Vec<ServiceState> {
    let address = controller(spec);
    let mut services = Vec::new();
    let session =
        Login::admin(answers).and_then(|login| Session::open(host, &keystone(spec), &login));
    let expected = expected(host, spec, answers, checking);
    let (evidence, session) = match session {
        Ok(session) => (Ok(session.evidence()), Ok(session)),
        Err(why) => (Err(why.clone()), Err(format!("not asked, as Keystone gave no token: {why}"))),
    };
    services.push(to_state("keystone", evidence));
    services.push(to_state("rabbitmq", bus::ask(host, answers, address)));
    for api in APIS {
        let (key, usual) = api.key;
        if answers.get(key).as_deref().unwrap_or(usual) != "y" {
            continue;
        }
        let judged = session.as_ref().map_err(Clone::clone).and_then(|session| {
            let mut evidence = Vec::new();
            for (path, judge) in api.questions {
                evidence.push(judge(&session.get(api.kinds, path)?, &expected)?);
            }
            Ok(evidence.join("; "))
        });
        services.push(to_state(api.name, judged));
    }
    services.extend(pages::ask(host, answers, address));
    services
}

/// Keystone's address.
pub(crate) fn keystone(spec: &Spec) -> String {
    format!("http://{}:{KEYSTONE}/v3", controller(spec))
}

/// The names of the hosts that run guests.
pub(crate) fn list_computes(spec: &Spec, answers: &AnswerFile) -> Vec<LabHost> {
    list_hosts(spec, answers, "CONFIG_COMPUTE_HOSTS")
}

/// The lab's hosts that `key` of the answer file lists.
fn list_hosts(spec: &Spec, answers: &AnswerFile, key: &str) -> Vec<LabHost> {
    let listed = answers.get(key).unwrap_or_default();
    let is = |one: &&LabHost| {
        listed.split(',').any(|part| part == one.name || part == one.address.to_string())
    };
    spec.hosts.iter().filter(is).cloned().collect()
}

pub(crate) fn controller(spec: &Spec) -> std::net::Ipv4Addr {
    let controller = spec.hosts.iter().find(|one| one.role == Role::Controller);
    controller.map_or(spec.node.address, |one| one.address)
}

/// Who must be there: the hosts that run guests, those with an Open vSwitch agent, and
/// the moment from which on heartbeats count. The servers are on this node, so its clock is
/// theirs; were it set meanwhile, they would go on by the new time.
fn expected(host: &Host, spec: &Spec, answers: &AnswerFile, checking: Duration) -> Expected {
    let listed = |key: &str| -> Vec<String> {
        list_hosts(spec, answers, key).into_iter().map(|one| one.name).collect()
    };
    let computes = listed("CONFIG_COMPUTE_HOSTS");
    let mut agents = listed("CONFIG_NETWORK_HOSTS");
    agents.extend(computes.clone());
    agents.sort();
    agents.dedup();
    let since = time::rfc3339((host.clock().wall() + BEAT).saturating_sub(checking));
    Expected { computes, agents, since: since.trim_end_matches('Z').to_owned() }
}

#[cfg(test)]
mod tests;
