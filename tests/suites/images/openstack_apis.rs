//! Verification against doubles of OpenStack's APIs: small servers on the controller's
//! address in a network namespace, healthy and in every unhealthy variant.

use contract::spec::Spec;
use firstboot::host::Host;
use firstboot::services::answer_file::AnswerFile;
use firstboot::services::openstack;
use lab_tests::namespace::Namespace;
use lab_tests::openstack_double::{
    AGENTS, Cloud, Double, HYPERVISORS, IMAGES, LOGIN, SERVICES, SWIFT, TOKENS, VOLUMES,
};
use lab_tests::oracle;
use serde_json::{Value, json};

const CONTROLLER: &str = include_str!("../../../firstboot/examples/controller.spec.toml");
const ADDRESS: &str = "192.168.1.10";
const ANSWERS: &str = "[general]\nCONFIG_KEYSTONE_ADMIN_PW=planted-admin-pw\n\
                       CONFIG_COMPUTE_HOSTS=192.168.1.11,192.168.1.12\n\
                       CONFIG_NETWORK_HOSTS=192.168.1.10\nCONFIG_SWIFT_INSTALL=y\n";

/// A network in which this machine is the controller.
fn on_the_controller(body: impl FnOnce() + Send) {
    Namespace::new().run(|| {
        oracle::ok("ip", ["address", "add", ADDRESS, "dev", "lo"]);
        body();
    });
}

fn ask(service: &str) -> (bool, String) {
    let spec = Spec::parse(CONTROLLER).unwrap();
    let host = Host::open(std::path::Path::new("/"));
    let services = openstack::ask_all(&host, &spec, &AnswerFile::parse(ANSWERS.as_bytes()));
    let found = services.into_iter().find(|one| one.name == service).unwrap();
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
        let asked = double.asked().join("\n");
        assert!(asked.contains("x-auth-token: planted-token"), "{asked}");

        check_answers(&double);
        check_nova(&double);
        check_other_services(&double);
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
        "nova-compute on nova02.lab.example was last seen before this boot",
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
    sick(double.changed(HYPERVISORS, one, || ask("nova")), "there is no hypervisor nova02");
    let down = |value: &mut Value| value["hypervisors"][0]["state"] = "down".into();
    sick(double.changed(HYPERVISORS, down, || ask("nova")), "hypervisor nova01 is down");
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
    let gone = |value: &mut Value| drop(value["agents"].as_array_mut().unwrap().remove(3));
    sick(double.changed(AGENTS, gone, || ask("neutron")), "there is no DHCP agent");
    let down = |value: &mut Value| value["services"][1]["state"] = "down".into();
    sick(double.changed(VOLUMES, down, || ask("cinder")), "cinder-volume on openstack@lvm is down");
    sick(double.with(LOGIN, (200, json!("It works!")), || ask("horizon")), "no login form");
    sick(double.with(LOGIN, (500, json!("")), || ask("horizon")), "answers 500");
    sick(double.with(SWIFT, (503, json!("Service Unavailable")), || ask("swift")), "answers 503");
}

#[test]
fn a_silent_controller_is_reported_for_every_service() {
    on_the_controller(|| {
        let (ok, evidence) = ask("keystone");
        assert!(!ok && evidence.contains("does not answer"), "{evidence}");
        assert!(ask("cinder").1.contains("not asked, as Keystone gave no token"));
        assert!(ask("horizon").1.contains("does not answer"));
    });
}
