//! Reading and changing a tree from outside of its sandbox. What ran in the tree may have put
//! a link, a pipe or an endless file in any place.

use super::inside::inside;
use crate::base::error::{Context, Error, Result};
use nix::libc;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The content of the file `name` below `root`, which no program is running in; `None` where
/// there is none.
///
/// # Errors
/// A build error where a link is in the path, where it is not a regular file, or has more
/// than `limit` bytes.
pub fn read_file(root: &Path, name: &str, limit: u64) -> Result<Option<Vec<u8>>> {
    let Some(file) = open(root, name, OpenOptions::new().read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    let what = || format!("cannot read the image's /{name}");
    file.take(limit + 1).read_to_end(&mut bytes).or_build(what)?;
    if bytes.len() as u64 > limit {
        return Err(Error::build(format!("the image's /{name} has more than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// Puts new content into the file `name` below `root`, which stays the same file with the
/// same owner and mode.
///
/// # Errors
/// As [`read_file`]; a build error where there is none.
pub fn rewrite_file(root: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let what = || format!("cannot write the image's /{name}");
    let Some(mut file) = open(root, name, OpenOptions::new().write(true))? else {
        return Err(Error::build(format!("{}: it is gone", what())));
    };
    file.set_len(0).and_then(|()| file.write_all(bytes)).or_build(what)
}

/// Whether `name` is below `root`, whatever it is; nothing behind a link is.
pub fn has(root: &Path, name: &str) -> bool {
    let Some((parent, _)) = name.rsplit_once('/') else {
        return fs::symlink_metadata(root.join(name)).is_ok();
    };
    matches!(inside(root, parent), Ok(Some(_))) && fs::symlink_metadata(root.join(name)).is_ok()
}

/// Opens a regular file without waiting for anybody at the other end of a pipe.
fn open(root: &Path, name: &str, options: &mut OpenOptions) -> Result<Option<File>> {
    let Some(path) = inside(root, name)? else { return Ok(None) };
    let what = || format!("cannot open the image's /{name}");
    // Of a device, opening is an act; so it is looked at first, and at what was opened again.
    let irregular = || Error::build(format!("the image's /{name} is not a regular file"));
    if !fs::symlink_metadata(&path).or_build(what)?.is_file() {
        return Err(irregular());
    }
    let file =
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&path).or_build(what)?;
    match file.metadata().or_build(what)?.is_file() {
        true => Ok(Some(file)),
        false => Err(irregular()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn said(root: &Path, name: &str) -> String {
        read_file(root, name, 512).unwrap_err().message
    }

    #[test]
    fn only_regular_files_of_the_tree_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(dir.path().join("host"), "host").unwrap();
        fs::write(root.join("etc/file"), "tree").unwrap();
        assert_eq!(read_file(&root, "etc/file", 512).unwrap().unwrap(), b"tree");
        assert!(read_file(&root, "etc/absent", 512).unwrap().is_none());
        symlink(dir.path().join("host"), root.join("etc/link")).unwrap();
        symlink("/dev/zero", root.join("etc/zero")).unwrap();
        symlink(dir.path(), root.join("way")).unwrap();
        for name in ["etc/link", "etc/zero", "way/host"] {
            assert!(said(&root, name).contains("symbolic link"), "{name}");
            assert!(rewrite_file(&root, name, b"x").is_err());
        }
        assert!(said(&root, "../host").contains("leads out"));
        assert_eq!(fs::read(dir.path().join("host")).unwrap(), b"host");
        assert!(has(&root, "etc/link") && !has(&root, "way/host") && !has(&root, "etc/absent"));
    }

    #[test]
    fn neither_pipes_nor_endless_files() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(said(root, "pipe").contains("not a regular file"));
        fs::create_dir(root.join("directory")).unwrap();
        assert!(said(root, "directory").contains("not a regular file"));
        File::create(root.join("large")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(said(root, "large"), "the image's /large has more than 512 bytes");
        fs::write(root.join("file"), "long text").unwrap();
        rewrite_file(root, "file", b"new").unwrap();
        assert_eq!(fs::read(root.join("file")).unwrap(), b"new");
    }
}
