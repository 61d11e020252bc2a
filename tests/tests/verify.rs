//! Images read back by our own readers and compared with the manifest of their build; what
//! other tools changed in them is found and named.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;

/// A built lab that all tests of this file share: the controller on a small disk, raw and qcow2.
fn built() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        let lab = Lab::new();
        lab.edit("profiles/controller.toml", "50 GiB", "5 GiB");
        let os = text(&product::practice().join("os"));
        lab.build("controller", &[&os], &["--format", "raw,qcow2"]);
        lab
    })
}

fn imgbuild(arguments: &[&str]) -> Output {
    product::run(arguments)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The report on an image, whose exit code must be `code`.
fn verify(image: &Path, more: &[&str], code: i32) -> Value {
    let image = text(image);
    let mut arguments = vec!["verify", &image, "--json"];
    arguments.extend(more);
    let output = imgbuild(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    json(&output)
}

/// `change place: what` of every difference.
fn differences(report: &Value) -> Vec<String> {
    let list = report["differences"].as_array().expect("differences");
    let mut lines: Vec<String> = list
        .iter()
        .map(|d| {
            let word = |key: &str| d[key].as_str().expect("text").to_owned();
            let what: Vec<&str> =
                d["what"].as_array().expect("list").iter().filter_map(Value::as_str).collect();
            let what = if d["kind"] == "file" { what.join(",") } else { String::new() };
            format!("{} {} {}: {what}", word("kind"), word("change"), word("place"))
        })
        .collect();
    lines.sort();
    lines
}

/// First byte of partition `number`, as sgdisk reads it.
fn offset(raw: &str, number: u32) -> u64 {
    let info = oracle::ok("sgdisk", ["-i", &number.to_string(), raw]);
    let line = info.lines().find_map(|l| l.strip_prefix("First sector: ")).expect("First sector");
    line.split(' ').next().and_then(|n| n.parse::<u64>().ok()).expect("number") * 512
}

fn debugfs(raw: &str, request: &str) -> String {
    oracle::ok("debugfs", ["-w", "-R", request, &format!("{raw}?offset={}", offset(raw, 3))])
}

/// A copy of the raw image under the name that the manifest knows, with the manifest beside it.
fn copy(lab: &Lab, name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir_in(lab.folder()).expect("temporary folder");
    for file in [name, "manifest.json", "openstack.mtree.zst"] {
        let (from, to) = (lab.output().join(file), folder.path().join(file));
        oracle::ok("cp", ["--sparse=always", &text(&from), &text(&to)]);
    }
    let image = text(&folder.path().join(name));
    (folder, image)
}

fn flip(image: &str, at: u64) {
    let file = File::options().read(true).write(true).open(image).expect("image");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[!byte[0]], at).expect("write");
}

#[test]
fn images_are_as_built_in_any_format() {
    let lab = built();
    for name in ["openstack.raw", "openstack.qcow2"] {
        let report = verify(&lab.output().join(name), &[], 0);
        assert_eq!((&report["equal"], &report["untouched"]), (&true.into(), &true.into()));
    }
    // Another tool's encoding: every file is read and hashed by our readers.
    let manifest = text(&lab.output().join("manifest.json"));
    let copy = lab.folder().join("zstd.img");
    let from = text(&lab.output().join("openstack.qcow2"));
    let zstd = ["convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd"];
    oracle::ok("qemu-img", zstd.into_iter().chain([from.as_str(), &text(&copy)]));
    let report = verify(&copy, &["--manifest", &manifest], 0);
    assert_eq!((&report["equal"], &report["untouched"]), (&true.into(), &false.into()));
    let overlay = lab.overlay("openstack");
    verify(&overlay, &["--manifest", &manifest], 0);
}

#[test]
fn changed_files_are_named() {
    let lab = built();
    let (folder, raw) = copy(lab, "openstack.raw");
    let added = folder.path().join("added");
    fs::write(&added, "x").expect("file");
    let blocks = debugfs(&raw, "blocks /etc/passwd");
    let block: u64 = blocks.split_whitespace().next().and_then(|b| b.parse().ok()).expect("block");
    flip(&raw, offset(&raw, 3) + block * 4096);
    debugfs(&raw, "set_inode_field /etc/hosts mode 0100600");
    debugfs(&raw, "set_inode_field /etc/hostname uid 1000");
    debugfs(&raw, "rm /etc/resolv.conf");
    debugfs(&raw, &format!("write {} /etc/added", text(&added)));
    debugfs(&raw, "ea_set /etc/fstab user.note hello");
    let report = verify(Path::new(&raw), &[], 4);
    assert_eq!(
        differences(&report),
        [
            "file added /etc/added: ",
            "file changed /etc/fstab: attributes",
            "file changed /etc/hostname: owner",
            "file changed /etc/hosts: mode",
            "file changed /etc/passwd: content",
            "file removed /etc/resolv.conf: ",
        ]
    );
    let said = String::from_utf8(imgbuild(&["verify", &raw]).stdout).expect("UTF-8");
    assert!(said.contains("changed: /etc/passwd: content\n"), "{said}");
}

#[test]
fn changed_boot_loader_and_partitions_are_named() {
    let lab = built();
    let (folder, raw) = copy(lab, "openstack.raw");
    flip(&raw, 100);
    flip(&raw, offset(&raw, 1) + 1000);
    let esp = format!("{raw}@@{}", offset(&raw, 2));
    let extra = folder.path().join("startup.nsh");
    fs::write(&extra, "echo").expect("file");
    oracle::ok("mcopy", ["-i", &esp, &text(&extra), "::/EFI/startup.nsh"]);
    oracle::ok("sgdisk", ["-u", "3:11111111-2222-3333-4444-555555555555", "-c", "1:other", &raw]);
    let report = verify(Path::new(&raw), &[], 4);
    assert_eq!(
        differences(&report),
        [
            "boot changed BIOS boot: ",
            "boot changed boot sector: ",
            "file added /boot/efi/EFI/startup.nsh: ",
            "partition changed BIOS boot: ",
            "partition changed root: ",
        ]
    );
}

#[test]
fn unused_space_and_damage() {
    let lab = built();
    let (_folder, raw) = copy(lab, "openstack.raw");
    let size = fs::metadata(&raw).expect("raw").len();
    // Between the last partition and the backup of the table.
    flip(&raw, size - 300_000);
    let report = verify(Path::new(&raw), &[], 4);
    assert_eq!(differences(&report), ["image changed openstack.raw: "]);

    let (_folder, qcow2) = copy(lab, "openstack.qcow2");
    let length = fs::metadata(&qcow2).expect("qcow2").len();
    flip(&qcow2, length / 2);
    let output = imgbuild(&["verify", &qcow2, "--json"]);
    let code = output.status.code();
    assert!(code == Some(4) || code == Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    File::options().write(true).open(&qcow2).expect("qcow2").set_len(length / 3).expect("cut");
    let output = imgbuild(&["verify", &qcow2]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
}

#[test]
fn what_is_no_image_is_refused() {
    let lab = built();
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = imgbuild(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(words.iter().all(|w| said.contains(w)), "{words:?} in {said}");
    };
    let manifest = text(&lab.output().join("manifest.json"));
    let packages = text(&lab.output().join("packages.txt"));
    refused(&["verify", &packages], &["packages.txt", "no GUID partition table"]);
    refused(&["verify", "/nowhere/x.qcow2", "--manifest", &manifest], &["/nowhere/x.qcow2"]);
    refused(&["verify", &text(&lab.key())], &["manifest.json", "--manifest"]);
    let image = text(&lab.output().join("openstack.qcow2"));
    refused(&["verify", &image, "--manifest", &packages], &["packages.txt"]);
}

#[test]
fn the_list_of_files_is_one_that_bsdtar_reads() {
    let lab = built();
    let list = lab.folder().join("list.mtree");
    let packed = text(&lab.output().join("openstack.mtree.zst"));
    oracle::ok("unzstd", ["-q", "-f", "-o", &text(&list), &packed]);
    let said = oracle::ok("bsdtar", ["-tvf", &text(&list)]);
    let line = said.lines().find(|l| l.ends_with("etc/hostname")).expect("/etc/hostname");
    assert!(line.starts_with("-rw-r--r--"), "{line}");
    assert!(said.lines().any(|l| l.contains("bin -> ")), "links have targets");
}
