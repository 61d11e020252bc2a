//! imgbuild and firstboot where their users are: on EL7's kernel, without user namespaces, among
//! EL7's libraries and programs, or among none.

use lab_tests::el7_root::El7Root;
use lab_tests::lab::{Lab, text};
use lab_tests::machines::{Machines, empty_image};
use lab_tests::namespace::Namespace;
use lab_tests::old_kernel::on_linux_3_10;
use lab_tests::server_double::ServerDouble;
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};

fn printed(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat()
}

#[test]
fn the_double_of_linux_3_10_lacks_what_came_later() {
    let on_3_10 = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        on_linux_3_10(command.args(arguments));
        let output = command.output().expect("it starts");
        (output.status.success(), printed(&output))
    };
    let (worked, why) = on_3_10("unshare", &["--user", "true"]);
    assert!(!worked && why.contains("No space left on device"), "{why}");
    let (worked, why) = on_3_10("unshare", &["--mount", "true"]);
    assert!(worked, "{why}");
    // This machine's own programs try the new calls first.
    let (worked, calls) = on_3_10("strace", &["-e", "trace=rseq,getrandom", "true"]);
    let mut made = calls.lines().filter(|line| line.contains("= "));
    assert!(worked && calls.contains("rseq("), "{calls}");
    assert!(made.all(|call| call.contains("ENOSYS")), "{calls}");
}

/// A controller whose disk is small, so that checksums of its zeros do not take minutes.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"6 GiB\"");
    lab
}

fn files(output: &Path) -> Value {
    let text = fs::read_to_string(output.join("manifest.json")).expect("manifest");
    serde_json::from_str::<Value>(&text).expect("JSON")["files"].clone()
}

/// What a user does, from the first look to a checked image. `$1` is imgbuild, `$2` the profile,
/// `$3` the output directory, then what both take.
const MAIN_JOB: &str = "imgbuild=$1 profile=$2 output=$3; shift 3
    \"$imgbuild\" --version
    \"$imgbuild\" validate --profile \"$profile\"
    \"$imgbuild\" plan --profile \"$profile\" \"$@\" >/dev/null
    \"$imgbuild\" --profile \"$profile\" \"$@\" --output \"$output\" --progress plain
    \"$imgbuild\" verify \"$output\" >/dev/null
    \"$imgbuild\" inspect \"$output/openstack.qcow2\" >/dev/null";

/// Puts both programs where a package has them, and returns imgbuild's place.
fn install_programs(root: &El7Root) -> String {
    for program in ["imgbuild", "firstboot"] {
        let from = product::imgbuild().with_file_name(program);
        fs::copy(from, root.path().join("usr/bin").join(program)).expect(program);
    }
    "/usr/bin/imgbuild".to_owned()
}

/// Where the shared data are, in an EL7 root by its own shell; else on this machine.
#[test]
fn the_main_job_gives_the_same_image_on_linux_3_10_among_el7s_programs() {
    let lab = lab();
    let practice = product::practice();
    let media = ["os", "extras", "osp10"].map(|part| text(&practice.join(part)));
    let media: Vec<&str> = media.iter().map(String::as_str).collect();
    lab.build("controller", &media, &[]);

    let root = product::shared().map(|shared| El7Root::new(&shared));
    let imgbuild = match &root {
        Some(root) => install_programs(root),
        None => text(product::imgbuild()),
    };
    let output = text(&lab.directory().join("old"));
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let media = media.iter().flat_map(|medium| ["--media", medium]);
    let words = [imgbuild.as_str(), &profile, &output].into_iter().chain(media);
    let mut command = match &root {
        Some(root) => {
            // What is below the target directory, everything of this test, is there as here.
            let target = product::cache_directory().parent().expect("target").to_owned();
            let script = format!("[[ $BASH_VERSION == 4.2.* ]]; {MAIN_JOB}");
            let mut command = root.command(&target, &script);
            command.args(words);
            command
        }
        None => {
            let mut command = Command::new("sh");
            command.args(["-euc", MAIN_JOB, "sh"]).args(words);
            command
        }
    };
    command.env("IMGBUILD_STATE", product::state()).env("HOME", "/root");
    command.env("IMGBUILD_CACHE", lab.directory().join("cache"));
    product::heed_signals(&mut command);
    on_linux_3_10(&mut command);
    let job = command.output().expect("it starts");
    let said = printed(&job);
    assert!(job.status.success(), "{}: {said}", job.status);
    assert!(!said.contains("tree from the cache"), "{said}");
    assert_eq!(files(&lab.output()), files(output.as_ref()));
}

#[test]
fn machines_run_and_end_on_linux_3_10() {
    let lab = Lab::new();
    empty_image(&lab.output(), &[]);
    let machines = Machines::new(&lab).on_linux_3_10();
    let output = text(&lab.output());
    let up = ["up", "--output", &output, "--backend", "qemu", "--accelerator", "tcg"];
    let up = machines.run(&[&up[..], &["--timeout", "1", "--progress", "plain"]].concat());
    let stderr = String::from_utf8_lossy(&up.stderr);
    assert!(stderr.contains("nova01: firstboot has not reported after 1 s"), "{stderr}");
    let node = machines.status()["labs"][0]["nodes"][0].clone();
    assert_eq!(node["power"], "on", "{node:#}");
    let command = Path::new("/proc").join(node["pid"].to_string()).join("cmdline");
    let read = || fs::read_to_string(&command).unwrap_or_default();
    assert!(read().contains("qemu"), "{node:#}");
    machines.ok(&["destroy"]);
    // A zombie has none.
    assert_eq!(read(), "", "the machine still runs");
}

#[test]
fn firstboot_works_on_linux_3_10() {
    let firstboot = product::imgbuild().with_file_name("firstboot");
    let root = tempfile::tempdir().expect("temporary directory");
    let etc = root.path().join("etc/firstboot");
    fs::create_dir_all(&etc).expect("directory");
    let spec = product::workspace().join("firstboot/examples/controller.spec.toml");
    fs::copy(spec, etc.join("spec.toml")).expect("spec");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&firstboot);
        command.args(arguments).args(["--root", &text(root.path())]);
        on_linux_3_10(&mut command);
        let output = command.output().expect("firstboot starts");
        (output.status.code(), printed(&output))
    };
    assert_eq!(run(&["status"]).0, Some(2));
    assert_eq!(run(&["run"]).0, Some(0));
    let hosts = fs::read_to_string(root.path().join("etc/hosts")).expect("hosts");
    assert!(hosts.contains("192.168.1.10"), "{hosts}");
    let (code, status) = run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!((code, &status["steps"][0]["outcome"]), (Some(2), &"changed".into()), "{status:#}");
    for command in ["check", "peers", "analyze"] {
        let (code, text) = run(&[command]);
        assert!(code.is_some_and(|code| code < 3), "{command}: {code:?} {text}");
    }
}

/// Names are found by DNS and /etc/hosts in a root that has no library, whatever nsswitch.conf
/// wants to ask.
#[test]
fn both_programs_run_in_an_empty_root() {
    let root = tempfile::tempdir().expect("temporary directory");
    for directory in ["etc", "tmp"] {
        fs::create_dir(root.path().join(directory)).expect("directory");
    }
    let mut namespace = Namespace::new();
    for program in ["imgbuild", "firstboot"] {
        let from = product::imgbuild().with_file_name(program);
        fs::copy(from, root.path().join(program)).expect(program);
        let version =
            oracle::ok("chroot", [&text(root.path()), &format!("/{program}"), "--version"]);
        assert!(version.starts_with(program), "{version}");
    }
    check_names(&mut namespace, root.path());
}

#[test]
fn names_are_found_among_el7s_libraries() {
    let Some(shared) = product::shared() else { return };
    let root = El7Root::new(&shared);
    assert!(root.path().join("usr/lib64/libnss_hesiod.so.2").exists(), "it is EL7's");
    fs::copy(product::imgbuild(), root.path().join("imgbuild")).expect("imgbuild");
    check_names(&mut Namespace::new(), root.path());
}

fn check_names(namespace: &mut Namespace, root: &Path) {
    for (file, text) in [
        ("nsswitch.conf", "hosts: hesiod files dns hesiod nis\n"),
        ("resolv.conf", "nameserver 127.0.0.1\n"),
        ("hosts", "127.0.0.1 written.test\n"),
    ] {
        fs::write(root.join("etc").join(file), text).expect(file);
    }
    namespace.serve_names(&[("served.test", Ipv4Addr::LOCALHOST)]);
    let server = ServerDouble::start(namespace, product::practice());
    let ask = |name: &str| {
        let url = server.url.replace("127.0.0.1", name) + "/os";
        let mut command = namespace.command("/usr/sbin/chroot");
        command.arg(root).args(["/imgbuild", "plan", "--media", &url, "--install", "setup"]);
        let output = command.env_clear().env("HOME", "/").output().expect("chroot starts");
        (output.status.code(), printed(&output))
    };
    for name in ["served.test", "written.test"] {
        let (code, text) = ask(name);
        assert_eq!(code, Some(0), "{name}: {text}");
        assert!(text.contains("  setup-"), "{name}: {text}");
    }
    let (code, text) = ask("absent.test");
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("absent.test") && text.contains("failed to lookup address"), "{text}");
}
