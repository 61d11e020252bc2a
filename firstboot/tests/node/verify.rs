//! The verify step on a double of a controller whose cloud is installed: its APIs are pages.

use crate::double::{CONTROLLER, Node};
use contract::status::{Outcome, StepState};
use contract::time;
use firstboot::engine;
use firstboot::host::http::Response;
use firstboot::journal::Journal;
use firstboot::steps::Step;
use serde_json::{Value, json};
use std::time::Duration;

/// What the answer file has of packstack's services; nova, neutron and cinder alone.
const ANSWERS: &str = "[general]\nCONFIG_KEYSTONE_ADMIN_PW=planted-admin-pw\n\
    CONFIG_COMPUTE_HOSTS=192.168.1.11,192.168.1.12\nCONFIG_NETWORK_HOSTS=192.168.1.10\n\
    CONFIG_GLANCE_INSTALL=n\nCONFIG_HORIZON_INSTALL=n\nCONFIG_CEILOMETER_INSTALL=n\n\
    CONFIG_AODH_INSTALL=n\nCONFIG_GNOCCHI_INSTALL=n\n";
/// The first bytes of RabbitMQ's answer to a client.
const START: &[u8] = b"\x01\0\0\0\0\x01\xf4\0\x0a\0\x0a";
/// The double's clock at its start (2026-11-24T02:28:00Z).
const START_OF_TIME: u64 = 1_795_487_280;

/// A controller on which packstack has finished, and firstboot has run.
pub fn installed() -> Node {
    let node = Node::new(CONTROLLER);
    for directory in ["var/lib/firstboot/packstack", "root"] {
        std::fs::create_dir_all(node.root.path().join(directory)).unwrap();
    }
    node.write("/var/lib/firstboot/packstack/result.json", "{\"ended\": \"\"}");
    node.write("/var/lib/firstboot/packstack/answers.txt", ANSWERS);
    node.write("/root/keystonerc_admin", "");
    node.run();
    node.world.borrow_mut().now = Duration::ZERO;
    node
}

/// Runs verify alone.
fn verify(node: &Node) -> StepState {
    node.records.0.lock().unwrap().clear();
    let journal = Journal::new(Some(&node.spec), vec![Box::new(node.records.clone())]);
    let host = node.host();
    let state = engine::retry_step(&host, &node.spec, &journal, &Step::bounds, Step::Verify);
    state.unwrap().steps.into_iter().find(|step| step.name == "verify").unwrap()
}

/// The records about services: name, outcome, message.
fn services(node: &Node) -> Vec<[String; 3]> {
    let records = node.records.0.lock().unwrap();
    let of_services = records
        .iter()
        .filter(|record| ["answers", "fails"].contains(&record["FIRSTBOOT_OUTCOME"].as_str()));
    let fields = ["FIRSTBOOT_ABOUT", "FIRSTBOOT_OUTCOME", "MESSAGE"];
    of_services.map(|record| fields.map(|field| record[field].clone())).collect()
}

#[test]
fn a_wait_notes_each_service_once() {
    let node = installed();
    let step = verify(&node);
    assert_eq!(step.outcome, Outcome::Failed, "{step:?}");
    assert!(step.seconds >= 600.0, "{step:?}");
    let noted = services(&node);
    let names: Vec<&str> = noted.iter().map(|[name, _, _]| name.as_str()).collect();
    assert_eq!(
        names,
        ["keystone", "rabbitmq", "nova", "neutron", "cinder", "novncproxy"],
        "{noted:?}"
    );
    // Again, and a new look is told about.
    verify(&node);
    assert_eq!(services(&node).len(), 6);
}

/// Puts the pages of a healthy cloud into the world, with the last heartbeats of nova and
/// cinder, and of neutron, so many seconds after the start of time.
pub fn put_pages(
    pages: &mut std::collections::BTreeMap<String, Response>,
    nova: u64,
    neutron: u64,
) {
    let stamp = |at: u64| time::rfc3339(Duration::from_secs(START_OF_TIME + at));
    let beat = stamp(nova).replace('Z', ".000000");
    let seen = stamp(neutron).replace('T', " ").replace('Z', "");
    let service = |(binary, host): (&str, &str)| json!({"binary": binary, "host": host, "status": "enabled", "state": "up", "updated_at": beat});
    let agent = |(kind, host): (&str, &str)| json!({"agent_type": kind, "host": host, "alive": true, "heartbeat_timestamp": seen});
    let nova = ["nova-conductor", "nova-scheduler", "nova-consoleauth"].map(|b| (b, "openstack"));
    let nova: Vec<Value> = [&nova[..], &[("nova-compute", "nova01"), ("nova-compute", "nova02")]]
        .concat()
        .into_iter()
        .map(service)
        .collect();
    let switch = "Open vSwitch agent";
    let agents: Vec<Value> = [
        (switch, "openstack"),
        (switch, "nova01"),
        (switch, "nova02"),
        ("DHCP agent", "openstack"),
        ("L3 agent", "openstack"),
        ("Metadata agent", "openstack"),
    ]
    .into_iter()
    .map(agent)
    .collect();
    let cinder: Vec<Value> = ["cinder-scheduler", "cinder-volume"]
        .map(|b| (b, "openstack"))
        .into_iter()
        .map(service)
        .collect();
    let hypervisors =
        ["nova01", "nova02"].map(|name| json!({"hypervisor_hostname": name, "state": "up"}));
    let at = |port: u16| format!("http://192.168.1.10:{port}");
    let endpoint = |kind: &str, port: u16| json!({"type": kind, "endpoints": [{"interface": "public", "url": at(port)}]});
    let catalog =
        [endpoint("compute", 8774), endpoint("network", 9696), endpoint("volumev2", 8776)];
    for (url, status, body) in [
        (at(5000) + "/v3/auth/tokens", 201, json!({"token": {"catalog": catalog}})),
        (at(8774) + "/os-services", 200, json!({"services": nova})),
        (at(8774) + "/os-hypervisors/detail", 200, json!({"hypervisors": hypervisors})),
        (at(9696) + "/v2.0/agents", 200, json!({"agents": agents})),
        (at(6080) + "/vnc_auto.html", 200, json!("noVNC")),
        (at(8776) + "/os-services", 200, json!({"services": cinder})),
    ] {
        let headers = vec![("x-subject-token".to_owned(), "planted-token".to_owned())];
        pages.insert(url, Response { status, headers, body: body.to_string().into_bytes() });
    }
}

/// Everything is up and stays up; ready is only said after a heartbeat of each, the second
/// one of nova's and cinder's.
#[test]
fn heartbeats_after_the_beginning_are_waited_for() {
    let node = installed();
    {
        let mut world = node.world.borrow_mut();
        let answer = Response { body: START.to_vec(), ..Response::default() };
        world.pages.insert("tcp://192.168.1.10:5672".into(), answer);
        put_pages(&mut world.pages, 0, 0);
    }
    let later = |nova: u64, neutron: u64| {
        let event =
            move |world: &mut crate::double::World| put_pages(&mut world.pages, nova, neutron);
        node.world.borrow_mut().at(nova, event);
    };
    later(5, 0);
    later(15, 0);
    later(31, 28);
    let step = verify(&node);
    assert_eq!(step.outcome, Outcome::Unchanged, "{step:?}");
    assert!((31.0..33.0).contains(&step.seconds), "{step:?}");
    let noted = services(&node);
    let silent = "neutron: Open vSwitch agent on nova01, nova02, openstack, DHCP agent on openstack, L3 agent on openstack, Metadata agent on openstack has sent no heartbeat since this check began";
    assert!(
        noted.iter().any(|[_, outcome, text]| outcome == "fails" && text.starts_with(silent)),
        "{noted:?}"
    );
    assert_eq!(noted.len(), 9, "three of them twice: {noted:?}");
}

/// Without RabbitMQ the APIs go on calling everything up.
#[test]
fn a_dead_bus_is_named() {
    let node = installed();
    put_pages(&mut node.world.borrow_mut().pages, 0, 0);
    for beat in (10..700).step_by(10) {
        let event = move |world: &mut crate::double::World| put_pages(&mut world.pages, beat, beat);
        node.world.borrow_mut().at(beat, event);
    }
    let step = verify(&node);
    assert_eq!(step.outcome, Outcome::Failed, "{step:?}");
    let words =
        "waiting for OpenStack to work (rabbitmq: RabbitMQ does not answer at 192.168.1.10:5672: ";
    assert!(step.message.contains(words), "{step:?}");
}
