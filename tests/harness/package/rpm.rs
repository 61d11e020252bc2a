//! The RPM, for EL7's rpm 4.11 and all later ones.

use super::contents::PackageFile;
use super::{DESCRIPTION, LICENCE, MAINTAINER, Release, SUMMARY};
use formats::digest::DigestKind;
use formats::file_type::{DIRECTORY, REGULAR};
use formats::rpmfile::{
    Dependency, EntryValue, PackagedFile, PayloadCompression, RpmContent, RpmPackage, sense,
    tag::signature, with_signatures,
};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io;

/// Features of rpm that the package needs, each with the version that brought it.
const FEATURES: [(&str, &str); 3] = [
    ("CompressedFileNames", "3.0.4-1"),
    ("FileDigests", "4.6.0-1"),
    ("PayloadFilesHavePrefix", "4.0-1"),
];
const ARCHITECTURE: &str = "x86_64";

/// `imgbuild-VERSION-RELEASE.x86_64.rpm`.
pub(super) fn file_name(release: &Release) -> String {
    format!("imgbuild-{}-{}.{ARCHITECTURE}.rpm", release.version, number(release))
}

/// The package's release: what comes before 1 is older than it.
fn number(release: &Release) -> String {
    release.snapshot.map_or_else(|| "1".to_owned(), |snapshot| format!("0.{snapshot}"))
}

pub(super) fn package(release: &Release, files: &[PackageFile]) -> io::Result<Vec<u8>> {
    let contents: Vec<&[u8]> =
        files.iter().map(|file| file.bytes.as_deref().unwrap_or_default()).collect();
    let package = header(release, files);
    let compression = PayloadCompression::Gzip;
    let rpm =
        RpmContent { package: &package, contents: &contents, file_dependencies: &[], compression };
    let rpm = rpm.write()?;
    let header = rpm.header.as_slice();
    let whole = [header, &rpm.payload].concat();
    let size = u32::try_from(whole.len()).map_err(io::Error::other)?;
    let entries = vec![
        (signature::SHA1_HEADER, EntryValue::Text(hex::encode(Sha1::digest(header)))),
        (signature::SHA256_HEADER, EntryValue::Text(hex::encode(Sha256::digest(header)))),
        (signature::SIZE, EntryValue::Numbers(vec![size])),
        (signature::MD5, EntryValue::Binary(Md5::digest(&whole).to_vec())),
    ];
    Ok(with_signatures(&rpm.lead, entries, &whole))
}

fn header(release: &Release, files: &[PackageFile]) -> RpmPackage {
    let number = number(release);
    let own = format!("{}-{number}", release.version);
    let feature = |(name, version)| {
        let flags = sense::RPMLIB | sense::LESS | sense::EQUAL;
        Dependency::versioned(format!("rpmlib({name})"), flags, version)
    };
    let files: Vec<PackagedFile> =
        (1..).zip(files).map(|(inode, file)| packaged(file, inode, release.time)).collect();
    RpmPackage {
        name: "imgbuild".to_owned(),
        epoch: None,
        version: release.version.to_owned(),
        arch: ARCHITECTURE.to_owned(),
        summary: SUMMARY.to_owned(),
        description: DESCRIPTION.join("\n"),
        group: "Applications/System".to_owned(),
        license: LICENCE.to_owned(),
        url: String::new(),
        vendor: String::new(),
        packager: MAINTAINER.to_owned(),
        build_time: release.time.into(),
        build_host: "localhost".to_owned(),
        source: format!("imgbuild-{own}.src.rpm"),
        size: files.iter().map(|file| file.size).sum(),
        prefixes: Vec::new(),
        files,
        digest: DigestKind::Sha256,
        scriptlets: Vec::new(),
        triggers: Vec::new(),
        requires: FEATURES.map(feature).into(),
        provides: ["imgbuild", "imgbuild(x86-64)"]
            .map(|name| Dependency::versioned(name, sense::EQUAL, own.as_str()))
            .into(),
        conflicts: Vec::new(),
        obsoletes: Vec::new(),
        recommends: Vec::new(),
        release: number,
    }
}

fn packaged(file: &PackageFile, inode: u64, time: u32) -> PackagedFile {
    let bytes = file.bytes.as_deref();
    PackagedFile {
        path: file.path.clone().into_bytes(),
        mode: if bytes.is_some() { REGULAR } else { DIRECTORY } | file.mode,
        user: "root".to_owned(),
        group: "root".to_owned(),
        size: bytes.map_or(0, |bytes| bytes.len() as u64),
        mtime: time.into(),
        digest: bytes.map_or_else(String::new, |bytes| hex::encode(Sha256::digest(bytes))),
        target: Vec::new(),
        flags: 0,
        // Everything that `rpm -V` can compare.
        verify: u32::MAX,
        rdev: 0,
        inode,
        device: 1,
        color: 0,
        language: String::new(),
        capabilities: String::new(),
    }
}
