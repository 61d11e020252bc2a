//! Records through a real systemd-journald, read back by journalctl (Debian
//! package systemd).

use crate::double::{COMPUTE, Node};
use crate::namespace::{Daemon, isolated, until};
use crate::recorder::Fields;
use firstboot::engine;
use firstboot::journal::{Event, Journal, RUN, id};
use firstboot::steps::Step;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn journalctl(args: &[&str]) -> Vec<Value> {
    let output = Command::new("journalctl")
        .args(["-D", "/run/log/journal", "-o", "json", "--all", "--no-pager"])
        .args(args)
        .output()
        .expect("`journalctl` runs (Debian package systemd)");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn journalctl_finds_every_record_with_its_fields() {
    isolated(|| {
        std::fs::create_dir_all("/run/systemd/journal").unwrap();
        std::fs::create_dir_all("/run/log/journal").unwrap();
        let _daemon =
            Daemon::start(&mut Command::new("/lib/systemd/systemd-journald"), "package systemd");
        until("the journal's socket", || Path::new("/run/systemd/journal/socket").exists());

        let node = Node::new(COMPUTE);
        node.world.borrow_mut().units.remove("openvswitch.service");
        node.world.borrow_mut().unit("chronyd").active = "activating";
        let sinks = vec![Journal::system_sink(), Box::new(node.records.clone())];
        let journal = Journal::new(Some(&node.spec), sinks);
        engine::run_all(&node.host(), &node.spec, &journal, &Step::bounds).unwrap();

        // Text larger than a datagram may be: it must be cut, not lost.
        let message = format!("{}\n{}", "µ".repeat(10), "x".repeat(300_000));
        let hint = "µ".repeat(300_000);
        let event = Event::new(id::NODE_FAILED, RUN, message);
        journal.record(&Event { outcome: "failed", hint: Some(&hint), ..event });

        let kept = node.records.0.lock().unwrap().clone();
        until("every record in the journal", || {
            journalctl(&["-t", "firstboot"]).len() == kept.len()
        });
        let found = journalctl(&["-t", "firstboot"]);
        for (record, wanted) in found.iter().zip(&kept) {
            compare(record, wanted);
        }
        let failed =
            journalctl(&["FIRSTBOOT_STEP=services", "FIRSTBOOT_OUTCOME=failed", "-p", "err"]);
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0]["MESSAGE_ID"], id::STEP_FAILED);
        assert!(failed[0]["FIRSTBOOT_REMEDY"].as_str().unwrap().contains("install the package"));
    });
}

fn compare(record: &Value, wanted: &Fields) {
    assert_eq!(record["SYSLOG_IDENTIFIER"], "firstboot");
    for (key, value) in wanted {
        assert_eq!(record[key].as_str(), Some(value.as_str()), "{key} of {record}");
    }
}
