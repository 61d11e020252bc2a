//! The bootstrap root: the packages that rpm itself needs, unpacked natively, so that
//! the target's own rpm can run before anything is installed. It is thrown away afterwards.

use crate::base::error::{Error, Result};
use crate::base::interrupt;
use crate::packages::repo::package_file;
use formats::file_type;
use formats::rpmfile::{Contents, PayloadItem};
use rayon::prelude::*;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// Symbolic links followed on the way to one entry before it counts as a loop (as in Linux).
const MAX_LINKS: usize = 40;

/// Unpacks packages into `root`, in parallel. Owners stay the caller's: nothing of the
/// bootstrap root reaches an image.
///
/// # Errors
/// An input error naming the package and entry that is damaged or points out of the root.
pub fn unpack(packages: &[&Path], root: &Path) -> Result<()> {
    // Directories and links that others go through (`lib` → `usr/lib`) come first, as nothing
    // orders the packages here.
    for (link, to) in
        [("lib", "usr/lib"), ("lib64", "usr/lib64"), ("bin", "usr/bin"), ("sbin", "usr/sbin")]
    {
        fs::create_dir_all(root.join(to))
            .and_then(|()| symlink(to, root.join(link)))
            .map_err(|e| Error::build(format!("cannot prepare {}: {e}", root.display())))?;
    }
    packages.par_iter().try_for_each(|package| unpack_one(package, root))
}

fn unpack_one(package: &Path, root: &Path) -> Result<()> {
    interrupt::check()?;
    let rpm = package_file::open(package)?;
    let fail = |e: &dyn std::fmt::Display| {
        Error::input(format!("{}: {e} ({})", rpm.package.nevra(), package.display()))
    };
    let mut contents = Contents::new(&rpm.header, &rpm.package, rpm.rest).map_err(|e| fail(&e))?;
    // The links of a file come one after the other, its data with the last.
    let mut links: Vec<(u64, PathBuf)> = Vec::new();
    while let Some(item) = contents.next_item().map_err(|e| fail(&e))? {
        let name = String::from_utf8_lossy(&item.file.path);
        let place = contained(root, &item.file.path).map_err(|e| fail(&format!("{name}: {e}")))?;
        let Some(place) = place else { continue };
        entry(&mut contents, &item, &place, &mut links)
            .map_err(|e| fail(&format!("{name}: {e}")))?;
    }
    match links.first() {
        Some((_, path)) => Err(fail(&format!("{}: its content is missing", path.display()))),
        None => Ok(()),
    }
}

fn entry(
    contents: &mut Contents<'_>,
    item: &PayloadItem<'_>,
    place: &Path,
    links: &mut Vec<(u64, PathBuf)>,
) -> io::Result<()> {
    match item.file.kind() {
        file_type::DIRECTORY => match fs::create_dir(place) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        },
        file_type::REGULAR => {
            if item.elsewhere {
                links.push((item.file.inode, place.to_owned()));
                return Ok(());
            }
            remove(place)?;
            let mut file = File::create_new(place)?;
            io::copy(contents, &mut file)?;
            // No set-user-ID: the bootstrap root lies in a directory of the host.
            file.set_permissions(Permissions::from_mode(item.file.mode & 0o777))?;
            for (_, link) in links.extract_if(.., |(inode, _)| *inode == item.file.inode) {
                remove(&link)?;
                fs::hard_link(place, link)?;
            }
            Ok(())
        }
        file_type::SYMLINK => {
            // `/bin` and the like already exist; a link never replaces a directory.
            if fs::symlink_metadata(place).is_ok_and(|m| m.is_dir()) {
                return Ok(());
            }
            let mut target = Vec::new();
            contents.read_to_end(&mut target)?;
            remove(place)?;
            symlink(OsStr::from_bytes(&target), place)
        }
        // Devices, pipes and sockets: rpm does not need them, the sandbox has its own /dev.
        _ => Ok(()),
    }
}

fn remove(place: &Path) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// The place of an archive's entry below `root`, its parents created, symbolic links in them
/// followed inside the root only. `None` is the root itself.
fn contained(root: &Path, name: &[u8]) -> io::Result<Option<PathBuf>> {
    let refuse = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    let mut pending: Vec<PathBuf> = Vec::new();
    for component in Path::new(OsStr::from_bytes(name)).components().rev() {
        match component {
            Component::Normal(part) => pending.push(part.into()),
            Component::ParentDir => return refuse("the path has `..`"),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    if pending.is_empty() {
        return Ok(None);
    }
    let mut at = root.to_owned();
    let mut followed = 0;
    while let Some(part) = pending.pop() {
        if part.as_os_str() == ".." {
            if at != root {
                at.pop();
            }
            continue;
        }
        let next = at.join(&part);
        if pending.is_empty() {
            return Ok(Some(next));
        }
        match fs::symlink_metadata(&next) {
            Ok(m) if m.is_symlink() => {
                followed += 1;
                if followed > MAX_LINKS {
                    return refuse("too many symbolic links on the way");
                }
                let target = fs::read_link(&next)?;
                if target.is_absolute() {
                    root.clone_into(&mut at);
                }
                for component in target.components().rev() {
                    match component {
                        Component::Normal(part) => pending.push(part.into()),
                        Component::ParentDir => pending.push("..".into()),
                        _ => {}
                    }
                }
            }
            Ok(m) if m.is_dir() => at = next,
            Ok(_) => return refuse("a file is where a directory has to be"),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                match fs::create_dir(&next) {
                    // Another package may have created it in the meantime.
                    Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                    _ => pending.push(part),
                }
            }
            Err(e) => return Err(e),
        }
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_root() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        fs::create_dir(&root).unwrap();
        symlink("/etc", root.join("absolute")).unwrap();
        symlink("../../..", root.join("up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        fs::write(root.join("file"), "").unwrap();
        assert_eq!(contained(&root, b"absolute/x").unwrap(), Some(root.join("etc/x")));
        assert_eq!(contained(&root, b"up/x").unwrap(), Some(root.join("x")));
        assert_eq!(contained(&root, b"./").unwrap(), None);
        assert!(contained(&root, b"../x").is_err());
        assert!(contained(&root, b"loop/x").is_err());
        assert!(contained(&root, b"file/x").is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}
