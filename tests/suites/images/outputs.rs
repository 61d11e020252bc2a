//! Every output format of a build, judged by the tools that read it.

use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product};
use serde_json::Value;
use std::fs;
use std::path::Path;

const NODES: [&str; 2] = ["nova01", "nova02"];

fn qemu_img(arguments: &[&str]) -> String {
    oracle::ok("qemu-img", arguments)
}

/// Whether qemu-img finds the same disk in both files.
fn same(raw: &Path, image: &Path, format: &str) {
    qemu_img(&["compare", "-q", "-f", "raw", "-F", format, &text(raw), &text(image)]);
}

#[test]
fn every_format_holds_the_same_disk() {
    let lab = Lab::new();
    lab.edit("profiles/compute.toml", "\"100 GiB\"", "\"6 GiB\"");
    lab.build("compute", &["practice"], &["--format", "raw,qcow2-overlay,vmdk,vhd,tar"]);
    let file = |name: &str| lab.output().join(name);
    for node in NODES {
        let raw = file(&format!("{node}.raw"));
        for (extension, format) in [("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vhd", "vpc")] {
            let image = file(&format!("{node}.{extension}"));
            if format != "vpc" {
                qemu_img(&["check", "-q", &text(&image)]);
            }
            same(&raw, &image, format);
        }
        // Identity costs kilobytes.
        let overlay = file(&format!("{node}.qcow2"));
        let size = fs::metadata(&overlay).expect("overlay").len();
        assert!(size < 3 << 20, "{node}: {size} bytes");
        let info = qemu_img(&["info", &text(&overlay)]);
        assert!(info.contains("backing file: compute-base.qcow2"), "{info}");
        check_archive(&file(&format!("{node}.tar.gz")), node);
        oracle::ok("virt-xml-validate", [text(&file(&format!("{node}.xml"))), "domain".into()]);
    }
    let network = file("openstack-lab-network.xml");
    oracle::ok("virt-xml-validate", [text(&network), "network".into()]);
    let network = fs::read_to_string(network).expect("network");
    assert!(network.contains("address='192.168.1.254' netmask='255.255.255.0'"), "{network}");
    check_domain(&fs::read_to_string(file("nova02.xml")).expect("domain"));
    // Block maps are in it, and raw images, which coreutils takes minutes for, are not.
    let check = "! grep '[.]raw$' SHA256SUMS && sha256sum --quiet -c SHA256SUMS";
    oracle::ok("sh", ["-c", &format!("cd {} && {check}", text(&lab.output()))]);
    let manifest = fs::read(file("manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("manifest");
    let listed: Vec<&str> = manifest["files"]
        .as_array()
        .map(|files| files.iter().filter_map(|f| f["file"].as_str()).collect())
        .unwrap_or_default();
    for name in [
        "nova01.vmdk",
        "nova02.tar.gz",
        "nova02.xml",
        "compute-base.qcow2",
        "openstack-lab-network.xml",
    ] {
        assert!(listed.contains(&name), "{name}: {listed:?}");
    }
    check_nothing_is_lost(&lab);
}

/// No other build makes the images in a directory useless, whatever the user asks for.
fn check_nothing_is_lost(lab: &Lab) {
    let state = || {
        let files = fs::read_dir(lab.output()).expect("output").flatten();
        let of = |file: fs::DirEntry| {
            let meta = file.metadata().expect("file");
            (file.file_name(), meta.len(), meta.modified().expect("time"))
        };
        let mut files: Vec<_> = files.map(of).collect();
        files.sort();
        files
    };
    let before = state();
    let output = text(&lab.output());
    for (role, more, words) in [
        (
            "controller",
            &[][..],
            [&*format!("{output} holds the build of the role compute"), "/controller"],
        ),
        ("compute", &["--node", "nova01"], ["images of nova02, which this build", "/nova01"]),
    ] {
        for force in [&[][..], &["--force"]] {
            let build = product::run(&lab.arguments(role, &["practice"], &[more, force].concat()));
            let stderr = String::from_utf8_lossy(&build.stderr);
            assert_eq!(build.status.code(), Some(2), "{stderr}");
            let hint = format!("--output {output}{}", words[1]);
            assert!(stderr.contains(words[0]) && stderr.contains(&hint), "{stderr}");
            assert_eq!(state(), before);
        }
    }
}

fn check_archive(archive: &Path, node: &str) {
    let hostname = oracle::ok("tar", ["-xOzf", &text(archive), "./etc/hostname"]);
    assert_eq!(hostname.trim(), node);
    let list = oracle::ok("tar", ["--numeric-owner", "-tvzf", &text(archive)]);
    let has =
        |mode: &str, name: &str| list.lines().any(|l| l.starts_with(mode) && l.ends_with(name));
    assert!(has("drwxr-xr-x 0/0", " ./usr/"), "the directories");
    assert!(list.contains(" ./boot/efi/EFI/"), "the ESP's files at their place");
    assert!(has("-rw-r--r-- 0/0", " ./etc/passwd"), "numeric owners");
}

fn check_domain(domain: &str) {
    for part in [
        "<vcpu>2</vcpu>",
        "<memory unit='KiB'>4718592</memory>",
        // The first of the formats asked for.
        "<driver name='qemu' type='raw'/>",
        "<target dev='vda' bus='virtio'/>",
        "<model type='virtio'/>",
        "<rng model='virtio'>",
        "<serial type='pty'>",
        "<mac address='52:54:00:",
    ] {
        assert!(domain.contains(part), "{part}: {domain}");
    }
}

#[test]
fn qcow2_is_compressed_as_asked() {
    let lab = Lab::new();
    let mut sizes = Vec::new();
    for (format, kind) in [("qcow2-plain", "zlib"), ("qcow2", "zlib"), ("qcow2-zstd", "zstd")] {
        lab.build("controller", &["practice"], &["--format", format, "--force"]);
        let image = text(&lab.output().join("openstack.qcow2"));
        assert!(qemu_img(&["check", &image]).contains("No errors"));
        let info = qemu_img(&["info", &image]);
        assert!(info.contains(&format!("compression type: {kind}")), "{info}");
        sizes.push(fs::metadata(image).expect("image").len());
    }
    assert!(sizes[1] < sizes[0] / 3 * 2 && sizes[2] < sizes[1], "{sizes:?}");
    let both = ["--format", "qcow2,qcow2-zstd", "--force"];
    let output = product::run(&lab.arguments("controller", &["practice"], &both));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("qcow2 and qcow2-zstd both create NODE.qcow2"), "{stderr}");
}
