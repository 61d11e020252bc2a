//! Keys made by GnuPG and packages signed by rpmsign: what is accepted, what is called weak,
//! what is refused and in which words.

use builder::packages::trust::{self, Covers, Keyring, Refusal, Signature};
use formats::rpmfile::{EntryValue, LEAD, RpmFile, tag::signature, with_signatures};
use lab_tests::lab::text;
use lab_tests::rawrpm::{self, File};
use lab_tests::{oracle, product};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A GnuPG home of the test's own. Its agent ends with it.
struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gpg").tempdir().expect("temporary directory");
        Self { home }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(arguments).env("GNUPGHOME", self.home.path()).env("LC_ALL", "C");
        let output = command.output().unwrap_or_else(|e| panic!("{program}: {e}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
        output.stdout
    }

    /// Makes a key as `gpg --quick-generate-key` has it; `more` comes before that.
    fn make(&self, user: &str, algorithm: &str, expires: &str, more: &[&str]) {
        let mut arguments = vec!["--batch", "--quiet", "--passphrase", ""];
        arguments.extend(more);
        arguments.extend(["--quick-generate-key", user, algorithm, "sign", expires]);
        self.run("gpg", &arguments);
    }

    fn export(&self, user: &str) -> Vec<u8> {
        self.run("gpg", &["--quiet", "--export", "--armor", user])
    }

    fn ring(&self, user: &str) -> Keyring {
        let mut ring = Keyring::default();
        ring.add("key", &self.export(user)).expect("GnuPG's key");
        ring
    }

    /// A signed copy of a package.
    fn sign(&self, package: &Path, user: &str, more: &[&str]) -> Vec<u8> {
        let copy = self.home.path().join("package.rpm");
        fs::write(&copy, fs::read(package).expect("package")).expect("copy");
        let name = format!("_gpg_name {user}");
        let copy_ = text(&copy);
        let mut arguments = vec!["--resign", "--define", &name, "--define", "__gpg /usr/bin/gpg"];
        arguments.extend(more);
        arguments.push(&copy_);
        self.run("rpmsign", &arguments);
        fs::read(&copy).expect("package")
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .args(["--kill", "gpg-agent"])
            .env("GNUPGHOME", self.home.path())
            .status();
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs() as i64
}

fn verify(file: &[u8], ring: &Keyring) -> Result<Signature, Refusal> {
    trust::verify(file, ring, now())
}

/// A small package without signatures, and its directory.
fn unsigned() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let spec = directory.path().join("probe.spec");
    fs::write(
        &spec,
        "Name: probe\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n\
         %description\nd\n%install\nmkdir -p %{buildroot}/etc\necho data >%{buildroot}/etc/probe\n\
         %files\n/etc/probe\n",
    )
    .expect("spec");
    let top = format!("_topdir {}", text(directory.path()));
    oracle::ok("rpmbuild", ["--quiet", "-bb", "--define", &top, &text(&spec)]);
    let package = directory.path().join("RPMS/noarch/probe-1-1.noarch.rpm");
    (directory, package)
}

#[test]
fn good_keys_of_every_kind() {
    let gpg = Gpg::new();
    let (_directory, package) = unsigned();
    let file = fs::read(&package).expect("package");
    assert_eq!(verify(&file, &Keyring::default()), Err(Refusal::Unsigned));
    for (user, algorithm, named) in
        [("rsa@x", "rsa3072", "RSA/SHA"), ("eddsa@x", "ed25519", "EdDSA/SHA")]
    {
        gpg.make(user, algorithm, "1y", &[]);
        let signed = gpg.sign(&package, user, &[]);
        let signature = verify(&signed, &gpg.ring(user)).expect(user);
        // Today's rpm signs the header, which has the payload's digest.
        assert_eq!(signature.covers, Covers::HeaderWithPayloadDigest);
        assert!(signature.algorithm.starts_with(named), "{}", signature.algorithm);
        assert_eq!(signature.weak, None);
        assert_eq!(signature.user, user);
        assert!(matches!(verify(&signed, &Keyring::default()), Err(Refusal::UnknownKey(_))));
        let mut flipped = signed.clone();
        *flipped.last_mut().expect("payload") ^= 1;
        assert!(verify(&flipped, &gpg.ring(user)).is_err());
    }
    // Several keys in one file, text between them; also the binary form.
    let both = [gpg.export("rsa@x"), b"\nSome words.\n".to_vec(), gpg.export("eddsa@x")].concat();
    let mut ring = Keyring::default();
    ring.add("both", &both).expect("two keys");
    assert_eq!(ring.keys().count(), 2);
    let mut binary = Keyring::default();
    binary.add("binary", &gpg.run("gpg", &["--export", "rsa@x", "eddsa@x"])).expect("two keys");
    assert_eq!(binary.keys().count(), 2);
    let secret = gpg.run("gpg", &["--batch", "--passphrase", "", "--export-secret-keys", "rsa@x"]);
    assert!(Keyring::default().add("secret", &secret).is_err(), "no public key");
    for broken in [&b""[..], b"words", &both[..both.len() / 3]] {
        assert!(Keyring::default().add("broken", broken).is_err());
    }
}

#[test]
fn weak_signatures_are_named() {
    let gpg = Gpg::new();
    let (_directory, package) = unsigned();
    gpg.make("short@x", "rsa1024", "never", &[]);
    let signed = gpg.sign(&package, "short@x", &[]);
    let weak = verify(&signed, &gpg.ring("short@x")).expect("accepted").weak;
    assert_eq!(weak.as_deref(), Some("RSA key of 1024 bits"));
    gpg.make("sha1@x", "rsa2048", "never", &[]);
    let digest = ["--define", "_gpg_digest_algo sha1"];
    let signed = gpg.sign(&package, "sha1@x", &digest);
    let weak = verify(&signed, &gpg.ring("sha1@x")).expect("accepted").weak;
    assert_eq!(weak.as_deref(), Some("hash SHA1"));
}

#[test]
fn keys_whose_time_is_over() {
    let gpg = Gpg::new();
    let (_directory, package) = unsigned();
    gpg.make("old@x", "rsa2048", "20300101T000000", &[]);
    let signed = gpg.sign(&package, "old@x", &[]);
    let ring = gpg.ring("old@x");
    verify(&signed, &ring).expect("not expired yet");
    let refusal = trust::verify(&signed, &ring, 1_893_456_000 + 86_400).expect_err("expired");
    let error = refusal.to_string();
    assert!(error.contains("(old@x), which expired on 2030-01-01"), "{error}");

    gpg.make("taken@x", "rsa2048", "never", &[]);
    let signed = gpg.sign(&package, "taken@x", &[]);
    let print = gpg.run("gpg", &["--with-colons", "--fingerprint", "taken@x"]);
    let print = String::from_utf8_lossy(&print).into_owned();
    let print = print.lines().find_map(|l| l.strip_prefix("fpr:::::::::")).expect("fingerprint");
    let file = gpg.home.path().join(format!("openpgp-revocs.d/{}.rev", print.trim_matches(':')));
    let revocation = fs::read_to_string(&file).expect("GnuPG's revocation");
    fs::write(&file, revocation.replace(":-----BEGIN", "-----BEGIN")).expect("revocation");
    gpg.run("gpg", &["--batch", "--quiet", "--import", &text(&file)]);
    let refusal = verify(&signed, &gpg.ring("taken@x")).expect_err("revoked");
    assert!(matches!(&refusal, Refusal::Revoked { user, .. } if user == "taken@x"), "{refusal}");
}

/// The package's lead, header and payload under a signature of the header alone.
fn header_signature_only(signed: &[u8]) -> Vec<u8> {
    let rpm = RpmFile::read(signed).expect("a package");
    let padded = rpm.signature.bytes().len().next_multiple_of(8);
    let tag = signature::RSA_HEADER;
    let made = rpm.signature.binary(tag).expect("a signature").to_vec();
    with_signatures(
        &signed[..LEAD],
        vec![(tag, EntryValue::Binary(made))],
        &signed[LEAD + padded..],
    )
}

/// An EL7 package without the signature of its payload: every file is compared with the header.
#[test]
fn header_signatures_alone_hold_by_every_files_digest() {
    let Some(shared) = product::shared() else { return };
    let packages = shared.join("corpus/rpm/packages");
    let gpg = Gpg::new();
    gpg.make("me@x", "rsa2048", "never", &[]);
    let ring = gpg.ring("me@x");
    // Hard links; file capabilities and links; set-user-ID.
    for name in [
        "python-mimeparse-0.1.4-1.el7.noarch",
        "fping-3.10-4.el7.x86_64",
        "filesystem-3.2-25.el7.x86_64",
    ] {
        let signed = gpg.sign(&packages.join(format!("{name}.rpm")), "me@x", &[]);
        assert_eq!(
            verify(&signed, &ring).expect(name).covers,
            Covers::HeaderAndPayload,
            "rpmsign signs the payload where the header has no digest of it"
        );
        let stripped = header_signature_only(&signed);
        let signature = verify(&stripped, &ring).expect(name);
        assert_eq!(signature.covers, Covers::HeaderWithFileDigests, "{name}");
        let payload = stripped.len() - 4000.min(stripped.len() / 4);
        for at in [payload, payload + 501] {
            let mut flipped = stripped.clone();
            flipped[at] ^= 0x10;
            assert!(
                matches!(verify(&flipped, &ring), Err(Refusal::Payload(_))),
                "{name}: byte {at}"
            );
        }
    }
}

/// Another payload under a genuine signed header, as an attacker would put it there.
#[test]
fn another_payload_under_a_signed_header_is_refused() {
    let gpg = Gpg::new();
    gpg.make("me@x", "rsa2048", "never", &[]);
    let directory = tempfile::tempdir().expect("temporary directory");
    let good = [File::new("/etc/x", 0o100_644, b"data"), File::new("/etc/y", 0o100_644, b"more")];
    let mut entries = rawrpm::entries(&good);
    let digests = [
        "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
        "187897ce0afcf20b50ba2b37dca84a951b7046f29ed5ab94f010619f69d6e189",
    ];
    entries.insert(6, rawrpm::Entry::texts(1035, &digests));
    entries.push(rawrpm::Entry::numbers(5011, &[8]));
    let main = rawrpm::header(63, &entries);
    let build =
        |files: &[File]| rawrpm::package(&rawrpm::header(62, &[]), &main, &rawrpm::payload(files));
    let header = directory.path().join("header");
    fs::write(&header, &main).expect("header");
    let made = gpg
        .run("gpg", &["--batch", "--digest-algo", "SHA256", "-u", "me@x", "-bo-", &text(&header)]);
    let sign = |file: Vec<u8>| {
        let rpm = RpmFile::read(file.as_slice()).expect("a package");
        let padded = rpm.signature.bytes().len().next_multiple_of(8);
        let entries = vec![(signature::RSA_HEADER, EntryValue::Binary(made.clone()))];
        with_signatures(&file[..LEAD], entries, &file[LEAD + padded..])
    };
    let ring = gpg.ring("me@x");
    let error = |files: &[File]| verify(&sign(build(files)), &ring).map_err(|e| e.to_string());
    assert_eq!(error(&good).expect("good").covers, Covers::HeaderWithFileDigests);
    let [x, y] = good;
    let other = File::new("/etc/x", 0o100_644, b"DATA");
    for (files, word) in [
        (vec![other, y.clone()], "does not have the header's digest"),
        (vec![x.clone()], "/etc/y: it is not in the payload"),
        (vec![x.clone(), y.clone(), x.clone()], "appears twice"),
        (vec![x, y, File::new("/etc/z", 0o100_644, b"")], "not in the package's file list"),
    ] {
        let error = error(&files).expect_err(word);
        assert!(error.contains(word), "{error}");
    }
}
