//! Images read back by our own readers and compared with the manifest of their build; what
//! other tools changed in them is found and named.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Output;

/// One build for all that is asked of it: the controller on a small disk, raw and qcow2.
#[test]
fn a_build_can_be_verified_compared_and_inspected() {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "50 GiB", "5 GiB");
    let os = text(&product::practice().join("os"));
    lab.build("controller", &[&os], &["--format", "raw,qcow2"]);
    images_are_as_built_in_any_format(&lab);
    changed_files_are_named(&lab);
    changed_boot_loader_and_partitions_are_named(&lab);
    unused_space_and_damage(&lab);
    what_is_not_an_image_is_refused(&lab);
    the_list_of_files_is_one_that_bsdtar_reads(&lab);
    images_that_differ_are_distinguished(&lab);
    nodes_of_a_role_differ_only_in_identity(&lab);
    the_bill_of_materials_is_valid_spdx(&lab);
    inspect_shows_an_image(&lab);
    a_rebuilt_image_shows_what_was_changed_since(&lab);
    a_plan_says_what_has_changed_since_the_build(&lab);
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
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
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

/// A copy of the raw image under the name that the manifest knows, with the manifest next to it.
fn copy(lab: &Lab, name: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir_in(lab.directory()).expect("temporary directory");
    for file in [name, "manifest.json", "openstack.mtree.zst", "openstack.raw.bmap"] {
        let (from, to) = (lab.output().join(file), directory.path().join(file));
        oracle::ok("cp", ["--sparse=always", &text(&from), &text(&to)]);
    }
    let image = text(&directory.path().join(name));
    (directory, image)
}

fn flip(image: &str, at: u64) {
    let file = File::options().read(true).write(true).open(image).expect("image");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[!byte[0]], at).expect("write");
}

fn images_are_as_built_in_any_format(lab: &Lab) {
    for name in ["openstack.raw", "openstack.qcow2"] {
        let report = verify(&lab.output().join(name), &[], 0);
        assert_eq!((&report["equal"], &report["untouched"]), (&true.into(), &true.into()));
    }
    // Another tool's encoding: every file is read and hashed by our readers.
    let manifest = text(&lab.output().join("manifest.json"));
    let copy = lab.directory().join("zstd.img");
    let from = text(&lab.output().join("openstack.qcow2"));
    let zstd = ["convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd"];
    oracle::ok("qemu-img", zstd.into_iter().chain([from.as_str(), &text(&copy)]));
    let report = verify(&copy, &["--manifest", &manifest], 0);
    assert_eq!((&report["equal"], &report["untouched"]), (&true.into(), &false.into()));
    let overlay = lab.overlay("openstack");
    verify(&overlay, &["--manifest", &manifest], 0);
}

fn changed_files_are_named(lab: &Lab) {
    let (directory, raw) = copy(lab, "openstack.raw");
    let added = directory.path().join("added");
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
    let stdout = String::from_utf8(imgbuild(&["verify", &raw]).stdout).expect("UTF-8");
    assert!(stdout.contains("changed: /etc/passwd: content\n"), "{stdout}");
}

fn changed_boot_loader_and_partitions_are_named(lab: &Lab) {
    let (directory, raw) = copy(lab, "openstack.raw");
    flip(&raw, 100);
    flip(&raw, offset(&raw, 1) + 1000);
    let esp = format!("{raw}@@{}", offset(&raw, 2));
    let extra = directory.path().join("startup.nsh");
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

fn unused_space_and_damage(lab: &Lab) {
    let (_directory, raw) = copy(lab, "openstack.raw");
    let size = fs::metadata(&raw).expect("raw").len();
    // Between the last partition and the backup of the table.
    flip(&raw, size - 300_000);
    let report = verify(Path::new(&raw), &[], 4);
    assert_eq!(differences(&report), ["image changed openstack.raw: "]);

    let (_directory, qcow2) = copy(lab, "openstack.qcow2");
    let length = fs::metadata(&qcow2).expect("qcow2").len();
    flip(&qcow2, length / 2);
    let output = imgbuild(&["verify", &qcow2, "--json"]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let report = json(&output);
    let unread = report["unread"].as_array().expect("unread");
    assert!(!unread.is_empty() || !differences(&report).is_empty(), "{report:#}");
    File::options().write(true).open(&qcow2).expect("qcow2").set_len(length / 3).expect("cut");
    let output = imgbuild(&["verify", &qcow2]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("1 parts not read"), "{stderr}");
}

fn what_is_not_an_image_is_refused(lab: &Lab) {
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = imgbuild(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(words.iter().all(|w| stderr.contains(w)), "{words:?} in {stderr}");
    };
    let manifest = text(&lab.output().join("manifest.json"));
    let packages = text(&lab.output().join("packages.txt"));
    refused(&["verify", &packages], &["packages.txt", "no partition table"]);
    refused(&["verify", "/nowhere/x.qcow2", "--manifest", &manifest], &["/nowhere/x.qcow2"]);
    refused(&["verify", &text(&lab.key())], &["manifest.json", "--manifest"]);
    let image = text(&lab.output().join("openstack.qcow2"));
    refused(&["verify", &image, "--manifest", &packages], &["packages.txt"]);
}

fn the_list_of_files_is_one_that_bsdtar_reads(lab: &Lab) {
    let list = lab.directory().join("list.mtree");
    let packed = text(&lab.output().join("openstack.mtree.zst"));
    oracle::ok("unzstd", ["-q", "-f", "-o", &text(&list), &packed]);
    let printed = oracle::ok("bsdtar", ["-tvf", &text(&list)]);
    let line = printed.lines().find(|l| l.ends_with("etc/hostname")).expect("/etc/hostname");
    assert!(line.starts_with("-rw-r--r--"), "{line}");
    assert!(printed.lines().any(|l| l.contains("bin -> ")), "links have targets");
}

/// `imgbuild diff`'s report, whose exit code must be `code`.
fn diff(old: &Path, new: &Path, code: i32) -> Value {
    let output = imgbuild(&["diff", &text(old), &text(new), "--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    json(&output)
}

fn file<'a>(report: &'a Value, path: &str) -> Option<&'a Value> {
    report["files"].as_array().expect("files").iter().find(|f| f["place"] == path)
}

fn images_that_differ_are_distinguished(lab: &Lab) {
    let image = lab.output().join("openstack.raw");
    assert_eq!(diff(&image, &lab.output().join("openstack.qcow2"), 0)["same"], true);
    let (directory, raw) = copy(lab, "openstack.raw");
    let motd = directory.path().join("motd");
    fs::write(&motd, "planted\n").expect("file");
    for (path, mode) in [("/etc/chrony.conf", "0100644"), ("/etc/shadow", "0100600")] {
        debugfs(&raw, &format!("rm {path}"));
        debugfs(&raw, &format!("write {} {path}", text(&motd)));
        debugfs(&raw, &format!("set_inode_field {path} mode {mode}"));
    }
    let report = diff(&image, Path::new(&raw), 4);
    assert_eq!(
        (&report["packages"], &report["settings"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
    let chrony = file(&report, "/etc/chrony.conf").expect("chrony.conf");
    let lines = chrony["text"].as_str().expect("its lines");
    assert!(lines.contains("+planted\n") && lines.contains("\n-server "), "{lines}");
    let shadow = file(&report, "/etc/shadow").expect("shadow");
    assert_eq!(shadow["text"], Value::Null, "secrets are not shown");
    assert_eq!(report["files"].as_array().expect("files").len(), 2, "{:#}", report["files"]);
}

fn nodes_of_a_role_differ_only_in_identity(controller: &Lab) {
    let lab = Lab::new();
    lab.edit("profiles/compute.toml", "100 GiB", "5 GiB");
    let os = text(&product::practice().join("os"));
    lab.build("compute", &[&os], &["--format", "qcow2"]);
    let (one, two) = (lab.output().join("nova01.qcow2"), lab.output().join("nova02.qcow2"));
    let report = diff(&one, &two, 4);
    let places: Vec<&str> = report["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|f| f["place"].as_str().expect("place"))
        .collect();
    let identity = [
        "/etc/firstboot/pki/node.crt",
        "/etc/firstboot/pki/node.key",
        "/etc/firstboot/spec.toml",
        "/etc/hostname",
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
    ];
    assert_eq!(places, identity, "{report:#}");
    let name = file(&report, "/etc/hostname").expect("hostname");
    assert!(name["text"].as_str().expect("text").contains("-nova01\n+nova02\n"), "{name}");
    assert_eq!(file(&report, "/etc/firstboot/pki/node.key").expect("key").get("text"), None);

    // Output directories: other packages, another disk, another role.
    let other = controller.output();
    let report = diff(&lab.output(), &other, 4);
    let packages = report["packages"].as_array().expect("packages");
    let libvirt = packages.iter().find(|p| p["name"] == "libvirt-client.x86_64").expect("libvirt");
    assert_eq!(libvirt["new"], Value::Array(vec![]), "{libvirt}");
    let settings = report["settings"].as_array().expect("settings");
    assert!(settings.iter().any(|s| s["key"] == "profile"), "{settings:#?}");
    assert_eq!(diff(&lab.output(), &lab.output(), 0)["same"], true);
    assert_eq!(diff(&lab.output().join("manifest.json"), &lab.output(), 0)["same"], true);
}

fn the_bill_of_materials_is_valid_spdx(lab: &Lab) {
    let sbom = text(&lab.output().join("sbom.spdx.json"));
    let directory = tempfile::tempdir().expect("temporary directory");
    let venv = directory.path().join("venv");
    oracle::ok("python3", ["-m", "venv", &text(&venv)]);
    let tool = |name: &str| text(&venv.join("bin").join(name));
    oracle::ok(&tool("pip"), ["install", "--quiet", "spdx-tools==0.8.3"]);
    let printed = oracle::ok(&tool("pyspdxtools"), ["-i", &sbom]);
    assert!(printed.is_empty(), "{printed}");
    let document: Value = serde_json::from_slice(&fs::read(&sbom).expect("SBOM")).expect("JSON");
    let manifest: Value =
        serde_json::from_slice(&fs::read(lab.output().join("manifest.json")).expect("manifest"))
            .expect("JSON");
    let packages = document["packages"].as_array().expect("packages");
    let planned = manifest["packages"].as_array().expect("packages");
    // One for the image itself.
    assert_eq!(packages.len(), planned.len() + 1);
    let bash = packages.iter().find(|p| p["name"] == "bash").expect("bash");
    let expected = planned.iter().find(|p| p["name"] == "bash").expect("bash");
    assert_eq!(bash["checksums"][0]["checksumValue"], expected["sha256"]);
    let purl = bash["externalRefs"][0]["referenceLocator"].as_str().expect("purl");
    assert!(purl.starts_with("pkg:rpm/practice/bash@") && purl.contains("?arch=x86_64"), "{purl}");
    assert!(!expected["license"].as_str().expect("license").is_empty());

    let directory = text(&lab.output());
    let check = "sha256sum --quiet -c SHA256SUMS && ls | grep -v -e SHA256SUMS -e '[.]raw$' | sort";
    let names = oracle::ok("sh", ["-c", &format!("cd {directory} && {check}")]);
    let sums = oracle::ok("sh", ["-c", &format!("cd {directory} && cut -c67- SHA256SUMS | sort")]);
    assert_eq!(names, sums, "every file but the raw image has a checksum");
}

fn a_rebuilt_image_shows_what_was_changed_since(lab: &Lab) {
    let (_directory, raw) = copy(lab, "openstack.raw");
    debugfs(&raw, "set_inode_field /etc/hosts mode 0100600");
    let report = verify(Path::new(&raw), &["--rebuild", "--progress", "none"], 4);
    assert_eq!(
        differences(&report),
        ["file changed /etc/hosts: mode".to_owned(), format!("image changed {raw}: ")]
    );
}

fn inspect_shows_an_image(lab: &Lab) {
    let output = imgbuild(&["inspect", &text(&lab.output().join("openstack.qcow2")), "--json"]);
    let about = json(&output);
    let raw = text(&lab.output().join("openstack.raw"));
    assert_eq!(about["size"], fs::metadata(&raw).expect("raw").len());
    let partitions = about["partitions"].as_array().expect("partitions");
    let kinds: Vec<_> = partitions.iter().map(|p| p["filesystem"].as_str()).collect();
    assert_eq!(kinds, [None, Some("FAT"), Some("ext4")]);
    assert_eq!(partitions[2]["offset"], offset(&raw, 3));
    let root = format!("{raw}?offset={}", offset(&raw, 3));
    let header = oracle::ok("dumpe2fs", ["-h", &root]);
    let uuid = partitions[2]["uuid"].as_str().expect("UUID");
    assert!(header.contains(&format!("Filesystem UUID:          {uuid}")), "{header}");
    assert_eq!(about["node"]["name"], "openstack");
    assert_eq!(about["node"]["address"], "192.168.1.10");
    assert_eq!(about["kernels"].as_array().expect("kernels").len(), 1);
    assert!(about["packages"].as_u64().expect("packages") > 50);
    let printed = imgbuild(&["inspect", &raw]);
    assert!(printed.status.success() && !printed.stdout.is_empty());
    assert_eq!(imgbuild(&["inspect", "/etc/passwd"]).status.code(), Some(2));
}

fn a_plan_says_what_has_changed_since_the_build(lab: &Lab) {
    let output = text(&lab.output());
    let os = text(&product::practice().join("os"));
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let since = |output: &str| {
        let mut arguments = vec!["plan", "--profile", &profile, "--media", &os];
        arguments.extend(["--format", "raw,qcow2", "--output", output, "--progress", "none"]);
        let plan = imgbuild(&arguments);
        let stderr = String::from_utf8_lossy(&plan.stderr);
        assert!(plan.status.success(), "{stderr}");
        let text = String::from_utf8_lossy(&plan.stdout).into_owned();
        text.split_once("Since the build in ").map(|(_, since)| since.to_owned())
    };
    assert_eq!(since(&output), Some(format!("{output}\n  nothing has changed\n")));
    lab.edit("profiles/controller.toml", "5 GiB", "6 GiB");
    lab.edit("kickstart/controller.ks", "%packages", "%packages\npsmisc");
    let changed = since(&output).expect("a build");
    assert!(changed.contains("\n  package added: psmisc.x86_64 "), "{changed}");
    assert!(changed.contains("\n  setting ") && changed.contains("6442450944"), "{changed}");
    assert_eq!(since(&text(&lab.directory().join("nothing"))), None);
}
