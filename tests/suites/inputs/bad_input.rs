//! Bad input: one clear error each, the right exit code, and nothing left behind.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::time::Duration;

/// Runs a build that must fail with `code`, leave no output, and print every part of `words`.
fn fails(lab: &Lab, media: &[&str], more: &[&str], code: i32, words: &[&str]) {
    let output = product::run(&lab.arguments("controller", media, more));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` in:\n{stderr}");
    }
    assert_eq!(stderr.matches("imgbuild: error:").count(), 1, "{stderr}");
    assert!(!lab.output().exists(), "something is left in the output directory");
}

fn os() -> String {
    text(&product::practice().join("os"))
}

/// A copy of the practice install tree whose files are links, so that one can be replaced.
fn linked_copy(lab: &Lab) -> std::path::PathBuf {
    let copy = lab.directory().join("os");
    oracle::ok("cp", ["-al", &os(), &text(&copy)]);
    copy
}

/// Neither written nor read, and said so by name.
#[test]
fn a_disk_of_large_sectors() {
    let directory = tempfile::tempdir().expect("directory");
    let made = directory.path().join("made.raw");
    let file = File::create(&made).expect("image");
    file.set_len(1 << 20).expect("size");
    file.write_all_at(b"EFI PART", 4096).expect("signature");
    let mut images = vec![made];
    if let Some(shared) = product::shared() {
        let raw = directory.path().join("gptman.raw");
        let packed = text(&shared.join("corpus/disk/images/gptman-disk2.img.gz"));
        fs::write(&raw, oracle::run("gzip", ["-dc", &packed]).stdout).expect("image");
        images.push(raw);
    }
    for image in images {
        let output = product::run(&["inspect", &text(&image)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("is a disk of 4096-byte sectors"), "{stderr}");
    }
}

#[test]
fn missing_medium() {
    fails(
        &Lab::new(),
        &["/nowhere/CentOS7-1804.iso"],
        &[],
        2,
        &["/nowhere/CentOS7-1804.iso", "--media"],
    );
}

#[test]
fn truncated_iso() {
    let lab = Lab::new();
    let cut = lab.directory().join("cut.iso");
    fs::copy(product::practice().join("practice-os.iso"), &cut).expect("practice ISO");
    File::options().write(true).open(&cut).expect("copy").set_len(20 << 20).expect("cut");
    fails(&lab, &[&text(&cut)], &[], 2, &["cut.iso", "truncated"]);
    fs::write(&cut, "no image").expect("write");
    fails(&lab, &[&text(&cut)], &[], 2, &["cut.iso"]);
}

#[test]
fn corrupted_rpm() {
    let lab = Lab::new();
    let copy = linked_copy(&lab);
    let packages = copy.join("Packages");
    let rpm = fs::read_dir(&packages)
        .expect("Packages")
        .map(|e| e.expect("entry").path())
        .find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("bash-5")))
        .expect("bash");
    let bytes = fs::read(&rpm).expect("bash");
    fs::remove_file(&rpm).expect("link");
    fs::write(&rpm, &bytes).expect("copy");
    let middle = bytes.len() / 2;
    let file = File::options().write(true).open(&rpm).expect("copy");
    file.write_all_at(&[!bytes[middle]], middle as u64).expect("flip");
    // An empty cache, or the installed tree would be at hand.
    let cache = text(&lab.directory().join("cache"));
    fails(
        &lab,
        &[&text(&copy)],
        &["--cache", &cache],
        4,
        &["bash-", "damaged or was changed", "sha256"],
    );
}

#[test]
fn directory_without_repodata() {
    let lab = Lab::new();
    let empty = lab.directory().join("empty");
    fs::create_dir(&empty).expect("directory");
    fails(&lab, &[&text(&empty)], &[], 2, &["has no yum repository", "repodata/repomd.xml"]);
}

#[test]
fn unsatisfiable_request() {
    let lab = Lab::new();
    lab.edit("kickstart/controller.ks", "openvswitch\n", "openvswich\n");
    fails(
        &lab,
        &[&os()],
        &[],
        2,
        &["no package `openvswich`", "did you mean `openvswitch`?", "%packages"],
    );
}

#[test]
fn disk_too_small() {
    let lab = Lab::new();
    lab.edit("kickstart/controller.ks", "--size=4096", "--size=100");
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"700 MiB\"");
    fails(&lab, &[&os()], &[], 2, &["disk", "700 MiB"]);
}

#[test]
fn no_free_space() {
    let lab = Lab::new();
    let small = lab.directory().join("small");
    fs::create_dir(&small).expect("directory");
    oracle::ok("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", &text(&small)]);
    let cache = text(&small.join("cache"));
    let result = std::panic::catch_unwind(|| {
        fails(
            &lab,
            &[&os()],
            &["--cache", &cache],
            3,
            &["not enough free space", "need about", "have 1"],
        );
    });
    oracle::ok("umount", [&text(&small)]);
    assert!(result.is_ok());
}

#[test]
fn existing_output_is_kept() {
    let lab = Lab::new();
    fs::create_dir(lab.output()).expect("directory");
    let mine = lab.output().join("openstack.qcow2");
    fs::write(&mine, "mine").expect("file");
    let output = product::run(&lab.arguments("controller", &[&os()], &[]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("already holds openstack.qcow2") && stderr.contains("--force"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(&mine).expect("file"), "mine");
    assert_eq!(fs::read_dir(lab.output()).expect("directory").count(), 1);
    // Whose images a damaged manifest is of, nobody knows: not even by force it is replaced.
    let manifest = lab.output().join("manifest.json");
    fs::write(&manifest, "{").expect("file");
    let output = product::run(&lab.arguments("controller", &[&os()], &["--force"]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let hint = format!("--output {}/controller", text(&lab.output()));
    assert!(
        stderr.contains("which says whose images are there") && stderr.contains(&hint),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(manifest).expect("file"), "{");
    assert_eq!(fs::read_to_string(mine).expect("file"), "mine");
}

#[test]
fn ctrl_c_in_the_middle() {
    let lab = Lab::new();
    let cache = lab.directory().join("cache");
    let mut child = product::command()
        .args(lab.arguments("controller", &[&os()], &["--cache", &text(&cache)]))
        .stderr(Stdio::piped())
        .spawn()
        .expect("imgbuild starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("installing packages") {
        line.clear();
        assert_ne!(
            lines.read_line(&mut line).expect("standard error"),
            0,
            "it ended before rpm ran"
        );
    }
    let started = loop {
        let started = descendants(child.id());
        if started.iter().any(|(_, name)| name == "rpm") {
            break started;
        }
        assert!(child.try_wait().expect("status").is_none(), "it ended before rpm ran");
        std::thread::sleep(Duration::from_millis(10));
    };
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("signal");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("standard error");
    let status = child.wait().expect("exit");
    assert_eq!(status.code(), Some(130), "{rest}");
    assert!(rest.contains("installing packages interrupted after "), "{rest}");
    assert!(!lab.output().exists());
    let place = text(lab.directory());
    assert!(
        !fs::read_to_string("/proc/mounts").expect("mounts").contains(&place),
        "a mount is left"
    );
    let all = processes();
    let left: Vec<_> = started.iter().filter(|(id, _)| all.iter().any(|p| p.id == *id)).collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
    let trees: Vec<_> = fs::read_dir(cache.join("trees"))
        .expect("trees")
        .map(|e| e.expect("entry").file_name())
        .filter(|n| n != "lock")
        .collect();
    assert!(trees.is_empty(), "{trees:?}");
}

struct Process {
    id: u32,
    parent: u32,
    name: String,
}

/// Every process that has not ended.
fn processes() -> Vec<Process> {
    let read = |entry: fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (head, rest) = stat.rsplit_once(") ")?;
        let (id, name) = head.split_once(" (")?;
        let (state, rest) = rest.split_once(' ')?;
        let parent = rest.split(' ').next()?.parse().ok()?;
        let process = Process { id: id.parse().ok()?, parent, name: name.to_owned() };
        (state != "Z").then_some(process)
    };
    fs::read_dir("/proc").expect("/proc").filter_map(|entry| read(entry.ok()?)).collect()
}

/// What a process has started, and what that has: identifiers and names.
fn descendants(of: u32) -> Vec<(u32, String)> {
    let all = processes();
    let mut parents = vec![of];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.id);
            found.push((process.id, process.name.clone()));
        }
    }
    found
}
