//! The nodes exchange their status: the built binary's service over real TLS, on
//! addresses of the test's own network namespace. curl and openssl are the clients that
//! we did not write (Debian packages curl, openssl).

use crate::namespace::{isolated, until};
use crate::peer_lab::{
    Authority, LabNode, addresses, announce, announcement, open, open_to_others, post, spec, talk,
};
use contract::peers::client::TlsSession;
use contract::peers::places::{self, OPERATOR};
use contract::peers::tls::Pki;
use contract::peers::wire::{Announcement, PeerState, PeerStatus};
use contract::peers::{client, wire};
use contract::status::Outcome;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long a node may take to answer the test.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn three_nodes_know_of_each_other_and_of_the_cloud() {
    isolated(|| {
        addresses();
        let authority = Authority::new();
        let mut nodes: Vec<LabNode> =
            (0..3).map(|index| LabNode::start(&authority, spec(index, 3))).collect();
        for node in &nodes {
            until("all know of all", || {
                let (shown, code) = node.ask("peers");
                let peers = shown["peers"].as_array().unwrap();
                code == 2 && peers.iter().all(|peer| peer["state"] == "working")
            });
        }
        // A change is announced at once.
        nodes[1].state(Outcome::Unchanged);
        nodes[2].state(Outcome::Changed);
        until("the controller sees both computes ready", || nodes[0].ask("peers").1 == 0);
        assert_eq!(nodes[0].peer("node1")["step"], "announce");
        assert!(!nodes[1].text("status").contains("OpenStack is up\n"));
        nodes[0].state(Outcome::Changed);
        until("a compute sees that the cloud is up", || {
            nodes[1].text("status").contains("\nOpenStack is up\n")
        });
        let (status, _) = nodes[1].ask("status");
        assert_eq!((&status["cloud"], &status["peers"][0]["cloud"]), (&json!("up"), &json!("up")));
        let text = nodes[1].text("peers");
        assert!(text.contains("node1 knows 2 other nodes, 2 of them ready"), "{text}");

        // A failure is known, and a node's whole status is announced again after a restart.
        nodes[2].state(Outcome::Failed);
        until("the failure is known", || nodes[0].peer("node2")["state"] == "failed");
        assert_eq!(nodes[0].ask("peers").1, 1);
        nodes[0].serve();
        nodes[2].stop();
        // A minute passes on the controller.
        nodes[0].uptime(1060);
        until("its loss is known", || nodes[0].records().contains("lost: node2 was last seen"));
        let lost = nodes[0].peer("node2");
        assert_eq!((&lost["reachable"], &lost["state"]), (&json!(false), &json!("failed")));
        let text = nodes[0].text("peers");
        assert!(text.contains("NOT REACHABLE: last seen"), "{text}");
        nodes[2].write("/proc/sys/kernel/random/boot_id", "another-boot\n", 0o444);
        nodes[2].uptime(5);
        nodes[2].serve();
        until("the new boot is known", || nodes[0].peer("node2")["boot_id"] == "another-boot");
        assert_eq!(nodes[0].peer("node2")["state"], "working");
        let records = nodes[0].records();
        for words in [
            "peers: joined: node1 was seen for the first time",
            "peers: ready: node1 is ready",
            "peers: failed: node2 has failed at step identity",
            "peers: back: node2 has restarted",
        ] {
            assert!(records.contains(words), "{words}: {records}");
        }
        assert_eq!(records.matches("node1 is ready").count(), 1, "{records}");
        assert!(nodes[1].records().contains("peers: up: node0 reports that OpenStack is up"));
    });
}

#[test]
fn a_thousand_nodes_are_seen() {
    isolated(|| {
        const COUNT: u16 = 1000;
        addresses();
        let authority = Authority::new();
        let node = LabNode::start(&authority, spec(0, COUNT));
        let operator = authority.pki(OPERATOR);
        let refused = talk(async {
            // Not all at once: they share one machine with the node.
            let limit = Arc::new(Semaphore::new(64));
            let one = |index: u16| {
                let (limit, authority, node) = (limit.clone(), &authority, &node);
                async move {
                    let _permit = limit.acquire().await.unwrap();
                    let name = format!("node{index}");
                    let message = announcement(&name, &format!("boot-{index}"), 1);
                    announce(&authority.pki(&name), node, &message).await.err()
                }
            };
            let all: Vec<_> = (1..COUNT).map(one).collect();
            let mut refused = Vec::new();
            for answer in joined(all).await {
                refused.extend(answer);
            }
            refused
        });
        assert_eq!(refused, Vec::<String>::new());
        let name = &node.spec.node.name;
        let body = client::ask_once(&operator, node.at(), name, wire::PEERS, LIMIT).unwrap();
        let view: Vec<PeerStatus> = serde_json::from_slice(&body).unwrap();
        assert_eq!(view.len(), usize::from(COUNT) - 1);
        for peer in &view {
            assert!(peer.state == PeerState::Ready && peer.reachable, "{peer:?}");
        }
        // The file follows, and its readers see the same.
        until("all are in the file", || node.ask("peers").1 == 0);
    });
}

/// The results of all of `futures`, which go on side by side.
async fn joined<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut results = Vec::new();
    std::future::poll_fn(|context| {
        pinned.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                results.push(result);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pinned.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    results
}

#[test]
fn what_breaks_a_rule_is_refused_and_counted() {
    isolated(|| {
        addresses();
        let authority = Authority::new();
        let mut node = LabNode::start(&authority, spec(0, 3));
        let one = authority.pki("node1");
        talk(async {
            // A session that begins before the others and is used after them.
            let early = open(&one, &node).await.unwrap();
            break_sequence(&authority, &node, &early.id).await;
            break_boot_order(&one, &node, early).await;
            break_form(&one, &node).await;
            break_time_limit(&one, &node).await;
            // The nodes refuse each other: neither is a valid server for the other.
            let first = announcement("node1", "boot-a", 7);
            let error = announce(&Authority::new().pki("node1"), &node, &first).await.unwrap_err();
            assert!(error.contains("invalid peer certificate"), "{error}");
        });
        let expected = [
            ("expired", 1),
            ("malformed", 5),
            ("older-boot", 2),
            ("oversized", 1),
            ("replayed", 3),
            ("unexpected", 1),
            ("wrong-name", 2),
        ];
        for (why, count) in expected {
            until(why, || refusals(&node).get(why).copied().unwrap_or_default() == count);
        }
        // One record for each reason, however many there were.
        let records = node.records();
        assert_eq!(records.matches("malformed:").count(), 1, "{records}");

        // What was accepted and refused outlasts the service.
        until("the view is in its file", || node.peer("node1")["boot_id"] == "boot-b");
        node.serve();
        talk(async {
            let message = announcement("node1", "boot-b", 1);
            assert_eq!(announce(&one, &node, &message).await, refused("replayed"));
            let message = announcement("node1", "boot-a", 99);
            assert_eq!(announce(&one, &node, &message).await, refused("older-boot"));
            let message = announcement("node1", "boot-b", 2);
            assert_eq!(announce(&one, &node, &message).await, Ok(()));
        });
        until("counted on", || {
            refusals(&node)["replayed"] == 4 && refusals(&node)["older-boot"] == 3
        });
        let key = std::fs::read_to_string(node.path(places::KEY_FILE)).unwrap();
        let line = key.lines().nth(1).unwrap();
        assert_eq!(open_to_others(node.root.path(), line), Vec::<std::path::PathBuf>::new());
    });
}

fn refused(why: &str) -> Result<(), String> {
    Err(why.to_owned())
}

/// How often `node` has refused something, by reason.
fn refusals(node: &LabNode) -> BTreeMap<String, u64> {
    serde_json::from_value(node.ask("peers").0["refused"].clone()).unwrap()
}

/// Repeats announcements, in this session and as recorded in `early`, and speaks for others.
async fn break_sequence(authority: &Authority, node: &LabNode, early: &str) {
    let (one, two) = (authority.pki("node1"), authority.pki("node2"));
    let first = announcement("node1", "boot-a", 7);
    assert_eq!(announce(&one, node, &first).await, Ok(()));
    assert_eq!(announce(&one, node, &first).await, refused("replayed"));
    let older = announcement("node1", "boot-a", 6);
    assert_eq!(announce(&one, node, &older).await, refused("replayed"));
    // Of another session, as someone who recorded it would send it.
    let recorded = Announcement { session: early.to_owned(), seq: 8, ..first.clone() };
    let session = open(&one, node).await.unwrap();
    let body = serde_json::to_vec(&recorded).unwrap();
    assert_eq!(post(session, body).await, refused("replayed"));
    assert_eq!(announce(&two, node, &first).await, refused("wrong-name"));
    assert_eq!(announce(&authority.pki(OPERATOR), node, &first).await, refused("wrong-name"));
    let stranger = announcement("node99", "boot-a", 1);
    assert_eq!(announce(&authority.pki("node99"), node, &stranger).await, refused("unexpected"));
}

/// Starts a new boot, and speaks for older ones; `early` began before the new one.
async fn break_boot_order(one: &Pki, node: &LabNode, early: TlsSession) {
    let new = announcement("node1", "boot-b", 1);
    assert_eq!(announce(one, node, &new).await, Ok(()), "a new boot starts its own count");
    let old = announcement("node1", "boot-a", 9);
    assert_eq!(announce(one, node, &old).await, refused("older-boot"));
    let late = announcement("node1", "boot-never-seen", 9);
    let late = Announcement { session: early.id.clone(), ..late };
    assert_eq!(post(early, serde_json::to_vec(&late).unwrap()).await, refused("older-boot"));
}

/// Posts what is not an announcement.
async fn break_form(one: &Pki, node: &LabNode) {
    for body in [&b"{"[..], b"", b"\xff\xfe", b"{\"node\":\"node1\"}"] {
        let session = open(one, node).await.unwrap();
        assert_eq!(post(session, body.to_vec()).await, refused("malformed"));
    }
    let first = announcement("node1", "boot-a", 7);
    let terminal = Announcement { step: "\u{1b}[2J".into(), seq: 10, ..first.clone() };
    assert_eq!(announce(one, node, &terminal).await, refused("malformed"));
    let session = open(one, node).await.unwrap();
    let big = Announcement { step: "x".repeat(40_000), ..first };
    assert_eq!(post(session, serde_json::to_vec(&big).unwrap()).await, refused("oversized"));
}

/// Posts an announcement long after its session began.
async fn break_time_limit(one: &Pki, node: &LabNode) {
    let session = open(one, node).await.unwrap();
    let slow = announcement("node1", "boot-b", 50);
    let slow = Announcement { session: session.id.clone(), ..slow };
    tokio::time::sleep(firstboot::peers::view::EXPIRY + Duration::from_secs(1)).await;
    assert_eq!(post(session, serde_json::to_vec(&slow).unwrap()).await, refused("expired"));
}

#[test]
fn strangers_get_nothing() {
    isolated(|| {
        addresses();
        let (authority, other) = (Authority::new(), Authority::new());
        let node = LabNode::start(&authority, spec(0, 2));
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let name = &node.spec.node.name;
        let ca = file("ca.crt", &authority.pem);
        let url = format!("https://{name}:{}{}", places::PORT, wire::STATE);
        let curl = |extra: &[&str]| -> Output {
            let resolve = format!("{name}:{}:{}", places::PORT, node.spec.node.address);
            Command::new("curl")
                .args(["-sS", "--max-time", "60", "--cacert", &ca, "--resolve", &resolve])
                .args(extra)
                .arg(&url)
                .output()
                .expect("`curl` runs (Debian package curl)")
        };
        let refused = |output: &Output| !output.status.success() && output.stdout.is_empty();
        assert!(refused(&curl(&[])));
        let (certificate, key) = other.issue("node1", node.spec.node.address);
        let (certificate, key) = (file("other.crt", &certificate), file("other.key", &key));
        assert!(refused(&curl(&["--cert", &certificate, "--key", &key])));
        // TLS 1.2 has no session values as they are used here, and is not spoken.
        let (certificate, key) = authority.issue(OPERATOR, node.spec.node.address);
        let (certificate, key) = (file("own.crt", &certificate), file("own.key", &key));
        assert!(refused(&curl(&["--tls-max", "1.2", "--cert", &certificate, "--key", &key])));
        let answer = curl(&["--cert", &certificate, "--key", &key]);
        assert!(answer.status.success(), "{answer:?}");
        let served: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        assert_eq!(served, node.ask("status").0, "as `firstboot status --json`");
        // Another tool, which shows what the server sends: no byte of HTTP.
        let at = node.at().to_string();
        let question =
            file("question", &format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", wire::STATE));
        let script = format!("(cat {question}; sleep 1) | openssl s_client -quiet -connect {at}");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.stdout.is_empty() && stderr.contains("alert"), "{output:?}");
        let plain = Command::new("curl").args(["-sS", &format!("http://{at}/v1/state")]).output();
        assert!(!String::from_utf8_lossy(&plain.unwrap().stdout).contains("node0"));
        // A node of another lab in a node's place: neither side accepts the other.
        let _impostor = start_impostor(&other, &node);
        assert_eq!(node.peer("node1")["state"], "unknown");
        until("each is counted", || {
            let refused = node.ask("peers").0["refused"].clone();
            refused["no-certificate"] == 2
                && refused["wrong-certificate"] == 1
                && refused["no-tls"].as_u64() >= Some(2)
        });
    });
}

/// A node of the lab of `other` in the place of node1, once it and `node` have refused each
/// other.
fn start_impostor(other: &Authority, node: &LabNode) -> LabNode {
    let impostor = LabNode::start(other, spec(1, 2));
    until("the impostor is reported", || {
        let records = node.records();
        records.contains("the host at 10.9.0.2 does not have the keys of node1")
    });
    until("it does not believe us", || {
        impostor.records().contains("the host at 10.9.0.1 does not have the keys of node0")
    });
    impostor
}
