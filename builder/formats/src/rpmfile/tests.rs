//! Packages written, read again, and judged by the `rpm` command.

use super::*;
use crate::digest::DigestKind;
use crate::file_type::{CHAR_DEVICE, DIRECTORY, REGULAR, SYMLINK};
use sha2::{Digest, Sha256};
use std::process::Command;

fn file(path: &str, mode: u32, content: &[u8]) -> PackagedFile {
    let regular = mode & crate::file_type::MASK == REGULAR;
    PackagedFile {
        path: path.into(),
        mode,
        user: "root".into(),
        group: "wheel".into(),
        size: content.len() as u64,
        mtime: 1_500_000_000,
        digest: if regular { hex::encode(Sha256::digest(content)) } else { String::new() },
        target: Vec::new(),
        flags: 0,
        verify: u32::MAX,
        rdev: 0,
        inode: content.len() as u64 + 1,
        device: 1,
        color: 0,
        language: String::new(),
        capabilities: String::new(),
    }
}

const BOTH: [PayloadCompression; 2] = [PayloadCompression::Gzip, PayloadCompression::Zstd];
const TEXT: &[u8] = b"#!/bin/sh\n";

/// A file of every kind.
fn files() -> Vec<PackagedFile> {
    let mut ghost = file("/var/log/x", REGULAR | 0o600, b"");
    ghost.flags = flag::GHOST;
    let mut link = file("/usr/bin/y", SYMLINK | 0o777, b"x");
    link.target = b"x".to_vec();
    let mut device = file("/dev/x", CHAR_DEVICE | 0o600, b"");
    device.rdev = 5 << 8 | 1;
    let mut program = file("/usr/bin/x", REGULAR | 0o755, TEXT);
    (program.capabilities, program.color) = ("cap_net_raw=ep".into(), 2);
    program.language = "de".into();
    vec![
        device,
        file("/etc", DIRECTORY | 0o755, b""),
        program,
        link,
        ghost,
        file("/x", REGULAR | 0o644, b""),
    ]
}

/// A package with one of everything.
fn sample() -> RpmPackage {
    let text = |text: &str| text.to_owned();
    let shell = |when, text: Option<&str>, program: &[&str]| Scriptlet {
        when,
        program: program.iter().map(|word| (*word).to_owned()).collect(),
        text: text.map(str::to_owned),
    };
    let at_least = |name: &str| Dependency::versioned(name, sense::GREATER | sense::EQUAL, "1:2-3");
    let triggered = |name: &str| Dependency::any(name, 1 << 16);
    RpmPackage {
        name: text("sample"),
        epoch: Some(3),
        version: text("1.0~rc1"),
        release: text("2"),
        arch: text("x86_64"),
        summary: text("A sample"),
        description: text("Two\nlines"),
        group: text("Unspecified"),
        license: text("MIT"),
        url: text("https://sample.invalid"),
        vendor: text("nobody"),
        packager: text("somebody"),
        build_time: 1_600_000_000,
        build_host: text("host.invalid"),
        source: text("sample-1.0~rc1-2.src.rpm"),
        size: 11,
        prefixes: vec![text("/usr")],
        files: files(),
        digest: DigestKind::Sha256,
        scriptlets: vec![
            shell(When::Pre, Some("exit 0"), &["/bin/sh"]),
            shell(When::Post, None, &["/sbin/ldconfig"]),
            shell(When::Postun, Some("-- nothing"), &["<lua>", "-x"]),
        ],
        triggers: vec![
            Trigger {
                program: text("/bin/sh"),
                text: text("echo one"),
                on: vec![triggered("a"), triggered("b")],
            },
            Trigger { program: text("/bin/sh"), text: text("echo two"), on: vec![triggered("c")] },
        ],
        requires: vec![at_least("glibc"), Dependency::any("/bin/sh", sense::SCRIPT_PRE)],
        provides: vec![at_least("sample")],
        conflicts: vec![Dependency::versioned("old", sense::LESS, "9")],
        obsoletes: vec![Dependency::any("older", 0)],
        recommends: vec![Dependency::any("more", 0)],
    }
}

/// The whole file, with the digests that rpm wants in its signature header.
fn written(package: &RpmPackage, compression: PayloadCompression) -> Vec<u8> {
    let contents: Vec<&[u8]> = package
        .files
        .iter()
        .map(|file| if file.path == b"/usr/bin/x" { TEXT } else { b"" })
        .collect();
    let dependency = FileDependency { file: 2, kind: b'R', position: 1 };
    let file_dependencies = if package.files.is_empty() { vec![] } else { vec![dependency] };
    let file_dependencies = &file_dependencies;
    let rpm = RpmContent { package, contents: &contents, file_dependencies, compression };
    let rpm = rpm.write().expect("a package");
    let header = EntryValue::Text(hex::encode(Sha256::digest(&rpm.header)));
    let whole = [rpm.header, rpm.payload].concat();
    let size = EntryValue::Numbers(vec![whole.len() as u32]);
    let entries = vec![(tag::signature::SIZE, size), (tag::signature::SHA256_HEADER, header)];
    with_signatures(&rpm.lead, entries, &whole)
}

#[test]
fn what_was_written_is_read_again() {
    for package in [sample(), RpmPackage { files: Vec::new(), epoch: None, ..sample() }] {
        for compression in BOTH {
            let bytes = written(&package, compression);
            let read = RpmFile::read(bytes.as_slice()).expect("a package");
            assert_eq!(read.package, package);
            let contents = Contents::new(&read.header, &read.package, read.rest);
            contents.expect("a payload").verify().expect("every file as the header says");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut package = sample();
    package.size = 1 << 32;
    let contents = vec![&b""[..]; package.files.len()];
    let (package, contents, compression) = (&package, &contents, PayloadCompression::Zstd);
    let rpm = RpmContent { package, contents, file_dependencies: &[], compression };
    let error = rpm.write().expect_err("a size of 33 bits");
    assert!(error.to_string().contains("4 GiB"), "{error}");
}

#[test]
fn rpm_says_the_same() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("sample.rpm");
    let rpm = |arguments: &[&str]| {
        let mut rpm = Command::new("rpm");
        rpm.args(arguments).arg(&path).env("HOME", directory.path()).env("TZ", "UTC");
        let out = rpm.output().expect("rpm of the Debian package rpm");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{arguments:?}: {text}");
        text
    };
    for (compression, name) in BOTH.into_iter().zip(["gzip 6", "zstd 6"]) {
        std::fs::write(&path, written(&sample(), compression)).expect("a file");
        assert!(rpm(&["-Kv", "--nosignature"]).matches(": OK").count() >= 2);
        assert_eq!(rpm(&["-qp", "--qf", "%{PAYLOADCOMPRESSOR} %{PAYLOADFLAGS}"]), name);
    }
    let dump = rpm(&["-qp", "--dump"]);
    let digest = hex::encode(Sha256::digest(TEXT));
    let program = format!("/usr/bin/x 10 1500000000 {digest} 0100755 root wheel 0 0 0 X\n");
    assert!(dump.contains(&program) && dump.lines().count() == 6, "{dump}");
    assert!(dump.lines().any(|line| line.starts_with("/usr/bin/y 1 ") && line.ends_with(" x")));
    assert_eq!(rpm(&["-qp", "--requires"]), "glibc >= 1:2-3\n/bin/sh\n");
    let others = "%{NEVRA} [%{CONFLICTS} ][%{OBSOLETES} ][%{RECOMMENDS} ][%{FILECAPS} ]%{PREFIXES}";
    assert_eq!(
        rpm(&["-qp", "--qf", others]).split_whitespace().collect::<Vec<_>>().join(" "),
        "sample-3:1.0~rc1-2.x86_64 old older more cap_net_raw=ep /usr"
    );
    let scripts = rpm(&["-qp", "--scripts"]);
    for line in [
        "preinstall scriptlet (using /bin/sh):\nexit 0\n",
        "postinstall program: /sbin/ldconfig\n",
        "postuninstall scriptlet (using <lua> -x):\n-- nothing\n",
    ] {
        assert!(scripts.contains(line), "{line} in {scripts}");
    }
    let triggers = rpm(&["-qp", "--triggers"]);
    assert!(
        triggers.contains("triggerin scriptlet (using /bin/sh) -- a, b\necho one"),
        "{triggers}"
    );
    let needs = rpm(&["-qp", "--qf", "[%{FILENAMES} %{FILEREQUIRE}\n]"]);
    assert!(needs.contains("/usr/bin/x /bin/sh\n"), "{needs}");
}
