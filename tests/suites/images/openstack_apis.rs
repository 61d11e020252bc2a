//! Verification against doubles of OpenStack's APIs: small servers on the controller's
//! address in a network namespace, healthy and in every unhealthy variant.

use contract::spec::Spec;
use contract::status::ServiceState;
use firstboot::host::Host;
use firstboot::services::answer_file::AnswerFile;
use firstboot::services::openstack;
use lab_tests::namespace::Namespace;
use lab_tests::openstack_double::{
    AGENTS, ALARMS, CAPABILITIES, CONSOLE, Cloud, Double, HYPERVISORS, IMAGES, LOGIN, SERVICES,
    STACKS, STORAGE, SWIFT, TOKENS, VOLUMES,
};
use lab_tests::oracle;
use serde_json::{Value, json};
use std::time::Duration;

const CONTROLLER: &str = include_str!("../../../firstboot/examples/controller.spec.toml");
const ADDRESS: &str = "192.168.1.10";
const ANSWERS: &str = "[general]\nCONFIG_KEYSTONE_ADMIN_PW=planted-admin-pw\n\
                       CONFIG_COMPUTE_HOSTS=192.168.1.11,192.168.1.12\n\
                       CONFIG_NETWORK_HOSTS=192.168.1.10\nCONFIG_SWIFT_INSTALL=y\n\
                       CONFIG_HEAT_INSTALL=y\n";

/// A network in which this machine is the controller.
fn on_the_controller(body: impl FnOnce() + Send) {
    Namespace::new().run(|| {
        oracle::ok("ip", ["address", "add", ADDRESS, "dev", "lo"]);
        body();
    });
}

/// What is found with this answer file by a check that has been under way for a minute.
fn asked_by(answers: &str) -> Vec<ServiceState> {
    let spec = Spec::parse(CONTROLLER).unwrap();
    let host = Host::open(std::path::Path::new("/"));
    let (answers, checking) = (AnswerFile::parse(answers.as_bytes()), Duration::from_secs(60));
    openstack::ask_all(&host, &spec, &answers, checking)
}

fn ask(service: &str) -> (bool, String) {
    let found = asked_by(ANSWERS).into_iter().find(|one| one.name == service).unwrap();
    (found.ok, found.evidence)
}

#[test]
fn every_service_is_judged_by_its_api() {
    on_the_controller(|| {
        let double = Double::start(&Cloud {
            address: ADDRESS.parse().unwrap(),
            controller: "openstack".to_owned(),
            computes: vec!["nova01".to_owned(), "nova02.lab.example".to_owned()],
        });
        for (service, words) in [
            ("keystone", "gives admin a token, 9 services"),
            ("nova", "nova-compute on nova01, nova02 are up; 2 hypervisors are up"),
            ("rabbitmq", "begins a connection at 192.168.1.10:5672"),
            ("glance", "lists 0 images"),
            (
                "neutron",
                "agents on nova01, nova02, openstack, DHCP, L3 and metadata agents are alive",
            ),
            ("cinder", "cinder-scheduler, cinder-volume are up"),
            ("ceilometer", "has 1 capabilities"),
            ("aodh", "lists 0 alarms"),
            ("gnocchi", "its storage answers, 5 measures wait"),
            ("heat", "lists 0 stacks"),
            ("horizon", "shows its login page"),
            ("novncproxy", "shows the console's page"),
            ("swift", "its proxy is healthy"),
        ] {
            let (ok, evidence) = ask(service);
            assert!(ok && evidence.contains(words), "{service}: {evidence}");
        }
        let asked = double.asked().join("\n");
        assert!(asked.contains("x-auth-token: planted-token"), "{asked}");

        check_answers(&double);
        check_nova(&double);
        check_other_services(&double);
        check_metering(&double);
        assert!(ask("nova").0, "healthy again");
    });
}

/// Not healthy, for this reason.
fn sick((ok, evidence): (bool, String), words: &str) {
    assert!(!ok && evidence.contains(words), "`{words}` is not in `{evidence}`");
}

/// Keystone gives no token, an answer is an error, no JSON, or not what was asked for.
fn check_answers(double: &Double) {
    let refused =
        json!({"error": {"message": "The request you have made requires authentication."}});
    sick(double.with(TOKENS, (401, refused), || ask("keystone")), "answers 401");
    sick(double.with(TOKENS, (503, json!("busy")), || ask("nova")), "Keystone gave no token");
    sick(
        double.with(TOKENS, (201, json!({"token": {"catalog": []}})), || ask("glance")),
        "catalogue has no image",
    );
    sick(double.with(SERVICES, (500, json!("oops")), || ask("nova")), "answers 500: oops");
    sick(
        double.with(SERVICES, (200, json!("no json")), || ask("nova")),
        "does not answer with JSON",
    );
    sick(double.with(SERVICES, (200, json!({})), || ask("nova")), "has no list `services`");
}

/// A service or a hypervisor is down, disabled, out of date or absent.
fn check_nova(double: &Double) {
    let old = |value: &mut Value| {
        value["services"][4]["updated_at"] = "2016-10-11T12:00:00.000000".into()
    };
    sick(
        double.changed(SERVICES, old, || ask("nova")),
        "nova-compute on nova02.lab.example has sent no heartbeat since this check began",
    );
    let down = |value: &mut Value| value["services"][3]["state"] = "down".into();
    sick(double.changed(SERVICES, down, || ask("nova")), "nova-compute on nova01 is down");
    let disabled = |value: &mut Value| value["services"][0]["status"] = "disabled".into();
    sick(
        double.changed(SERVICES, disabled, || ask("nova")),
        "nova-conductor on openstack is disabled",
    );
    let gone = |value: &mut Value| drop(value["services"].as_array_mut().unwrap().remove(3));
    sick(double.changed(SERVICES, gone, || ask("nova")), "nova-compute on nova01 is not listed");
    let one = |value: &mut Value| drop(value["hypervisors"].as_array_mut().unwrap().pop());
    sick(double.changed(HYPERVISORS, one, || ask("nova")), "hypervisor on nova02 is not listed");
    let down = |value: &mut Value| value["hypervisors"][0]["state"] = "down".into();
    sick(double.changed(HYPERVISORS, down, || ask("nova")), "hypervisor on nova01 is down");
}

fn check_other_services(double: &Double) {
    sick(double.with(IMAGES, (503, json!("")), || ask("glance")), "answers 503");
    let dead = |value: &mut Value| value["agents"][2]["alive"] = false.into();
    sick(
        double.changed(AGENTS, dead, || ask("neutron")),
        "Open vSwitch agent on nova02.lab.example is not alive",
    );
    let off = |value: &mut Value| value["agents"][4]["admin_state_up"] = false.into();
    sick(double.changed(AGENTS, off, || ask("neutron")), "L3 agent on openstack is switched off");
    let silent = |value: &mut Value| {
        value["agents"][4]["heartbeat_timestamp"] = "2016-10-11 12:00:00".into();
    };
    sick(
        double.changed(AGENTS, silent, || ask("neutron")),
        "L3 agent on openstack has sent no heartbeat since this check began",
    );
    let gone = |value: &mut Value| drop(value["agents"].as_array_mut().unwrap().remove(3));
    sick(double.changed(AGENTS, gone, || ask("neutron")), "DHCP agent is not listed");
    let down = |value: &mut Value| value["services"][1]["state"] = "down".into();
    sick(double.changed(VOLUMES, down, || ask("cinder")), "cinder-volume on openstack@lvm is down");
    sick(double.with(LOGIN, (200, json!("It works!")), || ask("horizon")), "no login form");
    sick(double.with(LOGIN, (500, json!("")), || ask("horizon")), "answers 500");
    sick(double.with(SWIFT, (503, json!("Service Unavailable")), || ask("swift")), "answers 503");
}

fn check_metering(double: &Double) {
    sick(
        double.with(CAPABILITIES, (500, json!("no database")), || ask("ceilometer")),
        "answers 500",
    );
    sick(double.with(CAPABILITIES, (200, json!({})), || ask("ceilometer")), "no `api`");
    sick(double.with(ALARMS, (503, json!("")), || ask("aodh")), "answers 503");
    sick(double.with(ALARMS, (200, json!({})), || ask("aodh")), "is not a list of alarms");
    sick(
        double.with(STORAGE, (200, json!({})), || ask("gnocchi")),
        "no `storage.summary.measures`",
    );
    sick(double.with(STACKS, (504, json!("timed out")), || ask("heat")), "answers 504: timed out");
    sick(double.with(CONSOLE, (404, json!("")), || ask("novncproxy")), "vnc_auto.html answers 404");
}

#[test]
fn a_silent_controller_is_reported_for_every_service() {
    on_the_controller(|| {
        let (ok, evidence) = ask("keystone");
        assert!(!ok && evidence.contains("does not answer"), "{evidence}");
        assert!(ask("cinder").1.contains("not asked, as Keystone gave no token"));
        assert!(ask("rabbitmq").1.starts_with("RabbitMQ does not answer at 192.168.1.10:5672: "));
        for page in ["horizon", "novncproxy", "swift"] {
            assert!(ask(page).1.contains("does not answer"));
        }
        let reached = asked_by("[general]\nCONFIG_HORIZON_SSL=y\nCONFIG_AMQP_ENABLE_SSL=y\n");
        for (name, port) in [("horizon", 443), ("novncproxy", 6080), ("rabbitmq", 5671)] {
            let found = reached.iter().find(|one| one.name == name).unwrap();
            assert!(found.evidence.contains(&format!("{ADDRESS}:{port}")), "{found:?}");
        }
        let names: Vec<&str> = reached.iter().map(|one| one.name.as_str()).collect();
        let usual = "keystone rabbitmq nova glance neutron cinder ceilometer aodh gnocchi horizon \
                     novncproxy";
        assert_eq!(names.join(" "), usual);
    });
}
