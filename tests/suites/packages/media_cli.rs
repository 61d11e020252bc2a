//! Media in the words of the command line: servers, `.repo` files, sets of discs; offline; Ctrl-C;
//! the cache and `imgbuild clean`.

use lab_tests::lab::text;
use lab_tests::namespace::Namespace;
use lab_tests::server_double::{Fault, ServerDouble};
use lab_tests::web_lab::{SERVER, Server, WebLab};
use lab_tests::{oracle, product};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const OPENSTACK: &str = "osp10/rhel-7-server-openstack-10-rpms";

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a plan installs: name, version, checksum.
fn packages(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", stderr(output));
    let plan: Value = serde_json::from_slice(&output.stdout).expect("a plan");
    let list = plan["packages"].as_array().expect("packages").iter();
    list.map(|p| format!("{} {} {}", p["name"], p["version"], p["sha256"])).collect()
}

fn repo_file(setting: &WebLab) -> String {
    let path = setting.lab.directory().join("lab.repo");
    let file = format!(
        "[os]\nname=$releasever\nbaseurl=http://127.0.0.1:9/gone/\n  {SERVER}/practice/os/\n\
         gpgcheck=0\n[extras]\nmirrorlist={SERVER}/list?arch=$basearch\nretries=2\ngpgcheck=0\n\
         [openstack]\nbaseurl={SERVER}/practice/{OPENSTACK}\ngpgcheck=0\n\
         [devtools]\nbaseurl={SERVER}/nothing\nenabled=0\n\
         [broken]\nbaseurl={SERVER}/nothing\nskip_if_unavailable=1\n"
    );
    fs::write(&path, file).expect("repo file");
    fs::write(setting.www().join("list"), format!("{SERVER}/practice/extras\n")).expect("list");
    text(&path)
}

#[test]
fn repo_files_and_mirrors_give_what_directories_give_and_offline_needs_no_network() {
    let setting = WebLab::new();
    let repo = repo_file(&setting);
    let practice = product::practice();
    let directories: Vec<String> =
        ["os", "extras", OPENSTACK].map(|part| text(&practice.join(part))).to_vec();
    let directories: Vec<&str> = directories.iter().map(String::as_str).collect();
    let server = Server::start(&setting.namespace, &setting.www());
    let run = |arguments: &[&str]| {
        setting.imgbuild(&setting.namespace, arguments).output().expect("imgbuild starts")
    };
    let expected = packages(&run(&setting.plan(&directories, &[])));
    let online = run(&setting.plan(&[&repo], &[]));
    assert_eq!(packages(&online), expected);
    let notes = stderr(&online);
    for note in ["repository devtools is left out: enabled=0", "repository broken is left out"] {
        assert!(notes.contains(note), "{note} in {notes}");
    }
    drop(server);
    let nowhere = Namespace::without_interfaces();
    let trace = text(&setting.lab.directory().join("trace"));
    let strace = ["strace", "-f", "-qq", "-e", "trace=network", "-o", &trace];
    let mut offline = setting.plan(&[&repo], &["--offline"]);
    let output = setting.under(&nowhere, &strace, &offline).output().expect("strace starts");
    assert_eq!(packages(&output), expected);
    no_network(&trace);
    offline.pop();
    let output = run(&offline);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("127.0.0.1:8000/list"), "{}", stderr(&output));
}

#[test]
fn without_media_packages_come_from_the_kickstarts_addresses() {
    let setting = WebLab::new();
    setting.lab.edit(
        "kickstart/controller.ks",
        "\ninstall\n",
        &format!(
            "\ninstall\nurl --url={SERVER}/practice/os/\n\
             repo --name=extras --mirrorlist={SERVER}/list --excludepkgs=sshpass\n\
             repo --name=openstack --baseurl={SERVER}/practice/{OPENSTACK}\n"
        ),
    );
    fs::write(setting.www().join("list"), format!("{SERVER}/practice/extras\n")).expect("list");
    let server = Server::start(&setting.namespace, &setting.www());
    let run = |arguments: &[&str]| {
        setting.imgbuild(&setting.namespace, arguments).output().expect("imgbuild starts")
    };
    setting.lab.edit(
        "profiles/controller.toml",
        "[\"openssh-server\"",
        "[\"sshpass\", \"openssh-server\"",
    );
    let output = run(&setting.plan(&[], &[]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("sshpass"), "{}", stderr(&output));
    setting.lab.edit("kickstart/controller.ks", " --excludepkgs=sshpass", "");
    let practice = product::practice();
    let directories: Vec<String> =
        ["os", "extras", OPENSTACK].map(|part| text(&practice.join(part))).to_vec();
    let directories: Vec<&str> = directories.iter().map(String::as_str).collect();
    let expected = packages(&run(&setting.plan(&directories, &[])));
    assert_eq!(packages(&run(&setting.plan(&[], &[]))), expected);
    setting.lab.edit("kickstart/controller.ks", "/practice/os/", "/gone/");
    let output = run(&setting.plan(&[], &[]));
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("kickstart/controller.ks:13:1: "), "{message}");
    assert!(message.contains("/gone/") && message.contains("give --media"), "{message}");
    drop(server);
}

/// That no socket but local ones was made.
fn no_network(trace: &str) {
    let calls = fs::read_to_string(trace).expect("trace");
    assert!(!calls.contains("AF_INET") && !calls.contains("AF_NETLINK"), "{calls}");
}

#[test]
fn offline_refuses_whatever_would_be_fetched_and_names_it() {
    let setting = WebLab::new();
    let repo = repo_file(&setting);
    let nowhere = Namespace::without_interfaces();
    let trace = text(&setting.lab.directory().join("trace"));
    let strace = ["strace", "-f", "-qq", "-e", "trace=network", "-o", &trace];
    let list = format!("mirrorlist={SERVER}/list");
    let metalink = format!("metalink={SERVER}/metalink");
    let secure = "https://mirror.example/os/";
    let remote_repo = format!("{SERVER}/lab.repo");
    for (media, named) in [
        (vec![SERVER], "127.0.0.1:8000/repodata/repomd.xml"),
        (vec![secure], "https://mirror.example/os/repodata/repomd.xml"),
        (vec![repo.as_str()], "lab.repo:6: repository extras: http://127.0.0.1:8000/list"),
        (vec![list.as_str()], "127.0.0.1:8000/list"),
        (vec![metalink.as_str()], "127.0.0.1:8000/metalink"),
        (vec![remote_repo.as_str()], "127.0.0.1:8000/lab.repo"),
        (vec!["practice"], "practice"),
        // The lab file's own sources.
        (vec![], "https://vault.centos.org/"),
    ] {
        let arguments = setting.plan(&media, &["--offline"]);
        let output = setting.under(&nowhere, &strace, &arguments).output().expect("strace starts");
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{media:?}: {stderr}");
        assert!(stderr.contains(named) && stderr.contains("--offline"), "{media:?}: {stderr}");
        no_network(&trace);
    }
}

/// The first line on standard error that has `words`.
fn wait_for(child: &mut Child, words: &str) {
    let out = child.stderr.take().expect("standard error");
    let mut seen = String::new();
    for line in BufReader::new(out).lines() {
        let line = line.expect("line");
        if line.contains(words) {
            return;
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    panic!("`{words}` was never printed:\n{seen}");
}

/// Presses Ctrl-C; the exit code.
fn interrupt(mut child: Child) -> Option<i32> {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("it runs");
    child.wait().expect("it ends").code()
}

/// The files in a directory of the cache.
fn listed(directory: &Path) -> Vec<PathBuf> {
    let files =
        fs::read_dir(directory).map(|files| files.map(|f| f.expect("entry").path()).collect());
    files.unwrap_or_default()
}

#[test]
fn ctrl_c_while_packages_come_leaves_whole_ones_and_the_next_build_goes_on() {
    let setting = WebLab::new();
    let server = ServerDouble::start(&setting.namespace, &setting.www());
    let media = ["os", "extras", OPENSTACK].map(|part| format!("{}/practice/{part}", server.url));
    let mut arguments = vec!["--profile", "controller", "--progress", "plain"];
    for medium in &media {
        arguments.extend(["--media", medium]);
    }
    // A web server cannot be searched for keys.
    for id in ["os", "extras", "rhel-7-server-openstack-10-rpms"] {
        arguments.extend(["--no-gpgcheck", id]);
    }
    let bash =
        oracle::ok("sh", ["-c", &format!("ls {}/os/Packages/bash-5*", text(product::practice()))]);
    let bash = Path::new(bash.trim());
    let name = bash.file_name().expect("name").to_string_lossy().into_owned();
    server.fault(&name, Fault::Stall(100_000));
    let start = || {
        let mut command = setting.imgbuild(&setting.namespace, &arguments);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("imgbuild starts")
    };
    let child = start();
    let since = Instant::now();
    let packages = setting.cache().join("packages");
    // The other workers go on meanwhile.
    while server.requests(&name).is_empty() || listed(&packages).len() < 20 {
        assert!(since.elapsed() < Duration::from_secs(120), "no package comes");
        sleep(Duration::from_millis(20));
    }
    assert_eq!(interrupt(child), Some(130));
    assert_eq!(server.requests(&name).len(), 1, "it was interrupted, not tried again");
    for path in listed(&packages) {
        let sum = oracle::ok("sha256sum", [&path]);
        assert_eq!(
            format!("{}.rpm", &sum[..64]),
            path.file_name().expect("name").to_string_lossy()
        );
    }
    assert!(!setting.lab.output().exists());

    let offline: Vec<&str> = arguments.iter().copied().chain(["--offline"]).collect();
    let output = setting.imgbuild(&setting.namespace, &offline).output().expect("imgbuild starts");
    let missing = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{missing}");
    assert!(missing.contains("packages are not in the cache"), "{missing}");
    assert!(missing.contains("bash-"), "{missing}");

    let mut child = start();
    wait_for(&mut child, "installing packages");
    assert_eq!(interrupt(child), Some(130));
    let range = server.requests(&name)[1].headers.get("range").cloned();
    assert_eq!(range.as_deref(), Some("bytes=100000-"));
    assert_eq!(listed(&setting.cache().join("partial")).len(), 0);
    clean_frees_what_it_reports(&setting);
}

fn clean_frees_what_it_reports(setting: &WebLab) {
    let run = |arguments: &[&str]| {
        let output =
            product::command().args(arguments).env("IMGBUILD_CACHE", setting.cache()).output();
        let output = output.expect("imgbuild starts");
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let packages = setting.cache().join("packages");
    let before = listed(&packages).len();
    let mine = packages.join("notes of mine");
    fs::write(&mine, "keep").expect("file");
    // So much that the largest package, if it was used last, can stay.
    let used = || -> u64 {
        let du = oracle::ok("du", ["-s", "-B1", &text(&packages)]);
        du.split_whitespace().next().and_then(|n| n.parse().ok()).expect("number")
    };
    let keep = used() / 4 * 3;
    let clean = ["clean", "--packages", "--json", "--keep", &format!("{} MiB", keep >> 20)];
    let planned = json(&run(&[&clean[..], &["--dry-run"]].concat()));
    assert_eq!(listed(&packages).len(), before + 1);
    let done = json(&run(&clean));
    assert_eq!((&planned["freed"], &planned["left"]), (&done["freed"], &done["left"]));
    let (left, counted) = (used(), done["left"].as_u64().expect("number"));
    assert!(counted <= keep && left.abs_diff(counted) < 1 << 20, "{left} {counted}");
    let words = run(&["clean", "--all"]);
    assert!(words.contains("of packages: "), "{words}");
    assert_eq!(listed(&packages), [mine]);
    assert_eq!(listed(&setting.cache().join("metadata")).len(), 0);
}

/// The practice install tree on two discs, as `createrepo --split` describes them.
fn discs(directory: &Path) -> [PathBuf; 2] {
    let discs = ["disc1", "disc2"].map(|name| directory.join(name));
    oracle::ok("cp", ["-al", &text(&product::practice().join("os")), &text(&discs[0])]);
    fs::create_dir_all(discs[1].join("Packages")).expect("directory");
    for (number, package) in listed(&discs[0].join("Packages")).iter().enumerate() {
        if number % 2 == 1 {
            let to = discs[1].join("Packages").join(package.file_name().expect("name"));
            fs::rename(package, to).expect("move");
        }
    }
    for (number, disc) in (1..).zip(&discs) {
        let info = disc.join(".discinfo");
        let _ = fs::remove_file(&info);
        fs::write(info, format!("1332.13\nPractice\nx86_64\n{number}\n")).expect("discinfo");
    }
    let comps = listed(&discs[0].join("repodata"))
        .into_iter()
        .find(|p| p.to_string_lossy().ends_with("comps.xml"))
        .expect("comps.xml");
    let kept = directory.join("comps.xml");
    fs::copy(comps, &kept).expect("copy");
    fs::remove_dir_all(discs[0].join("repodata")).expect("old metadata");
    let [first, second] = [text(&discs[0]), text(&discs[1])];
    let arguments = ["-q", "--split", "-g", &text(&kept), "-u", "media://1332.13", &first, &second];
    oracle::ok("createrepo_c", arguments);
    discs
}

#[test]
fn a_set_of_discs_is_one_repository() {
    let setting = WebLab::new();
    let places = discs(setting.lab.directory());
    let [first, second] = [text(&places[0]), text(&places[1])];
    let more = ["extras", OPENSTACK].map(|part| text(&product::practice().join(part)));
    let whole = text(&product::practice().join("os"));
    let run = |media: &[&str]| {
        let media: Vec<&str> =
            media.iter().copied().chain(more.iter().map(String::as_str)).collect();
        let arguments = setting.plan(&media, &[]);
        setting.imgbuild(&setting.namespace, &arguments).output().expect("imgbuild starts")
    };
    let expected = packages(&run(&[&whole]));
    // In either order, and as ISO files.
    assert_eq!(packages(&run(&[&second, &first])), expected);
    let isos = [&first, &second].map(|disc| {
        let iso = format!("{disc}.iso");
        oracle::ok("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-o", &iso, disc]);
        iso
    });
    let output = run(&[&isos[0], &isos[1]]);
    assert_eq!(packages(&output), expected);
    let plan: Value = serde_json::from_slice(&output.stdout).expect("a plan");
    for package in plan["packages"].as_array().expect("packages") {
        let location = package["location"].as_str().expect("location");
        if let Some(path) = location.strip_prefix("media:2#") {
            assert!(places[1].join(path).is_file(), "{location}");
        }
    }
    for (media, words) in [
        (vec![first.as_str()], "disc 2 of the set 1332.13"),
        (vec![second.as_str()], "disc 1 of the set 1332.13, which has the metadata"),
        (vec![first.as_str(), isos[0].as_str()], "are both disc 1 of the set 1332.13"),
    ] {
        let output = run(&media);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{words} in {}", stderr(&output));
    }
}

#[test]
fn the_lab_file_may_name_a_repo_file() {
    let setting = WebLab::new();
    let lab = setting.lab.directory().join("profiles/lab.toml");
    let old = fs::read_to_string(&lab).expect("lab.toml");
    let own = old.split("# --- The repositories").next().expect("text");
    let os = text(&product::practice().join("os"));
    let openstack = text(&product::practice().join(OPENSTACK));
    fs::write(
        setting.lab.directory().join("profiles/local.repo"),
        format!(
            "[base]\nbaseurl=file://{os}\ngpgcheck=0\nexclude=nothing-*\n\
             [stack]\nbaseurl=file://{openstack}\ngpgcheck=0\npriority=50\n"
        ),
    )
    .expect("repo file");
    let table = |id: &str| format!("[[repository]]\nid = \"{id}\"\nsource = \"local.repo\"\n");
    fs::write(&lab, own.replace("packages = 10670", "") + &table("base") + &table("stack"))
        .expect("lab.toml");
    let run = || {
        let arguments = setting.plan(&[], &["--offline"]);
        setting.imgbuild(&setting.namespace, &arguments).output().expect("imgbuild starts")
    };
    let directories = [os.as_str(), openstack.as_str()];
    let arguments = setting.plan(&directories, &[]);
    let expected = setting.imgbuild(&setting.namespace, &arguments).output().expect("imgbuild");
    assert_eq!(packages(&run()), packages(&expected));
    fs::write(&lab, own.replace("packages = 10670", "") + &table("base") + &table("other"))
        .expect("lab.toml");
    let output = run();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("none of this id") && stderr(&output).contains("base, stack"));
}
