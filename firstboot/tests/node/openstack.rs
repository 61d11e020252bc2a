//! Verification against doubles of OpenStack's APIs: small servers on the controller's
//! address in a network namespace, healthy and in every unhealthy variant.

use crate::namespace::isolated;
use firstboot::answers::AnswerFile;
use firstboot::host::Host;
use firstboot::openstack;
use firstboot::spec::Spec;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

const ADDRESS: &str = "192.168.1.10";
const ANSWERS: &str = "[general]\nCONFIG_KEYSTONE_ADMIN_PW=planted-admin-pw\n\
                       CONFIG_COMPUTE_HOSTS=192.168.1.11,192.168.1.12\n\
                       CONFIG_NETWORK_HOSTS=192.168.1.10\nCONFIG_SWIFT_INSTALL=y\n";

/// Answers by port and path: status and body.
type Pages = BTreeMap<(u16, &'static str), (u16, String)>;

/// A double of every API on the controller; what it answers can be changed.
struct Double {
    pages: Arc<Mutex<Pages>>,
    /// Request heads and bodies it got.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Double {
    fn start() -> Double {
        let status = Command::new("ip").args(["address", "add", ADDRESS, "dev", "lo"]).status();
        assert!(status.unwrap().success());
        let double = Double { pages: Arc::new(Mutex::new(healthy())), asked: Arc::default() };
        for port in [5000, 8774, 9292, 9696, 8776, 80, 8080] {
            let listener = TcpListener::bind((ADDRESS, port)).unwrap();
            let (pages, asked) = (double.pages.clone(), double.asked.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let request = whole_request(&stream);
                    let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
                    asked.lock().unwrap().push(request);
                    let pages = pages.lock().unwrap();
                    let page = pages.iter().find(|((p, known), _)| *p == port && *known == path);
                    let (status, body) =
                        page.map_or((404, "no such page".to_owned()), |(_, page)| page.clone());
                    let token =
                        if port == 5000 { "X-Subject-Token: planted-token\r\n" } else { "" };
                    let length = body.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} X\r\n{token}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                    );
                }
            });
        }
        double
    }

    /// Changes one answer, asks all, and puts the answer back; what `service` says.
    fn with(
        &self,
        page: (u16, &'static str),
        answer: (u16, Value),
        service: &str,
    ) -> (bool, String) {
        let text = answer.1.as_str().map_or_else(|| answer.1.to_string(), str::to_owned);
        let old = self.pages.lock().unwrap().insert(page, (answer.0, text)).unwrap();
        let found = ask(service);
        self.pages.lock().unwrap().insert(page, old);
        found
    }

    /// As [`Double::with`]: `change` changes the healthy answer.
    fn changed(
        &self,
        page: (u16, &'static str),
        change: impl Fn(&mut Value),
        service: &str,
    ) -> (bool, String) {
        let text = self.pages.lock().unwrap()[&page].1.clone();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        self.with(page, (200, value), service)
    }
}

/// Head and body: a connection that is closed with a part of them unread is reset, and the
/// client may lose the answer.
fn whole_request(stream: &TcpStream) -> String {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while stream.read_line(&mut request).unwrap_or(0) > "\r\n".len() {}
    let head = request.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |length| length.trim().parse().unwrap());
    let _ = stream.take(length).read_to_string(&mut request);
    request
}

const TOKENS: (u16, &str) = (5000, "/v3/auth/tokens");
const SERVICES: (u16, &str) = (8774, "/v2.1/os-services");
const HYPERVISORS: (u16, &str) = (8774, "/v2.1/os-hypervisors/detail");
const IMAGES: (u16, &str) = (9292, "/v2/images");
const AGENTS: (u16, &str) = (9696, "/v2.0/agents");
const VOLUMES: (u16, &str) = (8776, "/v2/abc/os-services");
const LOGIN: (u16, &str) = (80, "/dashboard/auth/login/");
const SWIFT: (u16, &str) = (8080, "/healthcheck");

fn healthy() -> Pages {
    let now = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.000000"]).output().unwrap();
    let now = String::from_utf8(now.stdout).unwrap().trim().to_owned();
    let service = |binary: &str, host: &str| json!({"binary": binary, "host": host, "status": "enabled", "state": "up", "updated_at": now});
    let endpoint = |kind: &str, url: &str| {
        let url = format!("http://{ADDRESS}{url}");
        json!({"type": kind, "endpoints": [
            {"interface": "internal", "url": "http://192.0.2.1/"}, {"interface": "public", "url": url}]})
    };
    let catalog = json!([
        endpoint("identity", ":5000/v3"),
        endpoint("compute", ":8774/v2.1"),
        endpoint("image", ":9292"),
        endpoint("network", ":9696/"),
        endpoint("volumev2", ":8776/v2/abc"),
    ]);
    let agent = |kind: &str, host: &str| json!({"agent_type": kind, "host": host, "alive": true, "admin_state_up": true});
    let hypervisor =
        |name: &str| json!({"hypervisor_hostname": name, "state": "up", "status": "enabled"});
    let page = |value: Value| (200, value.to_string());
    BTreeMap::from([
        (TOKENS, (201, json!({"token": {"catalog": catalog}}).to_string())),
        (
            SERVICES,
            page(json!({"services": [
                service("nova-conductor", "openstack"), service("nova-scheduler", "openstack"),
                service("nova-consoleauth", "openstack"), service("nova-compute", "nova01"),
                service("nova-compute", "nova02.lab.example")]})),
        ),
        (
            HYPERVISORS,
            page(json!({"hypervisors": [hypervisor("nova01"), hypervisor("nova02.lab.example")]})),
        ),
        (IMAGES, page(json!({"images": []}))),
        (
            AGENTS,
            page(json!({"agents": [
                agent("Open vSwitch agent", "openstack"), agent("Open vSwitch agent", "nova01"),
                agent("Open vSwitch agent", "nova02"), agent("DHCP agent", "openstack"),
                agent("L3 agent", "openstack"), agent("Metadata agent", "openstack")]})),
        ),
        (
            VOLUMES,
            page(json!({"services": [
                service("cinder-scheduler", "openstack"), service("cinder-volume", "openstack@lvm")]})),
        ),
        (LOGIN, (200, "<input name=csrfmiddlewaretoken><input type=password>".to_owned())),
        (SWIFT, (200, "OK".to_owned())),
    ])
}

fn ask(service: &str) -> (bool, String) {
    let spec = Spec::parse(crate::double::CONTROLLER).unwrap();
    let host = Host::open(std::path::Path::new("/"));
    let services = openstack::ask_all(&host, &spec, &AnswerFile::parse(ANSWERS.as_bytes()));
    let found = services.into_iter().find(|one| one.name == service).unwrap();
    (found.ok, found.evidence)
}

#[test]
fn every_service_is_judged_by_what_its_api_says() {
    isolated(|| {
        let double = Double::start();
        for (service, words) in [
            ("keystone", "gives admin a token, 5 services"),
            ("nova", "nova-compute on nova01, nova02 are up; 2 hypervisors are up"),
            ("glance", "lists 0 images"),
            (
                "neutron",
                "agents on nova01, nova02, openstack, DHCP, L3 and metadata agents are alive",
            ),
            ("cinder", "cinder-scheduler, cinder-volume are up"),
            ("horizon", "shows its login page"),
            ("swift", "its proxy is healthy"),
        ] {
            let (ok, evidence) = ask(service);
            assert!(ok && evidence.contains(words), "{service}: {evidence}");
        }
        let asked = double.asked.lock().unwrap().join("\n");
        assert!(asked.contains("x-auth-token: planted-token"), "{asked}");

        let sick = |(ok, evidence): (bool, String), words: &str| {
            assert!(!ok && evidence.contains(words), "`{words}` is not in `{evidence}`");
        };
        let refused =
            json!({"error": {"message": "The request you have made requires authentication."}});
        sick(double.with(TOKENS, (401, refused), "keystone"), "answers 401");
        sick(double.with(TOKENS, (503, json!("busy")), "nova"), "Keystone gave no token");
        sick(
            double.with(TOKENS, (201, json!({"token": {"catalog": []}})), "glance"),
            "catalogue has no image",
        );
        sick(double.with(SERVICES, (500, json!("oops")), "nova"), "answers 500: oops");
        sick(double.with(SERVICES, (200, json!("no json")), "nova"), "answers no JSON");
        sick(double.with(SERVICES, (200, json!({})), "nova"), "has no list `services`");
        let old = |value: &mut Value| {
            value["services"][4]["updated_at"] = "2016-10-11T12:00:00.000000".into()
        };
        sick(
            double.changed(SERVICES, old, "nova"),
            "nova-compute on nova02.lab.example was last heard of before this boot",
        );
        let down = |value: &mut Value| value["services"][3]["state"] = "down".into();
        sick(double.changed(SERVICES, down, "nova"), "nova-compute on nova01 is down");
        let disabled = |value: &mut Value| value["services"][0]["status"] = "disabled".into();
        sick(double.changed(SERVICES, disabled, "nova"), "nova-conductor on openstack is disabled");
        let gone = |value: &mut Value| drop(value["services"].as_array_mut().unwrap().remove(3));
        sick(double.changed(SERVICES, gone, "nova"), "nova-compute on nova01 is not there");
        let one = |value: &mut Value| drop(value["hypervisors"].as_array_mut().unwrap().pop());
        sick(double.changed(HYPERVISORS, one, "nova"), "there is no hypervisor nova02");
        let down = |value: &mut Value| value["hypervisors"][0]["state"] = "down".into();
        sick(double.changed(HYPERVISORS, down, "nova"), "hypervisor nova01 is down");
        sick(double.with(IMAGES, (503, json!("")), "glance"), "answers 503");
        let dead = |value: &mut Value| value["agents"][2]["alive"] = false.into();
        sick(double.changed(AGENTS, dead, "neutron"), "Open vSwitch agent on nova02 is not alive");
        let off = |value: &mut Value| value["agents"][4]["admin_state_up"] = false.into();
        sick(double.changed(AGENTS, off, "neutron"), "L3 agent on openstack is switched off");
        let gone = |value: &mut Value| drop(value["agents"].as_array_mut().unwrap().remove(3));
        sick(double.changed(AGENTS, gone, "neutron"), "there is no DHCP agent");
        let down = |value: &mut Value| value["services"][1]["state"] = "down".into();
        sick(double.changed(VOLUMES, down, "cinder"), "cinder-volume on openstack@lvm is down");
        sick(double.with(LOGIN, (200, json!("It works!")), "horizon"), "no login form");
        sick(double.with(LOGIN, (500, json!("")), "horizon"), "answers 500");
        sick(double.with(SWIFT, (503, json!("Service Unavailable")), "swift"), "answers 503");
        assert!(ask("nova").0, "healthy again");
    });
}

#[test]
fn a_silent_controller_is_said_for_every_service() {
    isolated(|| {
        let status = Command::new("ip").args(["address", "add", ADDRESS, "dev", "lo"]).status();
        assert!(status.unwrap().success());
        let (ok, evidence) = ask("keystone");
        assert!(!ok && evidence.contains("does not answer"), "{evidence}");
        assert!(ask("cinder").1.contains("not asked, as Keystone gave no token"));
        assert!(ask("horizon").1.contains("does not answer"));
    });
}
