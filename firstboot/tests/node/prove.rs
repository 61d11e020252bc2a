//! `firstboot prove` on a double of a controller and of its cloud's APIs.

use crate::cloud_double::{CloudRunner, Things};
use crate::double::Node;
use crate::verify::{installed, put_pages};
use contract::proof::{Line, LineOutcome};
use firstboot::host::http::Response;
use firstboot::prove::{Options, prove};
use firstboot::services::answer_file::AnswerFile;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;

/// A controller with a healthy cloud, in which there is nothing.
struct Cloud {
    node: Node,
    things: Rc<RefCell<Things>>,
}

impl Cloud {
    fn healthy() -> Cloud {
        let node = installed();
        let mut world = node.world.borrow_mut();
        // Heartbeats that count however long a proof takes.
        put_pages(&mut world.pages, 100_000, 100_000);
        let bus =
            Response { body: b"\x01\0\0\0\0\x01\xf4\0\x0a\0\x0a".to_vec(), ..Response::default() };
        world.pages.insert("tcp://192.168.1.10:5672".to_owned(), bus);
        let page = |body: serde_json::Value| Response {
            status: 200,
            body: body.to_string().into_bytes(),
            ..Response::default()
        };
        let tokens = world.pages.get_mut("http://192.168.1.10:5000/v3/auth/tokens").unwrap();
        let mut token: serde_json::Value = serde_json::from_slice(&tokens.body).unwrap();
        let endpoints = json!([{"interface": "public", "url": "http://192.168.1.10:9292"}]);
        let image = json!({"type": "image", "endpoints": endpoints});
        token["token"]["catalog"].as_array_mut().unwrap().push(image);
        tokens.body = token.to_string().into_bytes();
        let url = "http://192.168.1.10:5000/v3/roles".to_owned();
        let roles = json!([{"id": "r1", "name": "admin"}, {"id": "r2", "name": "_member_"}]);
        world.pages.insert(url, page(json!({"roles": roles})));
        let services =
            ["nova01", "nova02.lab"].map(|host| json!({"host": host, "binary": "nova-compute"}));
        let url = "http://192.168.1.10:8774/os-services?binary=nova-compute".to_owned();
        world.pages.insert(url, page(json!({"services": services})));
        drop(world);
        let things = Rc::new(RefCell::new(Things::default()));
        things.borrow_mut().server = "ACTIVE";
        things.borrow_mut().put("/users", json!({"name": "admin"}));
        Cloud { node, things }
    }

    fn prove(&self, options: Options) -> Vec<Line> {
        let host = CloudRunner::host(&self.node, &self.things);
        let text = self.node.read("/var/lib/firstboot/packstack/answers.txt");
        let answers = AnswerFile::parse(text.as_bytes());
        let mut lines = Vec::new();
        let well =
            prove(&host, &self.node.spec, &answers, options, &mut |line| lines.push(line.clone()));
        assert_eq!(well, lines.iter().all(|line| line.outcome != LineOutcome::Failed), "{lines:?}");
        lines
    }

    /// What is there of proofs.
    fn left(&self) -> Vec<String> {
        let mut names = self.things.borrow().names();
        names.retain(|name| name != "admin");
        names
    }
}

fn outcomes(lines: &[Line]) -> Vec<(&str, LineOutcome)> {
    lines.iter().map(|line| (line.what.as_str(), line.outcome)).collect()
}

fn find<'a>(lines: &'a [Line], what: &str) -> &'a Line {
    lines.iter().find(|line| line.what == what).unwrap_or_else(|| panic!("{lines:?}"))
}

#[test]
fn a_healthy_cloud_is_proven_and_left_as_it_was() {
    let cloud = Cloud::healthy();
    let lines = cloud.prove(Options::default());
    use LineOutcome::{Ok, Skipped};
    let expected = [
        ("leftovers", Skipped),
        ("project", Ok),
        ("image", Ok),
        ("network", Ok),
        ("router", Ok),
        ("ports on the computes", Ok),
        ("key pair and flavour", Ok),
        ("server on nova01", Ok),
        ("server on nova02", Ok),
        ("console", Ok),
        ("volume", Ok),
        ("measure", Skipped),
        ("horizon", Skipped),
        ("clean-up", Ok),
    ];
    assert_eq!(outcomes(&lines), expected, "{lines:?}");
    assert!(find(&lines, "server on nova02").evidence.contains("has booted"), "{lines:?}");
    assert_eq!(cloud.left(), [""; 0]);
    assert!(!format!("{lines:?}").contains("planted"), "{lines:?}");
}

#[test]
fn what_was_kept_is_removed_by_the_next_proof_or_on_request() {
    let cloud = Cloud::healthy();
    cloud.things.borrow_mut().put("/servers", json!({"name": "somebody's"}));
    let lines = cloud.prove(Options { keep: true, ..Options::default() });
    let last = &find(&lines, "clean-up").evidence;
    assert!(last.contains("`firstboot prove --remove`"), "{last}");
    assert!(cloud.left().len() > 8, "{:?}", cloud.left());
    let lines = cloud.prove(Options { remove: true, ..Options::default() });
    assert_eq!(outcomes(&lines), [("leftovers", LineOutcome::Ok)]);
    let said = &lines[0].evidence;
    assert!(said.contains("2 servers") && said.contains("1 project"), "{said}");
    assert_eq!(cloud.left(), ["somebody's"]);
}

#[test]
fn a_failure_names_its_cause_and_everything_is_removed() {
    let cloud = Cloud::healthy();
    cloud.things.borrow_mut().server = "ERROR";
    let lines = cloud.prove(Options::default());
    let line = find(&lines, "server on nova01");
    assert_eq!(line.outcome, LineOutcome::Failed, "{line:?}");
    assert!(line.evidence.contains("ERROR: No valid host was found."), "{line:?}");
    assert_eq!(find(&lines, "volume").outcome, LineOutcome::Ok);
    assert_eq!(cloud.left(), [""; 0]);

    // Glance is gone: what needs an image is not tried, and the rest is.
    let cloud = Cloud::healthy();
    cloud.things.borrow_mut().refused.insert("POST /v2/images", (0, ""));
    let lines = cloud.prove(Options::default());
    assert_eq!(find(&lines, "image").outcome, LineOutcome::Failed);
    assert_eq!(find(&lines, "server on nova01").outcome, LineOutcome::Skipped);
    assert_eq!(find(&lines, "network").outcome, LineOutcome::Ok);
    assert_eq!(cloud.left(), [""; 0]);
}

#[test]
fn services_without_heartbeats_are_named() {
    let cloud = Cloud::healthy();
    put_pages(&mut cloud.node.world.borrow_mut().pages, 100_000, 0);
    let refused = (503, "Unable to create the network.");
    cloud.things.borrow_mut().refused.insert("POST /v2.0/networks", refused);
    let lines = cloud.prove(Options::default());
    let line = find(&lines, "network");
    assert!(line.evidence.contains("503: Unable to create the network"), "{line:?}");
    assert!(line.evidence.contains("DHCP agent"), "{line:?}");
    assert!(line.hint.as_ref().unwrap().contains("neutron-dhcp-agent"), "{line:?}");
}

#[test]
fn a_compute_that_gets_no_answer_is_named() {
    let cloud = Cloud::healthy();
    cloud.things.borrow_mut().unable = Some("ping -c 3");
    let line = find(&cloud.prove(Options::default()), "ports on the computes").clone();
    for words in ["nova01 gets no answer from nova02", "nova02 gets no answer from the router"] {
        assert!(line.evidence.contains(words), "{line:?}");
    }
    assert!(line.hint.as_ref().unwrap().contains("tunnels"), "{line:?}");
    cloud.things.borrow_mut().unable = Some(" lease ");
    let line = find(&cloud.prove(Options::default()), "ports on the computes").clone();
    assert!(line.evidence.contains("nova01: no DHCP lease: exit code 1: no answer"), "{line:?}");
    assert_eq!(cloud.left(), [""; 0]);
}

#[test]
fn a_signal_ends_it_and_everything_is_removed() {
    let cloud = Cloud::healthy();
    cloud.things.borrow_mut().signal_at = Some("POST /v2.0/routers");
    let lines = cloud.prove(Options { keep: true, ..Options::default() });
    assert_eq!(find(&lines, "the proof").outcome, LineOutcome::Failed, "{lines:?}");
    assert!(lines.iter().all(|line| !line.what.starts_with("server")), "{lines:?}");
    assert_eq!(cloud.left(), [""; 0]);
}

#[test]
fn what_cannot_be_removed_is_named() {
    let cloud = Cloud::healthy();
    cloud.things.borrow_mut().refused.insert("DELETE /v2.0/networks", (409, "in use"));
    let lines = cloud.prove(Options::default());
    let line = find(&lines, "clean-up");
    assert_eq!(line.outcome, LineOutcome::Failed);
    assert!(
        line.evidence.contains("network firstboot-prove-") && line.evidence.contains("in use"),
        "{line:?}"
    );
    assert!(line.hint.as_ref().unwrap().contains("firstboot prove --remove"), "{line:?}");
}
