//! What the account that libvirt's QEMU runs as may read and write. libvirt would make the disks
//! that account's own, and never gives back the files below an overlay: the user who built an image
//! would lose it. So the account is named in the files' access control lists (acl(5)) instead.

use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::io::Errno;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Linux's attribute for the list: a version, then entries of tag, permissions and id in little
/// endian (`linux/posix_acl_xattr.h`).
const ATTRIBUTE: &std::ffi::CStr = c"system.posix_acl_access";
const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;
const READ: u16 = 4;
const WRITE: u16 = 2;
const EXECUTE: u16 = 1;

/// Whether the account may only read a file or write to it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// One line of a list. Sorted by tag and id, as the kernel wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    tag: u16,
    id: u32,
    permissions: u16,
}

/// Lets the user `uid` pass the directories, and nobody else more than before. Where there are no
/// such lists, everybody may pass them, but not see what is in them.
///
/// # Errors
/// When a directory is another user's.
pub fn let_pass(directories: &[&Path], uid: u32) -> io::Result<()> {
    for directory in directories {
        let mode = fs::metadata(directory)?.permissions().mode();
        if passes(directory, Some(uid)) {
            continue;
        }
        let listed =
            read(directory).and_then(|old| write(directory, &granted(&old, mode, uid, EXECUTE)));
        if listed.is_err() {
            fs::set_permissions(directory, fs::Permissions::from_mode(mode | 0o001))?;
        }
    }
    Ok(())
}

/// Lets the user `uid` use the file, and nobody else more than before.
///
/// # Errors
/// When the file is another user's or the filesystem has no such lists.
pub fn grant(path: &Path, uid: u32, access: Access) -> io::Result<()> {
    let permissions = match access {
        Access::Read => READ,
        Access::Write => READ | WRITE,
    };
    let mode = fs::metadata(path)?.permissions().mode();
    let entries = granted(&read(path)?, mode, uid, permissions);
    write(path, &entries)
}

/// The list with the user in it. Where there is none yet, it is the file's mode.
fn granted(old: &[Entry], mode: u32, uid: u32, permissions: u16) -> Vec<Entry> {
    let of_mode = |tag, shift: u32| Entry {
        tag,
        id: NO_ID,
        // Three bits always fit.
        permissions: u16::try_from(mode >> shift & 7).unwrap_or(0),
    };
    let mut entries = match old {
        [] => vec![of_mode(OWNER, 6), of_mode(OWNING_GROUP, 3), of_mode(OTHERS, 0)],
        old => old.to_vec(),
    };
    let mask = entries.iter().find(|e| e.tag == MASK).map_or(7, |e| e.permissions);
    entries.retain(|e| e.tag != MASK && (e.tag, e.id) != (USER, uid));
    for entry in &mut entries {
        // What the mask kept from others it must not give them now.
        if matches!(entry.tag, USER | OWNING_GROUP | GROUP) {
            entry.permissions &= mask;
        }
    }
    entries.push(Entry { tag: USER, id: uid, permissions });
    let named = entries.iter().filter(|e| matches!(e.tag, USER | OWNING_GROUP | GROUP));
    let mask = named.fold(0, |all, e| all | e.permissions);
    entries.push(Entry { tag: MASK, id: NO_ID, permissions: mask });
    entries.sort();
    entries
}

fn read(path: &Path) -> io::Result<Vec<Entry>> {
    // The kernel takes no attribute that is longer (XATTR_SIZE_MAX).
    let mut buffer = vec![0u8; 1 << 16];
    let length = match getxattr(path, ATTRIBUTE, &mut buffer) {
        Ok(length) => length,
        Err(Errno::NODATA) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let entry = |e: &[u8]| Entry {
        tag: u16::from_le_bytes([e[0], e[1]]),
        permissions: u16::from_le_bytes([e[2], e[3]]),
        id: u32::from_le_bytes([e[4], e[5], e[6], e[7]]),
    };
    Ok(buffer[..length].get(4..).unwrap_or_default().chunks_exact(8).map(entry).collect())
}

fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut value = VERSION.to_le_bytes().to_vec();
    for entry in entries {
        value.extend(entry.tag.to_le_bytes());
        value.extend(entry.permissions.to_le_bytes());
        value.extend(entry.id.to_le_bytes());
    }
    Ok(setxattr(path, ATTRIBUTE, &value, XattrFlags::empty())?)
}

/// The first directory on the way to the file, an absolute path, that `user` may not pass, or that
/// not everybody may where the user is not known.
pub fn barrier(file: &Path, user: Option<u32>) -> Option<PathBuf> {
    let mut directories: Vec<&Path> = file.ancestors().skip(1).collect();
    directories.reverse();
    directories.into_iter().find(|directory| !passes(directory, user)).map(Path::to_owned)
}

/// Whether a directory lets everybody pass, or the user by its list.
fn passes(directory: &Path, user: Option<u32>) -> bool {
    let Ok(meta) = fs::metadata(directory) else { return true };
    let mode = meta.permissions().mode();
    if mode & 1 != 0 {
        return true;
    }
    let listed = read(directory).unwrap_or_default();
    // The group's bits are the list's mask.
    listed.iter().any(|e| {
        e.tag == USER && Some(e.id) == user && e.permissions & EXECUTE != 0 && mode & 0o010 != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_get_no_more_than_before() {
        let entry = |tag, id, permissions| Entry { tag, id, permissions };
        let new = granted(&[], 0o600, 64055, READ);
        let expected = [
            entry(OWNER, NO_ID, 6),
            entry(USER, 64055, 4),
            entry(OWNING_GROUP, NO_ID, 0),
            entry(MASK, NO_ID, 4),
            entry(OTHERS, NO_ID, 0),
        ];
        assert_eq!(new, expected);
        // The mode 0600 of a file with a list is a mask that keeps everything from 1000.
        let old = [
            entry(OWNER, NO_ID, 6),
            entry(USER, 1000, 6),
            entry(OWNING_GROUP, NO_ID, 4),
            entry(MASK, NO_ID, 0),
            entry(OTHERS, NO_ID, 0),
        ];
        let new = granted(&old, 0o600, 64055, READ | WRITE);
        assert!(new.contains(&entry(USER, 1000, 0)) && new.contains(&entry(USER, 64055, 6)));
        assert!(new.contains(&entry(OWNING_GROUP, NO_ID, 0)));
        assert_eq!(granted(&new, 0o660, 64055, READ | WRITE), new, "nothing changes twice");
    }

    #[test]
    fn the_kernel_takes_the_list_and_gives_it_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        grant(file.path(), 64055, Access::Read).unwrap();
        let first = read(file.path()).unwrap();
        assert!(first.contains(&Entry { tag: USER, id: 64055, permissions: 4 }), "{first:?}");
        grant(file.path(), 64055, Access::Write).unwrap();
        let second = read(file.path()).unwrap();
        assert!(second.contains(&Entry { tag: USER, id: 64055, permissions: 6 }), "{second:?}");
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o707, 0o600);
    }

    #[test]
    fn the_directory_in_the_way_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("a");
        fs::create_dir(&below).unwrap();
        let mode = |mode| fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode));
        mode(0o711).unwrap();
        let above = barrier(&below.join("disk"), None);
        assert!(above.is_none_or(|above| directory.path().starts_with(above)));
        mode(0o700).unwrap();
        assert!(directory.path().starts_with(barrier(&below.join("disk"), None).unwrap()));
        fs::set_permissions(&below, fs::Permissions::from_mode(0o700)).unwrap();
        mode(0o711).unwrap();
        assert!(barrier(&below.join("disk"), None).unwrap() <= below);
    }
}
