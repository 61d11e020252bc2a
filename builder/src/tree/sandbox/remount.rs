//! Restricting what is mounted.

use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::io;
use std::path::Path;

/// Sets flags of a mount. What it forbids already has to stay forbidden
/// (mount_namespaces(7), "locked").
///
/// # Errors
/// The kernel's error.
pub fn restrict(place: &Path, flags: MsFlags) -> io::Result<()> {
    let held = statvfs(place)?.flags();
    let mut flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
    for (is, flag) in [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ] {
        if held.contains(is) {
            flags |= flag;
        }
    }
    Ok(mount(None::<&str>, place, None::<&str>, flags, None::<&str>)?)
}
