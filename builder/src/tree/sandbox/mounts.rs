//! What the sandbox sees: its root, the directories shown in it, and the kernel's own
//! filesystems ([`api`]). Device files work only for six of `/dev`, set-user-ID bits
//! not at all; both can be set.

use super::api;
use super::machine;
use super::remount::restrict;
use super::shifted::{self, Shifted};
use super::specification::{Bind, Sandbox};
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};
use std::error::Error;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A directory of the host and where it is mounted.
pub struct Shown {
    host: PathBuf,
    place: PathBuf,
    read_only: bool,
    programs: bool,
}

/// Creates every directory that is mounted on, and returns what goes where; nothing is mounted yet.
///
/// # Errors
/// What cannot be created, or is not a directory.
pub fn prepare(sandbox: &Sandbox) -> Result<Vec<Shown>> {
    let root = &sandbox.root;
    let (host, place, read_only) = (root.clone(), root.clone(), sandbox.read_only);
    let mut shown = vec![Shown { host, place, read_only, programs: true }];
    for Bind { host, inside, read_only, programs } in &sandbox.binds {
        let place = mount_point(root, inside, 0o755)?;
        let (host, read_only, programs) = (host.clone(), *read_only, *programs);
        shown.push(Shown { host, place, read_only, programs });
    }
    for api_root in &sandbox.api_roots {
        let bound = sandbox.binds.iter().find(|bind| bind.inside == *api_root);
        let host = match bound {
            Some(bind) => bind.host.clone(),
            None => root.join(api_root.trim_start_matches('/')),
        };
        for (name, mode) in api::PLACES {
            mount_point(&host, name, mode).map_err(|e| format!("{api_root}: {e}"))?;
        }
    }
    Ok(shown)
}

/// The same directories with owners mapped.
///
/// # Errors
/// Why there is none: the kernel or the filesystem cannot map.
pub fn views(shifted: &Shifted, shown: &[Shown]) -> Result<Vec<OwnedFd>> {
    let mut views = Vec::new();
    for Shown { host, read_only, programs, .. } in shown {
        let mut attributes = libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOSUID;
        if *read_only {
            attributes |= libc::MOUNT_ATTR_RDONLY;
        }
        if !programs {
            attributes |= libc::MOUNT_ATTR_NOEXEC;
        }
        let view = shifted.view(host, attributes);
        views.push(view.map_err(|e| format!("owners cannot be mapped: {e}"))?);
    }
    Ok(views)
}

/// Mounts everything and makes the sandbox's root `/`. `views` are those of `shown`, or none;
/// `owner` is root inside.
///
/// # Errors
/// What cannot be mounted.
pub fn enter(
    sandbox: &Sandbox,
    shown: &[Shown],
    views: &[OwnedFd],
    owner: Option<u32>,
) -> Result<()> {
    let none = None::<&str>;
    // Nothing mounted from here on reaches the host.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    for (number, directory) in shown.iter().enumerate() {
        match views.get(number) {
            Some(view) => shifted::attach(view, &directory.place),
            None => bind(directory, number == 0),
        }
        .map_err(|e| format!("{}: {e}", directory.host.display()))?;
    }
    for api_root in &sandbox.api_roots {
        let root = sandbox.root.join(api_root.trim_start_matches('/'));
        api::mount_all(&root, owner).map_err(|e| format!("{api_root}: {e}"))?;
    }
    machine::describe(&sandbox.root, &sandbox.machine, owner)?;
    chdir(&sandbox.root)?;
    // pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one and is detached.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    Ok(())
}

/// A directory below `root` to mount on, created with `mode` if it does not exist. A link on the
/// way could lead out of the root: it is refused.
fn mount_point(root: &Path, inside: &str, mode: u32) -> Result<PathBuf> {
    let mut place = root.to_owned();
    for part in inside.split('/').filter(|part| !part.is_empty()) {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(format!("/{inside} of the image is not a directory").into()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(&place)?;
                fs::set_permissions(&place, Permissions::from_mode(mode))?;
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(place)
}

fn bind(directory: &Shown, alone: bool) -> io::Result<()> {
    let none = None::<&str>;
    // In a user namespace what is mounted below has to come along.
    let below = if alone { MsFlags::empty() } else { MsFlags::MS_REC };
    mount(Some(&directory.host), &directory.place, none, MsFlags::MS_BIND | below, none)?;
    let mut flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    flags.set(MsFlags::MS_RDONLY, directory.read_only);
    flags.set(MsFlags::MS_NOEXEC, !directory.programs);
    restrict(&directory.place, flags)
}
