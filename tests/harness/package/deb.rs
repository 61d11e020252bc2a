//! The Debian package (deb(5), deb-control(5), Debian Policy chapter 5).

use super::contents::PackageFile;
use super::{DESCRIPTION, MAINTAINER, Release, SUMMARY, tarball};
use ar::{Builder, Header};
use md5::{Digest, Md5};
use std::io;

/// `imgbuild_VERSION_amd64.deb`.
pub(super) fn file_name(release: &Release) -> String {
    format!("imgbuild_{}_amd64.deb", version(release))
}

/// What comes before a release is older than it: `~` sorts before the end.
fn version(release: &Release) -> String {
    let snapshot = release.snapshot.map_or_else(String::new, |snapshot| format!("~{snapshot}"));
    format!("{}{snapshot}-1", release.version)
}

pub(super) fn package(release: &Release, files: &[PackageFile]) -> io::Result<Vec<u8>> {
    let about = [("control", control(release, files)), ("md5sums", md5sums(files))];
    let about = about.map(|(path, text)| PackageFile {
        path: format!("./{path}"),
        mode: 0o644,
        bytes: Some(text.into_bytes()),
    });
    let about = about.iter().map(|file| (file.path.clone(), file));
    let data = files.iter().map(|file| (format!(".{}", file.path), file));
    let mut members = Builder::new(Vec::new());
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", tarball::archive(release.time, about)?),
        ("data.tar.gz", tarball::archive(release.time, data)?),
    ] {
        let mut header = Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        header.set_mtime(release.time.into());
        members.append(&header, bytes.as_slice())?;
    }
    members.into_inner()
}

fn control(release: &Release, files: &[PackageFile]) -> String {
    let kib = |file: &PackageFile| match &file.bytes {
        Some(bytes) => bytes.len().div_ceil(1024),
        None => 1,
    };
    let installed: usize = files.iter().map(kib).sum();
    let description = DESCRIPTION.map(|line| format!(" {line}\n")).concat();
    format!(
        "Package: imgbuild\nVersion: {}\nArchitecture: amd64\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {installed}\nRecommends: uidmap\n\
         Suggests: qemu-system-x86, iproute2, chrony, openssh-client\n\
         Section: admin\nPriority: optional\nDescription: {SUMMARY}\n{description}",
        version(release)
    )
}

/// For `dpkg --verify`.
fn md5sums(files: &[PackageFile]) -> String {
    let line = |file: &PackageFile| {
        let digest = hex::encode(Md5::digest(file.bytes.as_ref()?));
        Some(format!("{digest}  {}\n", file.path.trim_start_matches('/')))
    };
    files.iter().filter_map(line).collect()
}
