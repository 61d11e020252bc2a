//! OpenStack's APIs, asked whether the cloud works: a token of Keystone, and with it
//! the state of every service that the answer file installs.

mod judge;

use crate::host::Host;
use crate::host::http::{Request, Response};
use crate::services::answer_file::AnswerFile;
use contract::answers::ADMIN_PASSWORD;
use contract::spec::{Role, Spec};
use contract::status::ServiceState;
use contract::time;
use judge::Expected;
use serde_json::{Value, json};
use std::time::Duration;

/// Keystone's public port.
const KEYSTONE: u16 = 5000;
/// Swift's proxy.
const SWIFT: u16 = 8080;
/// How long one answer may take; a service that wakes up is slow.
const LIMIT: Duration = Duration::from_secs(20);

/// Asks every installed service; one entry each, Keystone first.
pub fn ask_all(host: &Host, spec: &Spec, answers: &AnswerFile) -> Vec<ServiceState> {
    let address = controller(spec);
    let installed = |key: &str| answers.get(key).is_none_or(|value| value == "y");
    let mut services = Vec::new();
    let session = Session::open(host, &format!("http://{address}:{KEYSTONE}/v3"), answers);
    let expected = expected(host, spec, answers);
    let (evidence, session) = match session {
        Ok(session) => (Ok(session.evidence()), Ok(session)),
        Err(why) => (Err(why.clone()), Err(format!("not asked, as Keystone gave no token: {why}"))),
    };
    services.push(state("keystone", evidence));
    for (name, key, kind, path, judge) in SERVICES {
        if installed(key) {
            let judged = session.as_ref().map_err(Clone::clone).and_then(|session| {
                let mut evidence = Vec::new();
                for (path, judge) in path.iter().zip(*judge) {
                    evidence.push(judge(&session.get(kind, path)?, &expected)?);
                }
                Ok(evidence.join("; "))
            });
            services.push(state(name, judged));
        }
    }
    if installed("CONFIG_HORIZON_INSTALL") {
        let url = format!("http://{address}/dashboard/auth/login/");
        services.push(state("horizon", plain(host, url).and_then(|body| judge::horizon(&body))));
    }
    // Other releases install Swift by default; here it is off unless the file enables it.
    if answers.get("CONFIG_SWIFT_INSTALL").as_deref() == Some("y") {
        let url = format!("http://{address}:{SWIFT}/healthcheck");
        services.push(state("swift", plain(host, url).and_then(|body| judge::swift(&body))));
    }
    services
}

/// Judges an answer; the evidence, or what is wrong.
type Judge = fn(&Value, &Expected) -> Result<String, String>;

/// Name, key of the answer file, type in the catalogue, paths, and who judges each.
type Service = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [Judge],
);

const SERVICES: &[Service] = &[
    (
        "nova",
        "CONFIG_NOVA_INSTALL",
        &["compute"],
        &["/os-services", "/os-hypervisors/detail"],
        &[judge::nova_services, judge::nova_hypervisors],
    ),
    ("glance", "CONFIG_GLANCE_INSTALL", &["image"], &["/v2/images"], &[judge::glance]),
    ("neutron", "CONFIG_NEUTRON_INSTALL", &["network"], &["/v2.0/agents"], &[judge::neutron]),
    (
        "cinder",
        "CONFIG_CINDER_INSTALL",
        &["volumev3", "volumev2", "volume"],
        &["/os-services"],
        &[judge::cinder],
    ),
];

fn state(name: &str, judged: Result<String, String>) -> ServiceState {
    let ok = judged.is_ok();
    ServiceState { name: name.to_owned(), ok, evidence: judged.unwrap_or_else(|why| why) }
}

fn controller(spec: &Spec) -> std::net::Ipv4Addr {
    let controller = spec.hosts.iter().find(|one| one.role == Role::Controller);
    controller.map_or(spec.node.address, |one| one.address)
}

/// Who must be there: the hosts that run guests, those with an Open vSwitch agent, and
/// the moment of this boot, before which nothing counts.
fn expected(host: &Host, spec: &Spec, answers: &AnswerFile) -> Expected {
    let listed = |key: &str| {
        let listed = answers.get(key).unwrap_or_default();
        let is = move |one: &&contract::spec::LabHost| {
            listed.split(',').any(|part| part == one.name || part == one.address.to_string())
        };
        spec.hosts.iter().filter(is).map(|one| one.name.clone()).collect::<Vec<_>>()
    };
    let computes = listed("CONFIG_COMPUTE_HOSTS");
    let mut agents = listed("CONFIG_NETWORK_HOSTS");
    agents.extend(computes.clone());
    agents.sort();
    agents.dedup();
    let up = host.uptime().unwrap_or_default();
    let boot = time::rfc3339(host.clock().wall().saturating_sub(Duration::from_secs_f64(up)));
    Expected { computes, agents, boot: boot.trim_end_matches('Z').to_owned() }
}

/// A token and the addresses that came with it.
struct Session<'a> {
    host: &'a Host,
    token: String,
    catalog: Value,
    user: String,
}

impl<'a> Session<'a> {
    fn open(host: &'a Host, keystone: &str, answers: &AnswerFile) -> Result<Session<'a>, String> {
        let user =
            answers.get("CONFIG_KEYSTONE_ADMIN_USERNAME").unwrap_or_else(|| "admin".to_owned());
        let password =
            answers.get(ADMIN_PASSWORD).ok_or("the answer file has no admin password")?;
        let domain = json!({"id": "default"});
        let body = json!({"auth": {
            "identity": {"methods": ["password"],
                         "password": {"user": {"name": user, "domain": domain, "password": password}}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }});
        let url = format!("{keystone}/auth/tokens");
        let request =
            Request { body: Some(body.to_string()), limit: LIMIT, ..Request::get(url.clone()) };
        let response = send(host, &request)?;
        let token = response.header("x-subject-token").unwrap_or_default().to_owned();
        if response.status != 201 || token.is_empty() {
            return Err(format!("{url} answers {}: {}", response.status, words(&response)));
        }
        host.keep_secret(&token);
        let catalog = parsed(&response, &url)?["token"]["catalog"].clone();
        Ok(Session { host, token, catalog, user })
    }

    fn evidence(&self) -> String {
        let count = self.catalog.as_array().map_or(0, Vec::len);
        format!("gives {} a token, {count} services in its catalogue", self.user)
    }

    /// The answer to `path` of the first of `kinds` that the catalogue has.
    fn get(&self, kinds: &[&str], path: &str) -> Result<Value, String> {
        let services = || self.catalog.as_array().into_iter().flatten();
        let service = kinds.iter().find_map(|kind| services().find(|one| one["type"] == *kind));
        let service = service.ok_or_else(|| format!("Keystone's catalogue has no {}", kinds[0]))?;
        let endpoints = || service["endpoints"].as_array().into_iter().flatten();
        let public = endpoints().find(|one| one["interface"] == "public").or(endpoints().next());
        let base = public.and_then(|one| one["url"].as_str());
        let base =
            base.ok_or_else(|| format!("Keystone's catalogue has no address of {}", kinds[0]))?;
        // Some catalogues have the version in the address and some have not.
        let base = base.trim_end_matches('/');
        let version = path.split('/').nth(1).unwrap_or_default();
        let base = base.strip_suffix(&format!("/{version}")).unwrap_or(base);
        let url = format!("{base}{path}");
        let request = Request { limit: LIMIT, ..Request::get(url.clone()) };
        let response = send(self.host, &request.header("x-auth-token", self.token.clone()))?;
        if response.status != 200 {
            return Err(format!("{url} answers {}: {}", response.status, words(&response)));
        }
        parsed(&response, &url)
    }
}

/// A page that needs no token.
fn plain(host: &Host, url: String) -> Result<String, String> {
    let response = send(host, &Request { limit: LIMIT, ..Request::get(url.clone()) })?;
    if response.status == 200 {
        return Ok(String::from_utf8_lossy(&response.body).into_owned());
    }
    Err(format!("{url} answers {}: {}", response.status, words(&response)))
}

fn send(host: &Host, request: &Request) -> Result<Response, String> {
    host.runner().http(request).map_err(|error| format!("{} does not answer: {error}", request.url))
}

fn parsed(response: &Response, url: &str) -> Result<Value, String> {
    serde_json::from_slice(&response.body)
        .map_err(|error| format!("{url} does not answer with JSON: {error}"))
}

/// The first words of an error's body.
fn words(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body).into_owned();
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(200).collect()
}
