//! The lab's virtual machines: `imgbuild up`, `status`, `ssh`, `console`, `down`, `destroy`.

use crate::journal::{check_records, check_repositories, check_services};
use crate::power;
use lab_tests::doubles;
use lab_tests::half_kvm::{HalfKvm, Variant};
use lab_tests::lab::{Lab, text};
use lab_tests::machines::{ADDRESSES, Machines, NODES, empty_image, is_ready};
use lab_tests::secrets::{Onlooker, Secrets};
use lab_tests::{oracle, page, product};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Processes that work below `directory` or have it in their arguments, except zombies.
fn processes(directory: &Path) -> Vec<String> {
    let about = |process: &Path| {
        let place = fs::read_link(process.join("cwd")).unwrap_or_default();
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        (place.starts_with(directory) || line.contains(&text(directory))).then_some(line)
    };
    let own = std::process::id().to_string();
    fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.file_name().is_some_and(|n| n != own.as_str()))
        .filter_map(|p| about(&p))
        .collect()
}

fn links() -> String {
    oracle::ok("ip", ["-o", "link"])
}

/// The user's machine sees what the nodes see.
fn check_watch(machines: &Machines) {
    let (code, view) = machines.watch();
    assert_eq!((code, &view["state"]), (Some(0), &"ready".into()), "{view:#}");
    let nodes = view["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), NODES.len(), "{view:#}");
    for (name, address) in NODES.iter().zip(ADDRESSES) {
        let node = nodes.iter().find(|n| n["node"] == *name).expect("the node");
        assert!(is_ready(node) && node["address"] == address, "{view:#}");
    }
    let secrets = Secrets::of(&machines.state());
    secrets.assert_unseen("watch", &view.to_string());
}

/// So does a browser.
fn check_page(machines: &Machines) {
    let mut watch = machines.start(&["watch", "--web"]);
    let url = page::find_url(&watch.read_until("Ctrl-C ends it"));
    let view = page::first_event(&url);
    let nodes = view["nodes"].as_array().expect("nodes");
    for node in NODES.map(|name| nodes.iter().find(|n| n["node"] == name).expect("the node")) {
        assert!(is_ready(node), "{view:#}");
        let steps = node["steps"].as_array().expect("steps");
        assert!(steps.iter().any(|step| step["name"] == "tunnels"), "{node:#}");
    }
    for (language, words) in [("en", "3 of 3 nodes ready"), ("zh", "3 个节点中 3 个就绪")] {
        let text = page::render(&url, language);
        assert!(text.contains(words), "{text}");
        assert_eq!(text.matches("<article class=\"ready\">").count(), 3, "{text}");
        assert!(text.contains("imgbuild open") && text.contains("gnocchi"), "{text}");
    }
    Secrets::of(&machines.state()).assert_unseen("the page", &view.to_string());
    assert_eq!(watch.interrupt(), Some(130));
}

/// packstack's way to every host exists, and to the controller itself; computes have none.
fn check_packstack_logs_in(machines: &Machines) {
    let ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=120";
    for (node, address) in NODES.iter().zip(ADDRESSES) {
        let name = machines.ssh("openstack", &format!("{ssh} root@{address} hostname"));
        assert_eq!(name.trim(), *node);
    }
    let login = format!("{ssh} root@{} true; echo $?", ADDRESSES[0]);
    assert_eq!(machines.ssh("nova01", &login).trim(), "255");
}

/// No secret is in what any user on the nodes may read, in journals, states or command lines.
fn check_nothing_leaks(machines: &Machines) {
    let secrets = Secrets::of(&machines.state());
    for node in NODES {
        for (what, command) in [
            ("the journal", "journalctl -b -o json --all --no-pager"),
            ("command lines", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"),
            ("firstboot's state", "cat /var/lib/firstboot/*.json /run/firstboot/*.json"),
            (
                "files that all may read",
                "find /etc /root /run /tmp /var/log /var/tmp /var/lib/firstboot -xdev -type f \
                 -perm /077 -size -4M -exec cat {} +",
            ),
        ] {
            let seen = machines.ssh(node, command);
            assert!(!seen.is_empty(), "{node}: {what}: nothing was looked at");
            secrets.assert_unseen(&format!("{node}: {what}"), &seen);
        }
        let console = machines.ok(&["console", node, "--log"]);
        secrets.assert_unseen(&format!("{node}: its console"), &console);
        // The node itself has its key, so looking finds it.
        let key = machines.ssh(node, "cat /etc/firstboot/pki/node.key");
        assert_eq!(key, fs::read_to_string(secrets.path(&format!("tls-{node}.key"))).expect("key"));
    }
}

/// Every node was tried under KVM once, and started again when that failed.
fn check_fallback(half: &HalfKvm) {
    let mut calls = half.calls();
    calls.sort();
    let of = |accelerator| NODES.map(|node| format!("machine {accelerator} {node}"));
    let mut expected = [&of("kvm")[..], &of("tcg"), &["probe kvm".to_owned()]].concat();
    expected.sort();
    assert_eq!(calls, expected);
}

#[test]
fn the_reference_lab_comes_up_sees_itself_and_goes_down() {
    let lab = doubles::reference_lab(env!("CARGO_BIN_EXE_openstack_apis_double").as_ref());
    // KVM fails them all, so they come up emulated wherever this runs.
    let double = env!("CARGO_BIN_EXE_qemu_half_kvm_double").as_ref();
    let half = HalfKvm::new(lab.directory().join("bin"), double, Variant::InternalError);
    half.lose_time_of(power::LATE);
    let machines = Machines::with_programs(&lab, half.directory());
    let before = links();
    let up = power::up_arguments(&text(&lab.output()));
    let up: Vec<&str> = up.iter().map(String::as_str).collect();

    // The first start of two is cut off.
    let two = [NODES[0], power::LATE];
    let up_two = [&up[..], &["--accelerator", "tcg"], &two].concat();
    let mut moments = power::Moments::new();
    power::start_and_cut(&machines, &up_two, &two.map(|node| (node, moments.share())));
    let mut calls = half.calls();
    calls.sort();
    assert_eq!(calls, ["nova02", "openstack"].map(|node| format!("machine tcg {node}")));

    let onlooker = Onlooker::new();
    machines.ok(&up);
    check_fallback(&half);
    let secrets = Secrets::of(&machines.state());
    secrets.assert_unseen("command lines of `up`", &onlooker.seen());
    assert_eq!(links(), before, "the host's own interfaces");
    check_status(&machines, &up);
    check_nodes(&machines);
    check_ways_in(&machines, &lab);
    check_packages(&machines);
    machines.check_peers(&[]);
    assert_eq!((machines.packstack(), machines.packstack_runs()), ("changed".to_owned(), 1));
    power::check_clock(&machines);
    check_watch(&machines);
    check_page(&machines);
    check_packstack_logs_in(&machines);
    check_nothing_leaks(&machines);
    power::check_nothing_is_installed_again(&machines, &up);

    check_down(&machines, &lab);
    assert_eq!(links(), before);
    machines.ok(&["destroy", "nova09"]);
    machines.ok(&["destroy"]);
    machines.ok(&["destroy"]);
    machines.ok(&["down"]);
    // Images hold the lab's secrets and can be brought up again.
    let left = fs::read_dir(machines.state().join("openstack-lab")).expect("state").flatten();
    let left: Vec<_> = left.map(|e| e.file_name()).collect();
    assert!(left.iter().all(|n| n.to_string_lossy().starts_with("secrets")), "{left:?}");
    assert!(secrets.path("ca.key").exists(), "the secrets stay");
}

/// All are on and ready, and a node that is already up is left alone.
fn check_status(machines: &Machines, up: &[&str]) {
    let status = machines.status();
    let nodes = status["labs"][0]["nodes"].as_array().expect("nodes");
    let names: Vec<&str> = nodes.iter().filter_map(|n| n["name"].as_str()).collect();
    assert_eq!(names, NODES);
    for node in nodes {
        assert_eq!(node["power"], "on", "{node:#}");
        assert_eq!(node["firstboot"], "ready", "{node:#}");
    }
    machines.ok(up);
    assert_eq!(machines.status(), status);
}

/// The nodes reach each other and can be reached, and have what their role needs.
fn check_nodes(machines: &Machines) {
    for node in NODES {
        machines.wait_for_aftercare(node);
        let others = NODES.iter().filter(|n| **n != node);
        for other in others {
            machines.ssh(
                node,
                &format!("ping -c 1 -W 30 {other} && ssh-keyscan -T 60 {other} | grep ssh-"),
            );
        }
        let report: Value = serde_json::from_str(&machines.ssh(node, "firstboot status --json"))
            .expect("firstboot's JSON");
        assert_eq!(report["state"], "ready", "{report:#}");
    }
    assert_eq!(machines.run(&["ssh", "nova01", "--", "exit 7"]).status.code(), Some(7));
    for node in ["nova01", "nova02"] {
        assert_eq!(machines.ssh(node, "hostname").trim(), node);
        assert_eq!(machines.ssh(node, "systemctl is-enabled libvirtd").trim(), "enabled");
        assert!(machines.ssh(node, "virsh list --all").contains("Id"));
        let ssh = |command: &str| machines.ssh(node, command);
        check_records(&ssh, node, "compute");
        check_services(&ssh, &["chronyd", "sshd", "ovs-vswitchd", "libvirtd"]);
    }
}

/// Horizon's login page at a port of this machine.
fn login_page(port: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("the forward");
    let request = "GET /dashboard/auth/login/ HTTP/1.0\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer
}

/// Files go there and back, options reach ssh, and ports of nodes this machine: Horizon's, whose
/// double answers on the controller.
fn check_ways_in(machines: &Machines, lab: &Lab) {
    let [there, back] = ["there", "back"].map(|name| lab.directory().join(name));
    fs::write(&there, "a file\n").expect("file");
    machines.ok(&["scp", "-q", &text(&there), "nova01:/root/copy"]);
    machines.ok(&["scp", "--", "-q", "-p", "nova01:/root/copy", &text(&back)]);
    assert_eq!(fs::read_to_string(back).expect("copy"), "a file\n");
    let verbose = machines.run(&["ssh", "nova01", "--", "-v", "true"]);
    assert!(String::from_utf8_lossy(&verbose.stderr).contains("Authenticated"), "{verbose:?}");

    for (arguments, words) in [
        (
            &["forward", "openstack:80", "--listen", "127.0.0.1:0"][..],
            "leads to openstack (192.168.1.10)",
        ),
        (&["open"], "imgbuild secrets show keystone-admin-password"),
    ] {
        let mut forward = machines.start(arguments);
        let text = forward.read_until("Ctrl-C ends it");
        assert!(text.contains(words), "{text}");
        let address = text.split("127.0.0.1:").nth(1).expect("an address");
        let port: String = address.chars().take_while(char::is_ascii_digit).collect();
        let pages = std::thread::scope(|scope| {
            [(); 3]
                .map(|()| scope.spawn(|| login_page(&port)))
                .map(|page| page.join().expect("page"))
        });
        assert!(pages.iter().all(|page| page.contains("csrfmiddlewaretoken")), "{pages:?}");
        assert_eq!(forward.interrupt(), Some(130));
    }
    let refused = machines.run(&["forward", "nova09:80"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let shown = machines.ok(&["secrets", "show", "keystone-admin-password", "--yes"]);
    let secrets = Secrets::of(&machines.state());
    let kept = fs::read_to_string(secrets.path("keystone-admin-password")).expect("password");
    assert_eq!(shown, kept);
}

/// The practice medium's repositories answer every node, and yum installs from them.
fn check_packages(machines: &Machines) {
    let practice = text(product::practice());
    let packages = oracle::ok("find", [&practice, "-name", "*.rpm"]).lines().count();
    for node in NODES {
        check_repositories(&|command| machines.ssh(node, command), packages);
    }
    let status = machines.status();
    let served = status["labs"][0]["repositories"].as_array().expect("repositories");
    assert_eq!(served.iter().filter(|r| r["served"] == true).count(), 4, "{status:#}");
    machines.ssh("nova01", "yum -q -y install psmisc");
    assert!(machines.ssh("nova01", "rpm -q psmisc; killall --version 2>&1").contains("psmisc-"));
}

/// One goes down, then all; nothing of them runs, and the images are as they were built.
fn check_down(machines: &Machines, lab: &Lab) {
    machines.ok(&["down", "nova02", "--progress", "plain"]);
    let console = machines.ok(&["console", "nova02", "--log"]);
    assert!(console.contains("reboot: Power down"), "{console}");
    assert!(console.contains("node nova02 is ready"), "{console}");
    assert_eq!(machines.ssh("nova01", "hostname").trim(), "nova01", "the others stay up");
    machines.ok(&["down", "--progress", "plain"]);
    for node in NODES {
        let console = machines.ok(&["console", node, "--log"]);
        assert!(console.contains("reboot: Power down"), "{node}: {console}");
    }
    let status = machines.status();
    assert_eq!(status["labs"][0]["network_up"], false, "{status:#}");
    assert_eq!(processes(&lab.directory().join("state")), Vec::<String>::new());
    for role in ["controller", "compute"] {
        let directory = text(&lab.output().join(role));
        oracle::ok("sh", ["-c", &format!("cd {directory} && sha256sum --quiet -c SHA256SUMS")]);
    }
}

#[test]
fn what_cannot_be_brought_up_is_reported() {
    let lab = Lab::new();
    let machines = Machines::new(&lab);
    let expect = |arguments: &[&str], code: i32, words: &str| {
        let output = machines.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    };
    let output = text(&lab.output());
    expect(&["up", "--output", &output], 2, "no images in");
    expect(&["down"], 0, "no lab exists: nothing to shut down");
    expect(&["destroy"], 0, "no lab exists: nothing to remove");
    expect(&["scp", "nova01:/etc/hosts", "."], 2, "no lab exists");
    expect(&["forward", "80"], 2, "no lab exists");
    expect(&["ssh", "nova01"], 2, "no lab exists");
    expect(&["up", "--memory", "5"], 2, "`5` is not a size");
    fs::create_dir_all(lab.output()).expect("directory");
    fs::write(lab.output().join("manifest.json"), "{\"schema\": 0}").expect("manifest");
    expect(&["up", "--output", &output], 2, "manifest.json is not the manifest of a build");
    assert!(machines.ok(&["status"]).contains("no machines"));
    assert_eq!(machines.status()["labs"], Value::Array(Vec::new()));
    assert!(!lab.directory().join("state").exists(), "a failed `up` leaves nothing");
}

#[test]
fn without_root_the_lab_is_in_a_user_namespace() {
    const NOBODY: u32 = 65534;
    let directory = tempfile::tempdir().expect("temporary directory");
    let place = directory.path();
    fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("mode");
    let program = place.join("imgbuild");
    fs::copy(product::imgbuild(), &program).expect("imgbuild");
    let medium = place.join("medium");
    fs::create_dir_all(medium.join("repodata")).expect("directory");
    fs::write(medium.join("repodata/repomd.xml"), "").expect("file");
    empty_image(&place.join("images"), &[("centos", &text(&medium))]);
    let home = place.join("home");
    fs::create_dir(&home).expect("directory");
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).expect("owner");
    // Every user may use /dev/net/tun on most machines; here only in this mount namespace.
    let run = |arguments: &[&str]| {
        let script = "mount -t tmpfs tun /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
                      exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
        let mut words = vec!["-m", "sh", "-c", script, "sh"];
        let program = text(&program);
        words.push(&program);
        words.extend(arguments);
        let mut command = std::process::Command::new("unshare");
        command.args(words).current_dir(place).env("HOME", &home).env_remove("XDG_STATE_HOME");
        command.output().expect("unshare starts")
    };
    let before = links();
    let up = run(&[
        "up",
        "--output",
        "images",
        "--backend",
        "qemu",
        "--accelerator",
        "tcg",
        "--timeout",
        "2",
    ]);
    let stderr = String::from_utf8_lossy(&up.stderr).into_owned();
    assert_eq!(up.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("nova01: firstboot has not reported after 2 s"), "{stderr}");
    assert!(stderr.contains("repositories are served to the nodes: centos"), "{stderr}");
    let status = run(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("status");
    assert_eq!(status["labs"][0]["nodes"][0]["power"], "on", "{status:#}");
    assert_eq!(links(), before, "the host's own interfaces");
    let keeper = processes(&home).len();
    assert!(keeper > 0, "QEMU works in its directory");
    // A system that does not exist does not shut down by itself.
    let down = run(&["down", "--timeout", "1"]);
    let stderr = String::from_utf8_lossy(&down.stderr).into_owned();
    assert!(down.status.success() && stderr.contains("its power was cut"), "{stderr}");
    assert_eq!(processes(&home), Vec::<String>::new());
    assert!(run(&["destroy"]).status.success());
    assert_eq!(fs::read_dir(home.join(".local/state/imgbuild")).expect("state").count(), 0);
}
