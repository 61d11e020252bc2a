//! Checks of a node's journal and systemd, wherever the node runs.

use lab_tests::guest;
use serde_json::Value;

/// Runs a shell command on the node and returns what it printed.
pub type Shell<'a> = &'a dyn Fn(&str) -> String;

/// Asserts that firstboot logged its steps with all fields, and that each ended well.
pub fn check_records(ssh: Shell, node: &str, role: &str) {
    let records = guest::records(ssh);
    let field = |r: &Value, name: &str| r[name].as_str().unwrap_or_default().to_owned();
    for step in ["identity", "network", "services", "chrony", "announce"] {
        let of_step: Vec<&Value> =
            records.iter().filter(|r| field(r, "FIRSTBOOT_STEP") == step).collect();
        let last =
            of_step.last().unwrap_or_else(|| panic!("no record of step {step}: {records:#?}"));
        let outcome = field(last, "FIRSTBOOT_OUTCOME");
        assert!(["changed", "unchanged"].contains(&outcome.as_str()), "{last:#}");
        assert_eq!(field(last, "SYSLOG_IDENTIFIER"), "firstboot");
        assert!(field(last, "FIRSTBOOT_DURATION_MS").parse::<u64>().is_ok(), "{last:#}");
        assert_eq!(field(last, "FIRSTBOOT_NODE"), node);
        assert_eq!(field(last, "FIRSTBOOT_ROLE"), role);
        assert_eq!(field(last, "MESSAGE_ID").len(), 32, "{last:#}");
    }
    let explained = ssh("journalctl -b -x -t firstboot --no-pager");
    let begins = format!("firstboot begins on node {node} ({role})");
    assert!(explained.contains(&begins), "the message catalogue is not read: {explained}");
}

pub fn check_services(ssh: Shell, units: &[&str]) {
    for unit in units {
        let state = ssh(&format!("systemctl is-active {unit}; true"));
        assert_eq!(
            state.trim(),
            "active",
            "{unit}: {}",
            ssh(&format!("systemctl status {unit} --no-pager; true"))
        );
    }
}

/// Asserts that the node has counted all that its repositories hold.
pub fn check_repositories(ssh: Shell, packages: usize) {
    let status: Value = serde_json::from_str(&ssh("firstboot status --json")).expect("JSON");
    let steps = status["steps"].as_array().expect("steps");
    let step = steps.iter().find(|s| s["name"] == "repositories").expect("the step repositories");
    let message = step["message"].as_str().unwrap_or_default();
    let counted = format!("4 repositories with {packages} packages");
    assert!(step["outcome"] == "unchanged" && message.contains(&counted), "{counted}: {step:#}");
}
