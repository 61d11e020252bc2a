//! What the answers of OpenStack's APIs mean for the health of its services.

use serde_json::Value;

/// Who must be there.
pub(super) struct Expected {
    /// Names of the hosts that run guests.
    pub(super) computes: Vec<String>,
    /// Names of the hosts with an Open vSwitch agent.
    pub(super) agents: Vec<String>,
    /// When this node booted (`2026-11-24T02:28:00`, UTC): what was last seen before
    /// is from an earlier boot.
    pub(super) boot: String,
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

/// What is wrong with a service of nova or cinder that must be up.
fn wrong_service(service: &Value, expected: &Expected) -> Option<String> {
    let (binary, host) = (text(service, "binary"), text(service, "host"));
    // `2016-10-11T12:00:00.000000`; both begin alike, so text compares as time.
    let seen = text(service, "updated_at");
    if text(service, "status") == "disabled" {
        let reason = text(service, "disabled_reason");
        return Some(format!("{binary} on {host} is disabled {reason}").trim_end().to_owned());
    }
    if text(service, "state") != "up" {
        return Some(format!("{binary} on {host} is {}", text(service, "state")));
    }
    let fresh = seen.get(..19).is_some_and(|seen| seen >= expected.boot.as_str());
    (!fresh).then(|| format!("{binary} on {host} was last seen before this boot ({seen})"))
}

/// The services of these kinds must be there and up, each once at least.
fn services(answer: &Value, kinds: &[&str], expected: &Expected) -> Result<Vec<String>, String> {
    let services = list(answer, "services")?;
    let mut wrong = Vec::new();
    for kind in kinds {
        let of_kind: Vec<&&Value> =
            services.iter().filter(|one| text(one, "binary") == *kind).collect();
        if of_kind.is_empty() {
            wrong.push(format!("{kind} is not listed"));
        } else if of_kind.iter().all(|one| wrong_service(one, expected).is_some()) {
            wrong.extend(of_kind.iter().find_map(|one| wrong_service(one, expected)));
        }
    }
    if wrong.is_empty() {
        Ok(kinds.iter().map(|kind| (*kind).to_owned()).collect())
    } else {
        Err(wrong.join("; "))
    }
}

pub(super) fn nova_services(answer: &Value, expected: &Expected) -> Result<String, String> {
    let up = services(answer, &["nova-conductor", "nova-scheduler", "nova-consoleauth"], expected)?;
    let found = list(answer, "services")?;
    let mut wrong = Vec::new();
    for name in &expected.computes {
        let compute = found
            .iter()
            .find(|one| text(one, "binary") == "nova-compute" && is_host(text(one, "host"), name));
        match compute {
            None => wrong.push(format!("nova-compute on {name} is not listed")),
            Some(service) => wrong.extend(wrong_service(service, expected)),
        }
    }
    if wrong.is_empty() {
        Ok(format!("{} and nova-compute on {} are up", up.join(", "), expected.computes.join(", ")))
    } else {
        Err(wrong.join("; "))
    }
}

pub(super) fn nova_hypervisors(answer: &Value, expected: &Expected) -> Result<String, String> {
    let found = list(answer, "hypervisors")?;
    let mut wrong = Vec::new();
    for name in &expected.computes {
        match found.iter().find(|one| is_host(text(one, "hypervisor_hostname"), name)) {
            None => wrong.push(format!("there is no hypervisor {name}")),
            Some(one) if text(one, "state") != "up" || text(one, "status") == "disabled" => {
                let (state, status) = (text(one, "state"), text(one, "status"));
                wrong.push(format!("hypervisor {name} is {state}, {status}"));
            }
            Some(_) => {}
        }
    }
    if wrong.is_empty() {
        Ok(format!("{} hypervisors are up", expected.computes.len()))
    } else {
        Err(wrong.join("; "))
    }
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
        match of("Open vSwitch agent").into_iter().find(|one| is_host(text(one, "host"), name)) {
            None => wrong.push(format!("there is no Open vSwitch agent on {name}")),
            Some(agent) => wrong.extend(wrong_agent(agent)),
        }
    }
    for kind in ["DHCP agent", "L3 agent", "Metadata agent"] {
        let agents = of(kind);
        if agents.is_empty() {
            wrong.push(format!("there is no {kind}"));
        }
        wrong.extend(agents.iter().filter_map(|agent| wrong_agent(agent)));
    }
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let hosts = expected.agents.join(", ");
    Ok(format!("Open vSwitch agents on {hosts}, DHCP, L3 and metadata agents are alive"))
}

fn wrong_agent(agent: &Value) -> Option<String> {
    let (kind, host) = (text(agent, "agent_type"), text(agent, "host"));
    if agent["alive"] != true {
        return Some(format!("{kind} on {host} is not alive"));
    }
    (agent["admin_state_up"] == false).then(|| format!("{kind} on {host} is switched off"))
}

pub(super) fn cinder(answer: &Value, expected: &Expected) -> Result<String, String> {
    let up = services(answer, &["cinder-scheduler", "cinder-volume"], expected)?;
    Ok(format!("{} are up", up.join(", ")))
}

pub(super) fn horizon(body: &str) -> Result<String, String> {
    if body.contains("csrfmiddlewaretoken") && body.contains("password") {
        Ok("shows its login page".to_owned())
    } else {
        Err("its login page has no login form".to_owned())
    }
}

pub(super) fn swift(body: &str) -> Result<String, String> {
    if body.trim() == "OK" {
        Ok("its proxy is healthy".to_owned())
    } else {
        Err("its proxy does not answer OK".to_owned())
    }
}
