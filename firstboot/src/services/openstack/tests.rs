//! The judgement of what real servers answered (Zed, recorded), and of the bus.

use super::judge::{self, Expected};
use super::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// A recorded state: when it was asked, and the answers.
fn recorded(state: &str) -> Value {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openstack-zed");
    let text = std::fs::read_to_string(format!("{directory}/{state}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What is wrong in `state` where only heartbeats since `since` count.
fn find_wrong(state: &Value, since: &str) -> Vec<String> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = Expected {
        computes: names(&["nova01", "nova02"]),
        agents: names(&["nova01", "nova02", "openstack"]),
        since: since.to_owned(),
    };
    let all = [
        judge::nova_services(&state["nova"], &expected),
        judge::nova_hypervisors(&state["hypervisors"], &expected),
        judge::neutron(&state["neutron"], &expected),
        judge::cinder(&state["cinder"], &expected),
    ];
    all.into_iter().filter_map(Result::err).collect()
}

#[test]
fn real_answers_are_judged_by_state_and_heartbeat() {
    let healthy = recorded("healthy");
    // Asked at 17:17:59, 40 s after the check began.
    assert_eq!(find_wrong(&healthy, "2026-11-29T17:17:29"), Vec::<String>::new());
    // When the check has only just begun, nobody has sent a heartbeat that counts.
    let wrong = find_wrong(&healthy, "2026-11-29T17:18:09");
    let silent = "has sent no heartbeat since this check began";
    let nova = "nova-conductor on openstack, nova-scheduler on openstack, nova-consoleauth on \
                openstack, nova-compute on nova01, nova02";
    assert_eq!(wrong[0], format!("{nova} {silent}"));
    let neutron = "Open vSwitch agent on nova01, nova02, openstack, DHCP agent on openstack, L3 \
                   agent on openstack, Metadata agent on openstack";
    assert_eq!(wrong[1], format!("{neutron} {silent}"));
    let wrong = find_wrong(&recorded("nova-compute-nova02-dead"), "2026-11-29T17:19:27");
    assert_eq!(wrong, ["nova-compute on nova02 is down", "hypervisor on nova02 is down, enabled"]);
    let wrong = find_wrong(&recorded("l3-agent-dead"), "2026-11-29T17:21:35");
    assert_eq!(wrong, ["L3 agent on openstack is not alive"]);
}

/// Ten seconds after its end the APIs call everything up; what sends its heartbeats over the
/// bus is found silent nevertheless.
#[test]
fn services_without_their_bus_are_silent() {
    let state = recorded("rabbitmq-stopped-10s");
    assert_eq!(find_wrong(&state, "2026-11-29T17:00:00"), Vec::<String>::new());
    let wrong = find_wrong(&state, "2026-11-29T17:23:24").join("\n");
    for silent in ["nova-compute on nova01, nova02", "Open vSwitch agent on nova01", "DHCP agent"] {
        assert!(wrong.contains(silent), "{silent}: {wrong}");
    }
}

/// What keeps its own heartbeats in the database stays up for as long as anybody looks: that
/// is why the bus itself is asked.
#[test]
fn some_services_do_not_miss_their_bus() {
    let state = recorded("rabbitmq-stopped-100s");
    let wrong = find_wrong(&state, "2026-11-29T17:24:24").join("\n");
    for up in ["nova-conductor", "nova-scheduler", "cinder"] {
        assert!(!wrong.contains(up), "{wrong}");
    }
}

#[test]
fn the_bus_is_known_by_its_first_words() {
    let host = Host::open(Path::new("/"));
    let ask = |answer: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let Ok(SocketAddr::V4(to)) = listener.local_addr() else { panic!("an IPv4 address") };
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut header = [0; 8];
            stream.read_exact(&mut header).unwrap();
            stream.write_all(answer).unwrap();
            header
        });
        let found = bus::greet(&host, to);
        assert_eq!(server.join().unwrap(), *b"AMQP\0\0\x09\x01");
        found
    };
    // The first bytes of Connection.Start, as RabbitMQ sends them.
    let start = b"\x01\0\0\0\0\x01\xf4\0\x0a\0\x0a\0\x09\0\0\x01\xcf\x0ccapabilities";
    assert!(ask(start).unwrap().starts_with("begins a connection at 127.0.0.1:"));
    assert!(ask(b"").unwrap_err().ends_with("it closes the connection"));
    assert!(ask(b"AMQP\0\0\x09\x01").unwrap_err().contains("is not RabbitMQ"));
    assert!(ask(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap_err().contains("is not RabbitMQ"));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let SocketAddr::V4(free) = free else { panic!("an IPv4 address") };
    let silent = bus::greet(&host, free).unwrap_err();
    assert_eq!(
        silent,
        format!("RabbitMQ does not answer at {free}: Connection refused (os error 111)")
    );
}
