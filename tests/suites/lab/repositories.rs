//! The repositories' server that `imgbuild up` runs on the lab's network, with a machine that never
//! starts a system.

use lab_tests::lab::{Lab, text};
use lab_tests::machines::{Machines, empty_image};
use lab_tests::server_double::ServerDouble;
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A directory that passes for a repository.
fn medium(path: &Path, index: &str) {
    fs::create_dir_all(path.join("repodata")).expect("directory");
    fs::write(path.join("repodata/repomd.xml"), index).expect("file");
}

/// What is known of the lab.
fn state(machines: &Machines) -> Value {
    let state = fs::read(machines.state().join("empty/lab.json")).expect("lab.json");
    serde_json::from_slice(&state).expect("JSON")
}

/// The process of the repositories' server.
fn server(machines: &Machines) -> String {
    state(machines)["repositories"]["process"]["pid"].to_string()
}

/// What curl on the lab's network prints.
fn fetch(machines: &Machines, path: &str) -> String {
    let target = format!("--target={}", state(machines)["network"]["pid"]);
    let url = format!("http://192.168.1.254/{path}");
    oracle::ok("nsenter", [&target, "--net", "curl", "-sS", "--max-time", "30", &url])
}

/// Brings the lab up and returns the messages; the machine is never ready.
fn up(machines: &Machines, output: &Path) -> String {
    let words = ["up", "--backend", "qemu", "--accelerator", "tcg", "--timeout", "1"];
    let more = ["--progress", "plain", "--output", &text(output)];
    let up = machines.run(&[&words[..], &more].concat());
    let stderr = String::from_utf8_lossy(&up.stderr).into_owned();
    assert_eq!(up.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("nova01: firstboot has not reported after 1 s"), "{stderr}");
    stderr
}

/// Which repositories `status` shows as served.
fn served(machines: &Machines) -> Vec<(String, bool)> {
    let status = machines.status();
    let repositories = status["labs"][0]["repositories"].as_array().expect("repositories").clone();
    let of = |r: &Value| (r["id"].as_str().expect("id").to_owned(), r["served"] == true);
    repositories.iter().map(of).collect()
}

/// Makes an image whose nodes look for the repositories centos, gone, empty and web.
fn prepare(lab: &Lab, web: &ServerDouble) {
    let at = |name: &str| lab.directory().join(name);
    medium(&at("media"), "the index");
    fs::create_dir(at("no-repository")).expect("directory");
    let paths = ["media", "no-such.iso", "no-repository"].map(|name| text(&at(name)));
    let [media, gone, empty] = &paths;
    let all = [("centos", media), ("gone", gone), ("empty", empty), ("web", &web.url)];
    empty_image(&lab.output(), &all.map(|(id, medium)| (id, medium.as_str())));
}

#[test]
fn repositories_are_served_while_the_lab_is_up() {
    let lab = Lab::new();
    let machines = Machines::new(&lab);
    // A web server that this machine reaches, and nobody on the lab's network.
    let web = ServerDouble::start_here(&product::practice().join("os"));
    prepare(&lab, &web);

    // What is gone is named, and the lab comes up without it.
    let stderr = up(&machines, &lab.output());
    for words in [
        "repositories are served to the nodes: centos, web\n",
        "warning: repository gone is not served: cannot read the medium",
        "warning: repository empty is not served: ",
    ] {
        assert!(stderr.contains(words), "no `{words}` in {stderr}");
    }
    let are_served =
        |centos, web| [("centos".to_owned(), centos), ("web".to_owned(), web)].to_vec();
    assert_eq!(served(&machines), are_served(true, true));
    let status = machines.ok(&["status"]);
    let line = "repository centos is served at http://192.168.1.254/centos/ from ";
    assert!(status.contains(line), "{status}");
    assert_eq!(fetch(&machines, "centos/repodata/repomd.xml"), "the index");
    let index = fs::read(product::practice().join("os/repodata/repomd.xml")).expect("repomd.xml");
    assert_eq!(fetch(&machines, "web/repodata/repomd.xml").as_bytes(), index);
    assert!(fetch(&machines, "empty/repodata/repomd.xml").starts_with("404 "));
    let log = fs::read_to_string(machines.state().join("empty/repositories.log")).expect("log");
    assert!(log.contains("GET /empty/repodata/repomd.xml: 404 Not Found"), "{log}");

    // One that serves all there is goes on; one that has died is started again, and so is one
    // that would not serve what is there now.
    let first = server(&machines);
    assert!(!up(&machines, &lab.output()).contains("repositories are served"));
    assert_eq!(server(&machines), first);
    oracle::ok("kill", ["-KILL", &first]);
    assert_eq!(served(&machines), are_served(false, false));
    assert!(
        machines.ok(&["status"]).contains("repository centos is not served, as its server has")
    );
    assert!(
        up(&machines, &lab.output())
            .contains("repositories are served to the nodes: centos, web\n")
    );
    assert_eq!(fetch(&machines, "centos/repodata/repomd.xml"), "the index");
    medium(&lab.directory().join("no-repository"), "another index");
    let stderr = up(&machines, &lab.output());
    let line = "repositories are served to the nodes: centos, empty, web\n";
    assert!(stderr.contains(line), "{stderr}");
    assert_eq!(fetch(&machines, "empty/repodata/repomd.xml"), "another index");

    let last = server(&machines);
    machines.ok(&["down", "--timeout", "1"]);
    // Who has ended, and was not waited for yet, has no arguments.
    let arguments = fs::read(Path::new("/proc").join(last).join("cmdline")).unwrap_or_default();
    assert!(arguments.is_empty(), "the server ends with the lab");
    assert!(served(&machines).is_empty());
    machines.ok(&["destroy"]);
}
