//! The sandbox's own user namespace, where imgbuild runs as the host's root: ids 0 to 65535
//! inside are ids outside that nobody has, so root inside is nobody to the host. Its
//! directories are shown through mounts that map owners the same way (mount_setattr(2),
//! `MOUNT_ATTR_IDMAP`, Linux 5.12): on the disk they are what they are without it.

use super::userns;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgroups, setresgid, setresuid};
use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process;

/// Ids inside.
const IDS: u32 = 0x1_0000;
/// Where ranges may begin: the upper part of what systemd-nspawn takes for containers
/// (systemd.io/UIDS-GIDS), far from what useradd gives users.
const FIRST: u32 = 0x4000_0000;
const LAST: u32 = 0x6fff_0000;

/// A user namespace that stays while this is held.
pub struct Shifted {
    namespace: File,
    base: u32,
}

impl Shifted {
    /// Creates one. To be called before anything else is unshared, by a process with one thread.
    ///
    /// # Errors
    /// Why there is none: the kernel has none or forbids it, or ids are mapped already.
    pub fn new() -> io::Result<Self> {
        if !Uid::effective().is_root() || userns::id_maps().is_some() {
            return Err(io::Error::other("imgbuild is in one already"));
        }
        let base = free_range()?;
        let (mut said, answer) = io::pipe()?;
        let (stay, leave) = io::pipe()?;
        // SAFETY: this process has one thread.
        match unsafe { fork() }.map_err(io::Error::from)? {
            ForkResult::Child => {
                drop((said, leave));
                hold(stay, answer)
            }
            ForkResult::Parent { child } => {
                drop((stay, answer));
                let mut error = [0; 4];
                let made =
                    said.read_exact(&mut error).and_then(|()| match i32::from_le_bytes(error) {
                        0 => map(child, base),
                        libc::ENOSPC => Err(io::Error::other(
                            "user namespaces are switched off or used up (user.max_user_namespaces)",
                        )),
                        error => Err(io::Error::from_raw_os_error(error)),
                    });
                drop(leave);
                let _ = waitpid(child, None);
                made.map(|namespace| Self { namespace, base })
            }
        }
    }

    /// What root inside is outside.
    pub fn root(&self) -> u32 {
        self.base
    }

    /// Enters it as its root, with every capability over it and none over anything else.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn enter(self) -> io::Result<()> {
        setns(&self.namespace, CloneFlags::CLONE_NEWUSER)?;
        setgroups(&[])?;
        let (gid, uid) = (Gid::from_raw(0), Uid::from_raw(0));
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
        Ok(())
    }

    /// The directory `place` as a mount that is attached nowhere yet, with owners mapped.
    ///
    /// # Errors
    /// The kernel's error; `EINVAL` for a filesystem that cannot map.
    pub fn view(&self, place: &Path, attributes: u64) -> io::Result<OwnedFd> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = open_tree(CWD, place, flags)?;
        let wanted = libc::mount_attr {
            attr_set: libc::MOUNT_ATTR_IDMAP | attributes,
            attr_clr: 0,
            propagation: 0,
            userns_fd: self.namespace.as_raw_fd() as u64,
        };
        // SAFETY: the path is NUL-terminated; the structure lives and its size is passed.
        let done = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                tree.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_EMPTY_PATH,
                &raw const wanted,
                size_of::<libc::mount_attr>(),
            )
        };
        if done == 0 { Ok(tree) } else { Err(io::Error::last_os_error()) }
    }
}

/// Attaches a mount of [`Shifted::view`].
///
/// # Errors
/// The kernel's error.
pub fn attach(view: &OwnedFd, place: &Path) -> io::Result<()> {
    Ok(move_mount(view, c"", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// The process that the namespace is created by: it exists until the namespace is held.
fn hold(mut stay: PipeReader, mut answer: PipeWriter) -> ! {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let error = unshare(CloneFlags::CLONE_NEWUSER).err().map_or(0, |e| e as i32);
    let _ = answer.write_all(&error.to_le_bytes());
    let _ = stay.read(&mut [0]);
    process::exit(0)
}

fn map(child: Pid, base: u32) -> io::Result<File> {
    for map in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{child}/{map}"), format!("0 {base} {IDS}\n"))?;
    }
    File::open(format!("/proc/{child}/ns/user"))
}

/// Ids that no user's subordinate ids overlap; another for each process, so that two
/// sandboxes at a time are strangers to each other.
fn free_range() -> io::Result<u32> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let taken = userns::all_ranges(&(read("/etc/subuid") + "\n" + &read("/etc/subgid")));
    let slots = (LAST - FIRST) / IDS + 1;
    (0..slots)
        .map(|n| FIRST + (process::id() + n) % slots * IDS)
        .find(|&base| {
            let (first, end) = (u64::from(base), u64::from(base + IDS));
            taken.iter().all(|&(from, count)| from + count <= first || end <= from)
        })
        .ok_or_else(|| io::Error::other("users' subordinate ids leave no range of 65536 ids"))
}
