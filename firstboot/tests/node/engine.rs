//! The engine on a double of a node: records, state file, a second run.

use crate::double::{COMPUTE, Node};
use contract::status::{Outcome, Readiness};
use firstboot::journal::id;
use firstboot::report;
use firstboot::state::RunState;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Path, inode and modification time of every file below `at`, except the state file.
fn snapshot(at: &Path) -> Vec<(std::path::PathBuf, u64, i64, i64)> {
    let mut found = Vec::new();
    let mut directories = vec![at.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                directories.push(path);
            } else if !path.ends_with("state.json") {
                found.push((path, meta.ino(), meta.mtime(), meta.mtime_nsec()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_second_run_changes_nothing_and_reports_that() {
    let node = Node::new(COMPUTE);
    for path in ["/etc/hosts", "/etc/resolv.conf", "/etc/chrony.conf", "/etc/hostname"] {
        node.write(path, "wrong\n");
    }
    let first = node.run();
    assert_eq!(first.readiness(), Readiness::Ready, "{first:?}");
    assert!(first.steps.iter().any(|step| step.outcome == Outcome::Changed));
    let (before, calls) = (snapshot(node.root.path()), node.world.borrow().calls.len());

    let second = node.run();
    assert_eq!(snapshot(node.root.path()), before);
    // A compute has no OpenStack to take care of yet.
    let (of_cloud, other): (Vec<_>, Vec<_>) =
        second.steps.iter().partition(|step| ["aftercare", "tunnels"].contains(&&*step.name));
    assert!(other.iter().all(|step| step.outcome == Outcome::Unchanged), "{second:?}");
    assert!(of_cloud.iter().all(|step| step.outcome == Outcome::Skipped), "{second:?}");
    let world = node.world.borrow();
    let changing = |line: &&String| {
        ["start", "stop", "able ", "sethost"].iter().any(|verb| line.contains(verb))
    };
    assert_eq!(world.calls[calls..].iter().find(changing), None);
    let records = node.records.0.lock().unwrap();
    let last = records.last().unwrap();
    assert_eq!(last["MESSAGE_ID"], id::NODE_READY);
    assert!(last["MESSAGE"].contains("nothing had to be changed"), "{last:?}");
    assert!(last["MESSAGE"].contains("0 steps changed, 9 unchanged"), "{last:?}");
}

#[test]
fn every_transition_is_one_record_with_all_fields() {
    let node = Node::plain();
    node.write("/etc/hosts", "wrong\n");
    node.run();
    let records = node.records.0.lock().unwrap();
    let outcomes: Vec<String> = records
        .iter()
        .map(|fields| format!("{} {}", fields["FIRSTBOOT_STEP"], fields["FIRSTBOOT_OUTCOME"]))
        .collect();
    assert_eq!(
        outcomes,
        [
            "run started",
            "identity started",
            "identity changed",
            "network started",
            "network unchanged",
            "services started",
            "services unchanged",
            "ssh-keys started",
            "ssh-keys unchanged",
            "repositories started",
            "repositories unchanged",
            "chrony started",
            "chrony unchanged",
            "openvswitch started",
            "openvswitch unchanged",
            "announce started",
            "announce unchanged",
            "run ready"
        ]
    );
    for fields in records.iter() {
        assert_eq!(fields["FIRSTBOOT_NODE"], "openstack");
        assert_eq!(fields["FIRSTBOOT_ROLE"], "controller");
        fields["FIRSTBOOT_DURATION_MS"].parse::<u64>().unwrap();
        fields["FIRSTBOOT_ATTEMPT"].parse::<u32>().unwrap();
        assert_eq!(fields["MESSAGE_ID"].len(), 32);
    }
    assert_eq!(records[2]["FIRSTBOOT_ATTEMPT"], "1");
}

#[test]
fn retries_are_logged_and_their_pauses_grow() {
    let node = Node::plain();
    node.world.borrow_mut().interfaces[0].up = false;
    let state = node.run();
    assert_eq!(state.steps[1].outcome, Outcome::Failed);
    let records = node.records.0.lock().unwrap();
    let pauses: Vec<&str> = records
        .iter()
        .filter(|fields| fields["MESSAGE_ID"] == id::STEP_RETRY)
        .map(|fields| fields["MESSAGE"].as_str())
        .collect();
    let wrong = "eth0 is switched off";
    assert_eq!(pauses.len(), 3);
    for (pause, min) in pauses.iter().zip([1.0, 2.0, 4.0]) {
        let text = pause.strip_prefix("network again in ").unwrap();
        let (seconds, why) = text.split_once(" s: ").unwrap();
        let seconds: f64 = seconds.parse().unwrap();
        // Up to a quarter more, another for each node.
        assert!((min..=min * 1.25 + 0.05).contains(&seconds), "{pause}");
        assert_eq!(why, wrong);
    }
    let last = records.last().unwrap();
    assert_eq!(last["MESSAGE_ID"], id::NODE_FAILED);
    assert!(last["MESSAGE"].contains("network failed"), "{last:?}");
    let blocked = records.iter().find(|fields| {
        fields["FIRSTBOOT_OUTCOME"] == "blocked" && fields["FIRSTBOOT_STEP"] == "chrony"
    });
    let blocked = blocked.unwrap();
    assert!(blocked["MESSAGE"].contains("it needs step network"));
}

#[test]
fn the_state_file_is_private_and_is_what_status_shows() {
    let node = Node::plain();
    let before = report::load_status(&node.host()).unwrap();
    assert_eq!(before.state, Readiness::Working);
    let run = node.run();
    let path = node.root.path().join("var/lib/firstboot/state.json");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(RunState::load(&node.host()).unwrap(), Some(run.clone()));
    let status = report::load_status(&node.host()).unwrap();
    assert_eq!((status.state, &status.steps), (Readiness::Ready, &run.steps));
}

#[test]
fn another_boot_makes_the_old_result_void() {
    let node = Node::plain();
    node.run();
    std::fs::create_dir_all(node.root.path().join("proc/sys/kernel/random")).unwrap();
    node.write("/proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000001\n");
    let status = report::load_status(&node.host()).unwrap();
    assert_eq!(status.state, Readiness::Working);
    assert!(status.note.unwrap().contains("in this boot"));
    node.run();
    assert_eq!(report::load_status(&node.host()).unwrap().state, Readiness::Ready);
}

#[test]
fn an_interrupted_run_differs_from_one_at_work() {
    let node = Node::plain();
    let mut state = node.run();
    state.steps[3].outcome = Outcome::Waiting;
    state.save(&node.host()).unwrap();
    let status = report::load_status(&node.host()).unwrap();
    assert_eq!(status.state, Readiness::Failed);
    assert!(status.note.unwrap().contains("interrupted"));
    let _lock = node.host().lock(firstboot::state::DIRECTORY).unwrap().unwrap();
    assert_eq!(report::load_status(&node.host()).unwrap().state, Readiness::Working);
}

#[test]
fn a_damaged_state_file_is_reported_and_the_next_run_replaces_it() {
    let node = Node::plain();
    node.run();
    node.write("/var/lib/firstboot/state.json", "{\"version\": 1, ");
    assert!(report::load_status(&node.host()).unwrap_err().to_string().contains("state.json"));
    node.run();
    assert_eq!(report::load_status(&node.host()).unwrap().state, Readiness::Ready);
}
