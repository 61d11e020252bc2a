//! Signatures of genuine EL7 packages: each is good, and none survives a changed byte.

use builder::packages::trust::{self, Covers, Keyring, Refusal};
use formats::rpmfile::{RpmFile, tag::signature};
use lab_tests::lab::text;
use lab_tests::{oracle, product};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Any time works: no key of EL7 expires.
const NOW: i64 = 1_700_000_000;

/// Packages below a directory, by path.
fn packages(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).expect("directory") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == "rpm") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn key_files(shared: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(shared.join("el7/keys")).expect("keys");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("entry").path()).collect();
    files.sort();
    files
}

/// The keys that are here: CentOS 7's and three special interest groups'.
fn keyring(shared: &Path) -> Keyring {
    let mut keys = Keyring::default();
    for path in key_files(shared) {
        keys.add(&text(&path), &fs::read(&path).expect("key")).expect("a public key");
    }
    assert_eq!(keys.keys().count(), 4);
    keys
}

#[test]
fn every_genuine_package_verifies() {
    let Some(shared) = product::shared() else { return };
    let keys = keyring(&shared);
    let mut outcome: BTreeMap<String, usize> = BTreeMap::new();
    for part in ["media", "extras", "osp10"] {
        for path in packages(&shared.join("el7").join(part)) {
            let result = match trust::verify(&fs::read(&path).expect("package"), &keys, NOW) {
                Ok(signature) => {
                    assert_eq!(signature.covers, Covers::HeaderAndPayload, "{}", path.display());
                    let weak = signature.weak.as_deref().unwrap_or("strong");
                    format!("{part}: {} {weak}", signature.algorithm)
                }
                Err(Refusal::UnknownKey(id)) => format!("{part}: unknown key {id}"),
                Err(refusal) => format!("{part}: {refusal}"),
            };
            *outcome.entry(result).or_default() += 1;
        }
    }
    let expected = [
        ("extras: RSA/SHA1 hash SHA1", 4),
        ("extras: RSA/SHA256 strong", 7),
        // Signed by the special interest groups of the time.
        ("media: RSA/SHA1 hash SHA1", 9),
        ("media: RSA/SHA256 strong", 293),
        // 11 stand-ins and openvswitch; lttng-ust.
        ("media: it is not signed", 12),
        ("media: unknown key 6a2faea2352c64e5", 1),
        ("osp10: RSA/SHA1 hash SHA1", 54),
        ("osp10: RSA/SHA256 strong", 15),
        ("osp10: it is not signed", 1),
        ("osp10: unknown key 6a2faea2352c64e5", 16),
    ];
    let expected = expected.map(|(result, count)| (result.to_owned(), count));
    assert_eq!(outcome, BTreeMap::from(expected));
}

/// Where a package's parts are: its headers' signatures, main header, payload.
fn regions(file: &[u8]) -> [(&'static str, usize, usize); 3] {
    let rpm = RpmFile::read(file).expect("a package");
    let find = |part: &[u8]| {
        file.windows(part.len()).position(|window| window == part).expect("a part of the file")
    };
    // The numbers at the end of a signature, not the notes that nothing covers.
    let signature = rpm.signature.binary(signature::RSA_HEADER).expect("a signature");
    let numbers = find(signature) + signature.len() / 2;
    let header = find(&rpm.header.bytes()[..64]);
    let payload = header + rpm.header.bytes().len();
    [
        ("signature", numbers, signature.len() / 2),
        ("header", header, payload - header),
        ("payload", payload, file.len() - payload),
    ]
}

#[test]
fn no_genuine_package_survives_a_flipped_byte() {
    let Some(shared) = product::shared() else { return };
    let keys = keyring(&shared);
    let mut tried = 0;
    for (n, path) in packages(&shared.join("el7/media")).iter().enumerate() {
        let mut file = fs::read(path).expect("package");
        if trust::verify(&file, &keys, NOW).is_err() {
            continue;
        }
        for (region, start, length) in regions(&file) {
            // Another place in each package, the same in each run.
            let at = start + (n * 7919 + 13) % length;
            file[at] ^= 1 << (n % 8);
            let refusal = trust::verify(&file, &keys, NOW);
            assert!(refusal.is_err(), "{}: byte {at} in the {region}", path.display());
            file[at] ^= 1 << (n % 8);
            tried += 1;
        }
    }
    assert_eq!(tried, 3 * 302);
}

/// A payload whose digests in the (unsigned) signature header were made to fit: only the
/// signature of header and payload finds.
#[test]
fn a_changed_payload_with_matching_digests_is_refused() {
    let Some(shared) = product::shared() else { return };
    let keys = keyring(&shared);
    let path = shared.join("el7/media/Packages/bash-4.2.46-31.el7.x86_64.rpm");
    let mut file = fs::read(path).expect("bash");
    let [_, (_, header, length), (_, payload, _)] = regions(&file);
    let rpm = RpmFile::read(file.as_slice()).expect("bash");
    let md5 = rpm.signature.binary(signature::MD5).expect("MD5").to_vec();
    let at = file.windows(16).position(|w| w == md5).expect("MD5");
    file[payload + 5000] ^= 4;
    assert!(matches!(trust::verify(&file, &keys, NOW), Err(Refusal::Digest { what: "MD5", .. })));
    let directory = tempfile::tempdir().expect("temporary directory");
    let changed = directory.path().join("content");
    fs::write(&changed, &file[header..]).expect("content");
    let sum = oracle::ok("md5sum", [text(&changed)]);
    for (n, byte) in file[at..at + 16].iter_mut().enumerate() {
        *byte = u8::from_str_radix(&sum[2 * n..2 * n + 2], 16).expect("md5sum's digits");
    }
    assert!(length > 0);
    match trust::verify(&file, &keys, NOW) {
        Err(Refusal::Bad { of, key }) => {
            assert_eq!((of, key.as_str()), ("header and payload", "24c6a8a7f4a80eb5"));
        }
        other => panic!("{other:?}"),
    }
}

/// Debian's rpmkeys, with the same keys, has the same verdict on every tenth package.
#[test]
fn rpmkeys_agrees() {
    let Some(shared) = product::shared() else { return };
    let keys = keyring(&shared);
    let directory = tempfile::tempdir().expect("temporary directory");
    let database = format!("_dbpath {}", text(directory.path()));
    let rpmkeys = |action: &str, file: &Path| {
        oracle::run("rpmkeys", ["--define", &database, action, "-v", &text(file)])
    };
    for key in key_files(&shared) {
        assert!(rpmkeys("--import", &key).status.success());
    }
    let mut all = packages(&shared.join("el7/media"));
    all.extend(packages(&shared.join("el7/osp10")));
    for path in all.iter().step_by(10) {
        let ours = trust::verify(&fs::read(path).expect("package"), &keys, NOW);
        let stdout = String::from_utf8_lossy(&rpmkeys("--checksig", path).stdout).into_owned();
        // rpm calls unsigned packages good; ours does not.
        let theirs =
            stdout.contains("Signature") && !stdout.contains("NOKEY") && !stdout.contains("BAD");
        assert_eq!(ours.is_ok(), theirs, "{}: {ours:?}\n{stdout}", path.display());
    }
}
