//! A machine in a node's place: its ssh host key is not one that the node has. The nodes'
//! services are real; a double stands in ssh-keyscan's place.

use crate::double::{FakeClock, FakeRunner, World, printed};
use crate::namespace::isolated;
use crate::peer_lab::{Authority, LabNode, addresses, spec};
use firstboot::host::Host;
use firstboot::peers::host_keys::{find_impostors, list_host_keys};
use std::cell::RefCell;
use std::process::Command;
use std::rc::Rc;

/// A new key of `kind`, as the public part's file has it.
fn new_key(kind: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", "", "-C", "root@localhost", "-f"]).arg(&file);
    assert!(command.status().expect("`ssh-keygen` runs (Debian package openssh-client)").success());
    std::fs::read_to_string(file.with_extension("pub")).unwrap()
}

/// `key` as ssh-keyscan prints it, with its comment before it.
fn scanned(address: &str, key: &str) -> String {
    let words: Vec<&str> = key.split_whitespace().take(2).collect();
    format!("# {address}:22 SSH-2.0-OpenSSH_7.4\n{address} {}\n", words.join(" "))
}

#[test]
fn a_machine_in_a_nodes_place_is_named() {
    isolated(|| {
        addresses();
        let authority = Authority::new();
        let nodes: Vec<LabNode> =
            (0..3).map(|index| LabNode::start(&authority, spec(index, 3))).collect();
        let (rsa, ed25519, other) = (new_key("rsa"), new_key("ed25519"), new_key("ed25519"));
        for node in &nodes[1..] {
            node.write("/etc/ssh/ssh_host_rsa_key.pub", &rsa, 0o644);
            node.write("/etc/ssh/ssh_host_ed25519_key.pub", &ed25519, 0o644);
            node.write("/etc/ssh/ssh_host_ed25519_key", "planted", 0o600);
        }
        let own = list_host_keys(&Host::open(nodes[1].root.path())).unwrap();
        assert_eq!(own.len(), 2, "{own:?}");
        assert!(own.iter().all(|key| !key.contains("planted") && !key.contains("root@")));

        let found = |second: &str| {
            let mut world = World::healthy(&nodes[0].spec);
            // It would answer in ssh-keyscan's place.
            world.answers.remove("ssh");
            let first = scanned("10.9.0.2", &rsa) + &scanned("10.9.0.2", &ed25519);
            world.answers.insert("ssh-keyscan -T 5 10.9.0.2", vec![printed(0, &first)]);
            world.answers.insert("ssh-keyscan -T 5 10.9.0.3", vec![printed(0, second)]);
            let world = Rc::new(RefCell::new(world));
            let runner = Box::new(FakeRunner(world.clone()));
            let host = Host::with(nodes[0].root.path(), runner, Box::new(FakeClock(world)));
            find_impostors(&host, &nodes[0].spec)
        };
        assert_eq!(found(&scanned("10.9.0.3", &ed25519)), Vec::<String>::new());
        let why = "another machine than node2 answers ssh at 10.9.0.3: the host keys differ";
        assert_eq!(found(&scanned("10.9.0.3", &other)), [why]);
        assert_eq!(found(""), Vec::<String>::new(), "that it does not answer is told by others");
    });
}
