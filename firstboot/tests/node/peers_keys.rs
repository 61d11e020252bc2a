//! A node's key was replaced, as it was stolen: the nodes that are built again know the new
//! one alone, over real TLS, though the CA has signed both.

use crate::namespace::{isolated, until};
use crate::peer_lab::{Authority, LabNode, addresses, announce, announcement, open, spec, talk};
use contract::peers::fingerprints::Fingerprints;
use contract::peers::places::{self, OPERATOR};
use contract::peers::tls::Pki;
use contract::peers::{client, wire};
use std::net::Ipv4Addr;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A certificate and its key.
type Identity = (String, String);

/// The file of an image built when these were the keys.
fn fingerprints(keys: &[(&str, &Identity)]) -> Fingerprints {
    let mut known = Fingerprints::default();
    for (name, (certificate, _)) in keys {
        known.add(name, certificate).unwrap();
    }
    known
}

#[test]
fn a_replaced_key_is_refused_by_nodes_that_are_built_again() {
    isolated(|| {
        addresses();
        let authority = Authority::new();
        let mut node = LabNode::start(&authority, spec(0, 3));
        let issue = |name: &str| authority.issue(name, Ipv4Addr::LOCALHOST);
        let (old, new, other) = (issue("node1"), issue("node1"), issue("node2"));
        let (operator, old_operator) = (issue(OPERATOR), issue(OPERATOR));
        let own = std::fs::read_to_string(node.path(places::CERTIFICATE_FILE)).unwrap();
        let own = (own, String::new());
        let pki = |(certificate, key): &Identity, known: Option<&Fingerprints>| {
            Pki::from_pem(&authority.pem, certificate, key, known.cloned()).unwrap()
        };
        let announce_as = |node: &LabNode, identity: &Identity, name: &str, seq: u64| {
            let message = announcement(name, "boot", seq);
            talk(async { announce(&pki(identity, None), node, &message).await })
        };
        let open_state = |node: &LabNode, pki: &Pki| {
            client::ask_once(pki, node.at(), &node.spec.node.name, wire::STATE, LIMIT)
        };

        // An image that names no keys takes what the CA has signed, as it always has.
        assert_eq!(announce_as(&node, &old, "node1", 1), Ok(()));
        assert_eq!(announce_as(&node, &new, "node1", 2), Ok(()));

        let names = [("node0", &own), ("node1", &new), ("node2", &other), (OPERATOR, &operator)];
        let known = fingerprints(&names);
        node.write(places::FINGERPRINTS_FILE, &known.text(), 0o644);
        node.serve();
        let error = announce_as(&node, &old, "node1", 3).unwrap_err();
        assert_eq!(announce_as(&node, &new, "node1", 4), Ok(()), "{error}");
        assert_eq!(announce_as(&node, &other, "node2", 1), Ok(()));
        open_state(&node, &pki(&old_operator, None)).unwrap_err();
        open_state(&node, &pki(&operator, Some(&known))).unwrap();
        // Nor does another name help.
        announce_as(&node, &issue("node9"), "node9", 1).unwrap_err();
        until("each is counted", || {
            node.ask("peers").0["refused"]["revoked-certificate"].as_u64() == Some(3)
        });
        let records = node.records();
        assert!(records.contains("revoked-certificate: its key is not the one in"), "{records}");

        // The other way round: who knows the new key refuses a server with the old one.
        let newer = fingerprints(&[("node0", &new), ("node1", &new)]);
        let error = talk(async { open(&pki(&new, Some(&newer)), &node).await.err().unwrap() });
        assert!(error.contains("Revoked"), "{error}");
        let error = open_state(&node, &pki(&new, Some(&newer))).unwrap_err();
        let message = client::describe_revoked(&error, "node0").unwrap();
        assert!(
            message.starts_with("the key of node0 is not the one that is known here"),
            "{message}"
        );
        let _thief = LabNode::start(&authority, spec(1, 3));
        until("the thief is reported", || {
            node.records().contains("the key of node1 is not the one that is known here")
        });
    });
}

#[test]
fn damaged_fingerprints_are_named() {
    isolated(|| {
        addresses();
        let mut node = LabNode::start(&Authority::new(), spec(0, 2));
        node.stop();
        node.write(places::FINGERPRINTS_FILE, "node1\n", 0o644);
        let mut command = std::process::Command::new(crate::peer_lab::BINARY);
        let output = command.args(["peers", "--serve", "--root"]).arg(node.root.path()).output();
        let output = output.unwrap();
        // The unit does not start it again then.
        assert_eq!(output.status.code(), Some(65), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("/etc/firstboot/pki/fingerprints: line 1: "), "{stderr}");
    });
}
