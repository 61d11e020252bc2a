//! Another machine than the one that builds, as far as files below /proc, /sys, /dev and /run say:
//! for scripts that look for the disks of the machine that they are to install.

use super::remount::restrict;
use super::specification::{MachineContent, MachineFile};
use nix::mount::{MsFlags, mount};
use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::{lchown, symlink};
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Where a text is that is mounted over a file of /proc, until it is.
const UNMOUNTED: &str = "dev/.machine";

/// Puts the files into the mounts of the kernel's filesystems below `root`, which are new and hold
/// nothing of the root's own; they are `owner`'s.
///
/// # Errors
/// What cannot be written or mounted.
pub fn describe(root: &Path, files: &[MachineFile], owner: Option<u32>) -> Result<()> {
    for MachineFile { path, content } in files {
        put(root, path, content, owner).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

fn put(root: &Path, path: &str, content: &MachineContent, owner: Option<u32>) -> Result<()> {
    let below = path.trim_start_matches('/');
    let place = root.join(below);
    if let (true, MachineContent::Text(text)) = (below.starts_with("proc/"), content) {
        let from = root.join(UNMOUNTED);
        fs::write(&from, text)?;
        cover(&from, &place)?;
        restrict(&place, MsFlags::MS_RDONLY)?;
        return Ok(fs::remove_file(&from)?);
    }
    create_parents(root, below, owner)?;
    match content {
        MachineContent::Text(text) => fs::write(&place, text)?,
        MachineContent::Link(target) => symlink(target, &place)?,
        MachineContent::Disk(host) => {
            fs::write(&place, "")?;
            cover(host, &place)?;
            return Ok(restrict(&place, MsFlags::MS_NODEV | MsFlags::MS_NOSUID)?);
        }
    }
    Ok(lchown(&place, owner, owner)?)
}

/// Mounts a file over another.
fn cover(from: &Path, place: &Path) -> io::Result<()> {
    Ok(mount(Some(from), place, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

fn create_parents(root: &Path, below: &str, owner: Option<u32>) -> io::Result<()> {
    let mut place: PathBuf = root.to_owned();
    let parents = below.rsplit_once('/').map_or("", |(parents, _)| parents);
    for part in parents.split('/') {
        place.push(part);
        match fs::create_dir(&place) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            created => {
                created?;
                lchown(&place, owner, owner)?;
            }
        }
    }
    Ok(())
}
