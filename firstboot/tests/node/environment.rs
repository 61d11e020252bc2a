//! `firstboot check`, `analyze`, `retry`, and the output of `status`: on doubles and by the
//! binary.

use crate::double::{CONTROLLER, FakeUnit, Node, plain};
use contract::status::{Outcome, Readiness};
use firstboot::environment::check_environment;
use firstboot::host::http::Response;
use firstboot::journal::Journal;
use firstboot::steps::Step;
use firstboot::{analyze, engine, report};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// A healthy controller with everything that it needs.
fn healthy() -> Node {
    let node = Node::new(CONTROLLER);
    let needed = node.spec.packages.needed.iter();
    let needed: String =
        needed.map(|name| format!("<package><name>{name}</name></package>")).collect();
    let list = format!("<metadata packages=\"1\">{needed}</metadata>");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, list.as_bytes()).unwrap();
    let url = "http://192.168.1.254/rhel7osp-10/rhel-7-server-openstack-10-rpms/repodata/p.xml.gz";
    let body = packed.finish().unwrap();
    let page = Response { status: 200, body, ..Response::default() };
    node.world.borrow_mut().pages.insert(url.into(), page);
    node
}

/// The check that fails, alone; its evidence and hint.
fn failing(node: &Node) -> (String, String, String) {
    let mut bad: Vec<_> =
        check_environment(&node.host(), &node.spec).into_iter().filter(|one| !one.ok).collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    let one = bad.remove(0);
    assert!(!one.hint.is_empty(), "{one:?}");
    (one.check.to_owned(), one.evidence, one.hint)
}

#[test]
fn a_healthy_node_passes_all_seven() {
    let node = healthy();
    let checks = check_environment(&node.host(), &node.spec);
    assert_eq!(checks.len(), 7);
    for one in &checks {
        assert!(one.ok && one.hint.is_empty() && !one.evidence.is_empty(), "{one:?}");
    }
    assert!(checks[3].evidence.contains("4 repositories with 10670 packages"), "{checks:?}");
    assert!(checks[4].evidence.contains("13 needed: 0 installed, 13 available"), "{checks:?}");
    assert_eq!(node.called("systemctl --no-pager start"), 0);
}

#[test]
fn each_of_the_seven_can_fail_alone_and_reports_why() {
    let expect = |node: &Node, check: &str, words: &str| {
        let (found, evidence, _) = failing(node);
        assert_eq!(found, check, "{evidence}");
        assert!(evidence.contains(words), "`{words}` is not in `{evidence}`");
    };
    let node = healthy();
    let units = |name: &str, unit: FakeUnit| {
        node.world.borrow_mut().units.insert(name.into(), unit);
    };
    units("firewalld.service", FakeUnit::new("active", true));
    expect(&node, "no firewalld and NetworkManager", "firewalld is active (running), enabled");

    let node = healthy();
    let path = "/etc/sysconfig/network-scripts/ifcfg-br-ex";
    let text = node.read(path).replace("BOOTPROTO=static", "BOOTPROTO=dhcp");
    node.write(path, &text);
    expect(&node, "static address", "ifcfg-br-ex: wrong: BOOTPROTO");

    let node = healthy();
    node.write("/etc/hosts", &node.read("/etc/hosts").replace("192.168.1.12 nova02", ""));
    expect(&node, "names and reachability", "/etc/hosts lacks nova02 as 192.168.1.12");
    let node = healthy();
    let silent = crate::double::printed(1, "1 packets transmitted, 0 received\n");
    node.world.borrow_mut().answers.insert("ping -n -c 1 -W 2 192.168.1.11", vec![silent.clone()]);
    node.world.borrow_mut().answers.remove("ping");
    let other = crate::double::printed(0, "");
    node.world.borrow_mut().answers.insert("ping -n -c 1 -W 2 192.168.1.10", vec![other.clone()]);
    node.world.borrow_mut().answers.insert("ping -n -c 1 -W 2 192.168.1.12", vec![other]);
    expect(&node, "names and reachability", "nova01 (192.168.1.11) does not answer a ping");

    let node = healthy();
    node.world.borrow_mut().pages.retain(|url, _| !url.contains("extras"));
    expect(&node, "repositories", "rhel7-extras does not answer");
    let mut node = healthy();
    node.spec.packages.total = Some(10671);
    expect(&node, "repositories", "together they hold 10670 packages in place of 10671");

    let mut node = healthy();
    node.spec.packages.needed.push("openstack-heat".into());
    expect(&node, "packages", "neither installed nor in a repository: openstack-heat");

    let node = healthy();
    let waiting = crate::double::printed(0, "^,?,192.168.1.254,0,6,0,4294967295,0,0,0\n");
    node.world.borrow_mut().answers.insert("chronyc", vec![waiting]);
    expect(&node, "time", "192.168.1.254 has not answered");

    let node = healthy();
    node.write("/etc/resolv.conf", "search lab.example\nnameserver 192.168.1.10\n");
    expect(&node, "name servers", "has a `search` line; 192.168.1.10 is the controller");
}

fn firstboot(args: &[&str], root: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_firstboot"))
        .args(args)
        .arg("--root")
        .arg(root)
        .output()
        .unwrap()
}

#[test]
fn the_binary_prints_seven_entries_and_the_status_with_all_keys() {
    let node = Node::new(CONTROLLER);
    let root = node.root.path();
    let output = firstboot(&["check", "--json"], root);
    assert_eq!(output.status.code(), Some(1), "a directory tree has no clock");
    let checks: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(checks.len(), 7);
    for one in &checks {
        let keys: Vec<&String> = one.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert!(one["ok"].is_boolean() && one["check"].is_string(), "{one}");
        assert_eq!(one["remedy"] == "", one["ok"] == true, "{one}");
    }
    let evidence = checks[3]["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("http://192.168.1.254: only a running node can ask it"),
        "{evidence}"
    );
    let text = String::from_utf8(firstboot(&["check"], root).stdout).unwrap();
    assert!(text.contains("hint: run it on the node"), "{text}");

    assert_eq!(firstboot(&["run"], root).status.code(), Some(0));
    let status = firstboot(&["status", "--json"], root).stdout;
    let status: Value = serde_json::from_slice(&status).unwrap();
    assert_eq!((&status["node"], &status["role"]), (&"openstack".into(), &"controller".into()));
    assert!(status["peers"].is_array() && status["services"].is_array());
    for step in status["steps"].as_array().unwrap() {
        for key in ["name", "outcome", "since", "seconds", "message"] {
            assert!(step.get(key).is_some(), "{key} in {step}");
        }
    }
    assert_eq!(firstboot(&["retry", "identity"], root).status.code(), Some(0));
    let wrong = firstboot(&["retry", "identiy"], root);
    assert_eq!(wrong.status.code(), Some(64));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("the steps are: identity, network"));
    assert_eq!(firstboot(&["retry", "libvirt"], root).status.code(), Some(64));
}

#[test]
fn a_retry_does_the_step_and_what_depends_on_it_and_nothing_else() {
    let node = Node::new(&plain());
    let mute = crate::double::printed(1, "506 Cannot talk to daemon\n");
    let healthy = node.world.borrow().answers["chronyc"].clone();
    node.world.borrow_mut().answers.insert("chronyc", vec![mute]);
    let state = node.run();
    assert_eq!(state.readiness(), Readiness::Failed);
    let outcome = |state: &firstboot::state::RunState, name: &str| {
        state.steps.iter().find(|step| step.name == name).unwrap().outcome
    };
    assert_eq!(outcome(&state, "announce"), Outcome::Blocked);
    node.world.borrow_mut().answers.insert("chronyc", healthy);
    node.records.0.lock().unwrap().clear();
    let journal = Journal::new(Some(&node.spec), vec![Box::new(node.records.clone())]);
    let host = node.host();
    let state =
        engine::retry_step(&host, &node.spec, &journal, &Step::bounds, Step::Chrony).unwrap();
    assert_eq!(state.readiness(), Readiness::Ready, "{state:?}");
    assert_eq!(report::load_status(&node.host()).unwrap().state, Readiness::Ready);
    let records = node.records.0.lock().unwrap();
    let mut steps: Vec<&str> =
        records.iter().map(|fields| fields["FIRSTBOOT_STEP"].as_str()).collect();
    steps.dedup();
    assert_eq!(steps, ["run", "chrony", "announce", "run"]);
}

#[test]
fn where_the_time_went_is_printed_and_drawn() {
    let node = Node::new(&plain());
    std::fs::create_dir_all(node.root.path().join("proc")).unwrap();
    node.write("/proc/uptime", "42.50 80.00\n");
    node.world.borrow_mut().interfaces[0].carrier = false;
    node.world.borrow_mut().at(90, |world| world.interfaces[0].carrier = true);
    let mut state = node.run();
    let text = analyze::draw_text(&state);
    assert!(text.contains("42.5 s  from power-on"), "{text}");
    assert!(text.contains("    90.0 s  network      unchanged  ##########"), "{text}");
    assert!(text.contains("network took 100 % of the time"), "{text}");
    state.steps[1].message = "a <b> & \"c\"\u{7}".into();
    let svg = analyze::draw_svg(&state);
    let file = node.root.path().join("time.svg");
    std::fs::write(&file, &svg).unwrap();
    // Python's own XML parser takes it, and finds a bar for each step and one before.
    let script = "import sys, xml.etree.ElementTree as E\n\
                  print(len(list(E.parse(sys.argv[1]).iter('{http://www.w3.org/2000/svg}rect'))))";
    let output = Command::new("python3").args(["-c", script]).arg(&file).output().unwrap();
    let bars = String::from_utf8(output.stdout).unwrap();
    assert_eq!(bars.trim(), (state.steps.len() + 1).to_string(), "{svg}");
    assert!(firstboot(&["analyze"], node.root.path()).status.success());
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(firstboot(&["analyze"], empty.path()).status.code(), Some(74));
}

#[test]
fn a_server_that_is_off_is_one_fault() {
    let node = healthy();
    node.world.borrow_mut().pages.clear();
    let host = node.host();
    let all = "centos, rhel7-extras, rhel-7-server-openstack-10-rpms, \
               rhel-7-server-openstack-10-devtools-rpms";
    let seen: Vec<String> =
        check_environment(&host, &node.spec).into_iter().map(|one| one.evidence).collect();
    for words in
        [format!("{all} do not answer (http://192.168.1.254: "), format!("{all} cannot be read (")]
    {
        assert!(seen.iter().any(|evidence| evidence.contains(&words)), "{words}: {seen:#?}");
    }
}
