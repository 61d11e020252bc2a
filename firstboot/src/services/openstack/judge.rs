//! What the answers of OpenStack's APIs mean for the health of its services.

use super::findings::{Finding, judge};
use serde_json::Value;

/// What each node with a switch runs.
const SWITCH_AGENT: &str = "Open vSwitch agent";

/// Who must be there.
pub(super) struct Expected {
    /// Names of the hosts that run guests.
    pub(super) computes: Vec<String>,
    /// Names of the hosts with an Open vSwitch agent.
    pub(super) agents: Vec<String>,
    /// The moment (`2026-11-24T02:28:00`, UTC) that a heartbeat must not be older than. APIs
    /// call a service up for a minute and more after its last one.
    pub(super) since: String,
}

fn list<'a>(answer: &'a Value, key: &str) -> Result<Vec<&'a Value>, String> {
    let found = answer[key].as_array().ok_or_else(|| format!("the answer has no list `{key}`"))?;
    Ok(found.iter().collect())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Whether the host that a service reports is `name`, qualified or not.
fn is_host(found: &str, name: &str) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    found == name || short(found) == short(name)
}

/// What is said of a service without a heartbeat.
const SILENT: &str = "has sent no heartbeat since this check began";
/// What is said of one that does not exist.
const ABSENT: &str = "is not listed";

/// What is wrong with a service of nova or cinder that must be up.
fn wrong_service(service: &Value, expected: &Expected) -> Option<Finding> {
    let what = if text(service, "status") == "disabled" {
        format!("is disabled {}", text(service, "disabled_reason")).trim_end().to_owned()
    } else if text(service, "state") != "up" {
        format!("is {}", text(service, "state"))
    } else if is_fresh(service, "updated_at", expected) {
        return None;
    } else {
        SILENT.to_owned()
    };
    Some(Finding::new(text(service, "binary"), text(service, "host"), what))
}

/// Whether the heartbeat at `key` counts. nova and cinder write `2016-10-11T12:00:00.000000`,
/// neutron `2016-10-11 12:00:00`: the server's time, UTC, so text compares as time.
fn is_fresh(value: &Value, key: &str, expected: &Expected) -> bool {
    text(value, key).get(..19).is_some_and(|seen| seen.replace(' ', "T") >= expected.since)
}

/// What is wrong where each of these kinds of services must be there and up, once at least.
fn wrong_services(found: &[&Value], kinds: &[&str], expected: &Expected) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for kind in kinds {
        let of_kind = || found.iter().filter(|one| text(one, "binary") == *kind);
        if of_kind().all(|one| wrong_service(one, expected).is_some()) {
            let first = of_kind().find_map(|one| wrong_service(one, expected));
            wrong.push(first.unwrap_or_else(|| Finding::new(kind, "", ABSENT)));
        }
    }
    wrong
}

pub(super) fn nova_services(answer: &Value, expected: &Expected) -> Result<String, String> {
    let kinds = ["nova-conductor", "nova-scheduler", "nova-consoleauth"];
    let found = list(answer, "services")?;
    let mut wrong = wrong_services(&found, &kinds, expected);
    for name in &expected.computes {
        let compute = found
            .iter()
            .find(|one| text(one, "binary") == "nova-compute" && is_host(text(one, "host"), name));
        match compute {
            None => wrong.push(Finding::new("nova-compute", name, ABSENT)),
            Some(service) => wrong.extend(wrong_service(service, expected)),
        }
    }
    let computes = expected.computes.join(", ");
    judge(&wrong, || format!("{} and nova-compute on {computes} are up", kinds.join(", ")))
}

pub(super) fn nova_hypervisors(answer: &Value, expected: &Expected) -> Result<String, String> {
    let found = list(answer, "hypervisors")?;
    let mut wrong = Vec::new();
    for name in &expected.computes {
        match found.iter().find(|one| is_host(text(one, "hypervisor_hostname"), name)) {
            None => wrong.push(Finding::new("hypervisor", name, ABSENT)),
            Some(one) if text(one, "state") != "up" || text(one, "status") == "disabled" => {
                let (state, status) = (text(one, "state"), text(one, "status"));
                wrong.push(Finding::new("hypervisor", name, format!("is {state}, {status}")));
            }
            Some(_) => {}
        }
    }
    judge(&wrong, || format!("{} hypervisors are up", expected.computes.len()))
}

pub(super) fn glance(answer: &Value, _: &Expected) -> Result<String, String> {
    Ok(format!("lists {} images", list(answer, "images")?.len()))
}

pub(super) fn neutron(answer: &Value, expected: &Expected) -> Result<String, String> {
    let found = list(answer, "agents")?;
    let of = |kind: &str| -> Vec<&&Value> {
        found.iter().filter(|one| text(one, "agent_type") == kind).collect()
    };
    let mut wrong = Vec::new();
    for name in &expected.agents {
        match of(SWITCH_AGENT).into_iter().find(|one| is_host(text(one, "host"), name)) {
            None => wrong.push(Finding::new(SWITCH_AGENT, name, ABSENT)),
            Some(agent) => wrong.extend(wrong_agent(agent, expected)),
        }
    }
    for kind in ["DHCP agent", "L3 agent", "Metadata agent"] {
        let agents = of(kind);
        if agents.is_empty() {
            wrong.push(Finding::new(kind, "", ABSENT));
        }
        wrong.extend(agents.iter().filter_map(|agent| wrong_agent(agent, expected)));
    }
    let hosts = expected.agents.join(", ");
    judge(&wrong, || {
        format!("Open vSwitch agents on {hosts}, DHCP, L3 and metadata agents are alive")
    })
}

fn wrong_agent(agent: &Value, expected: &Expected) -> Option<Finding> {
    let what = if agent["alive"] != true {
        "is not alive"
    } else if agent["admin_state_up"] == false {
        "is switched off"
    } else if is_fresh(agent, "heartbeat_timestamp", expected) {
        return None;
    } else {
        SILENT
    };
    Some(Finding::new(text(agent, "agent_type"), text(agent, "host"), what))
}

pub(super) fn cinder(answer: &Value, expected: &Expected) -> Result<String, String> {
    judge_services(answer, &["cinder-scheduler", "cinder-volume"], expected)
}

/// As [`wrong_services`], of an answer.
fn judge_services(answer: &Value, kinds: &[&str], expected: &Expected) -> Result<String, String> {
    let wrong = wrong_services(&list(answer, "services")?, kinds, expected);
    judge(&wrong, || format!("{} are up", kinds.join(", ")))
}

pub(super) fn heat(answer: &Value, _: &Expected) -> Result<String, String> {
    Ok(format!("lists {} stacks", list(answer, "stacks")?.len()))
}

pub(super) fn manila(answer: &Value, expected: &Expected) -> Result<String, String> {
    judge_services(answer, &["manila-scheduler", "manila-share"], expected)
}

pub(super) fn sahara(answer: &Value, _: &Expected) -> Result<String, String> {
    Ok(format!("lists {} clusters", list(answer, "clusters")?.len()))
}

pub(super) fn trove(answer: &Value, _: &Expected) -> Result<String, String> {
    Ok(format!("lists {} instances", list(answer, "instances")?.len()))
}

/// Drivers are those of conductors that are alive.
pub(super) fn ironic(answer: &Value, _: &Expected) -> Result<String, String> {
    match list(answer, "drivers")?.len() {
        0 => Err("no conductor is alive: it has no drivers".to_owned()),
        count => Ok(format!("has {count} drivers")),
    }
}
