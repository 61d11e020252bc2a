//! /proc, /dev, and writable /sys and /run: scriptlets look for them. What the package
//! `filesystem` sets on these directories goes to the mounts, so the directories below them
//! are made with the modes that it asks for.

use super::remount::restrict;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};
use std::error::Error;
use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is mounted on, with its mode if it has to be created.
pub const PLACES: [(&str, u32); 4] =
    [("proc", 0o555), ("sys", 0o555), ("run", 0o755), ("dev", 0o755)];

/// Of /proc: what changes the machine or talks to its devices.
const READ_ONLY: [&str; 4] = ["sys", "bus", "fs", "irq"];
/// Of /proc: what reveals the machine's memory, keys and drivers, and what reboots it.
const HIDDEN: [&str; 11] = [
    "acpi",
    "asound",
    "kcore",
    "keys",
    "key-users",
    "kmsg",
    "latency_stats",
    "sched_debug",
    "scsi",
    "sysrq-trigger",
    "timer_list",
];

/// The devices of `/dev`.
const DEVICES: [(&str, u64, u64); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Mounts all of them below `root`; new files there are `owner`'s.
///
/// # Errors
/// What cannot be mounted.
pub fn mount_all(root: &Path, owner: Option<u32>) -> Result<()> {
    let dev = root.join("dev");
    fill_dev(&dev, owner)?;
    let proc = root.join("proc");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), &proc, Some("proc"), flags, None::<&str>)?;
    mask(&proc, &dev.join("null")).map_err(|e| format!("/proc: {e}"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    tmpfs(&root.join("sys"), "mode=0555,size=16m", flags, owner)?;
    tmpfs(&root.join("run"), "mode=0755,size=256m", flags, owner)
}

fn tmpfs(place: &Path, options: &str, flags: MsFlags, owner: Option<u32>) -> Result<()> {
    let owner = owner.map_or_else(String::new, |id| format!(",uid={id},gid={id}"));
    let options = format!("{options}{owner}");
    Ok(mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options.as_str()))?)
}

fn mask(proc: &Path, null: &Path) -> Result<()> {
    let none = None::<&str>;
    for name in HIDDEN {
        let place = proc.join(name);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_dir() => {
                tmpfs(&place, "mode=0555,size=4k", MsFlags::MS_RDONLY, None)?;
            }
            Ok(_) => mount(Some(null), &place, none, MsFlags::MS_BIND, none)?,
            Err(_) => {}
        }
    }
    for place in READ_ONLY.map(|name| proc.join(name)) {
        if place.is_dir() {
            mount(Some(&place), &place, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
            restrict(&place, MsFlags::MS_RDONLY)?;
        }
    }
    Ok(())
}

fn fill_dev(dev: &Path, owner: Option<u32>) -> Result<()> {
    tmpfs(dev, "mode=0755,size=256m", MsFlags::MS_NOSUID, owner)?;
    let old = umask(Mode::empty());
    for (name, major, minor) in DEVICES {
        device(&dev.join(name), name, (major, minor), owner)
            .map_err(|e| format!("/dev/{name}: {e}"))?;
    }
    umask(old);
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(target, dev.join(name))?;
        lchown(dev.join(name), owner, owner)?;
    }
    for name in ["shm", "pts"] {
        fs::create_dir(dev.join(name))?;
        lchown(dev.join(name), owner, owner)?;
    }
    // Only the six above, each a mount of its own, still work as devices.
    restrict(dev, MsFlags::MS_NODEV | MsFlags::MS_NOSUID)?;
    let options = "newinstance,ptmxmode=0666,mode=620";
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    Ok(mount(Some("devpts"), &dev.join("pts"), Some("devpts"), flags, Some(options))?)
}

/// A character device in the sandbox's `/dev`: a node of its own or, in a user namespace,
/// which may not make one, the host's.
fn device(place: &Path, name: &str, number: (u64, u64), owner: Option<u32>) -> Result<()> {
    let mode = Mode::from_bits_truncate(0o666);
    let from = match mknod(place, SFlag::S_IFCHR, mode, makedev(number.0, number.1)) {
        Err(Errno::EPERM) => {
            fs::write(place, "")?;
            Path::new("/dev").join(name)
        }
        made => {
            made?;
            lchown(place, owner, owner)?;
            place.to_owned()
        }
    };
    let none = None::<&str>;
    Ok(mount(Some(&from), place, none, MsFlags::MS_BIND, none)?)
}
