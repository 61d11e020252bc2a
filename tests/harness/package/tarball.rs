//! The tarball, and archives in other packages.

use super::Release;
use super::contents::PackageFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::io;
use tar::{EntryType, Header};

/// `imgbuild-VERSION-linux-x86_64.tar.gz`.
pub(super) fn file_name(release: &Release) -> String {
    format!("{}.tar.gz", directory(release))
}

fn directory(release: &Release) -> String {
    let snapshot = release.snapshot.map_or_else(String::new, |snapshot| format!("-{snapshot}"));
    format!("imgbuild-{}{snapshot}-linux-x86_64", release.version)
}

/// Everything below `/usr` in a directory of its own: `bin`, `share`.
pub(super) fn package(release: &Release, files: &[PackageFile]) -> io::Result<Vec<u8>> {
    let directory = directory(release);
    let place = |path: &str| format!("{directory}/{}", path.trim_start_matches("/usr/"));
    archive(release.time, files.iter().map(|file| (place(&file.path), file)))
}

/// A compressed archive of files, each with its path in it, and all directories above them.
pub(super) fn archive<'a>(
    time: u32,
    files: impl Iterator<Item = (String, &'a PackageFile)>,
) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut known = BTreeSet::new();
    for (path, file) in files {
        for (end, _) in path.match_indices('/').filter(|(end, _)| *end > 0) {
            if known.insert(path[..end].to_owned()) {
                append(&mut archive, time, &path[..end], 0o755, None)?;
            }
        }
        if file.bytes.is_some() || known.insert(path.clone()) {
            append(&mut archive, time, &path, file.mode, file.bytes.as_deref())?;
        }
    }
    archive.into_inner()?.finish()
}

fn append(
    archive: &mut tar::Builder<GzEncoder<Vec<u8>>>,
    time: u32,
    path: &str,
    mode: u32,
    bytes: Option<&[u8]>,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    let (kind, path) = match bytes {
        Some(_) => (EntryType::Regular, path.to_owned()),
        None => (EntryType::Directory, format!("{path}/")),
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(time.into());
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    let bytes = bytes.unwrap_or_default();
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes)
}
