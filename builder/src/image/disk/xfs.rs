//! XFS: created by the target's own mkfs.xfs in the sandbox, filled by this machine's kernel.
//! That needs root, loop devices and a kernel with XFS. The mount is in a namespace of one
//! thread and the loop device goes with it: nothing is left, however imgbuild ends. It is filled
//! where it is in the image; only in a logical volume of several extents, which a loop device
//! cannot show, it is filled in a file first.

use crate::base::error::{Context, Error, Result};
use crate::base::private;
use crate::base::programs::{self, MODPROBE};
use crate::layout::Files;
use crate::tree;
use crate::tree::sandbox::{Bind, Sandbox};
use formats::area::Area;
use formats::sparse;
use formats::tree::Tree;
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Copied at a time.
const BLOCK: u64 = 1 << 16;

/// Where the filesystem goes and what makes it.
pub struct Place<'a> {
    /// The disk image.
    pub image: &'a File,
    /// Where in it the filesystem goes.
    pub area: Area<'a>,
    /// The installed tree, whose mkfs.xfs is used.
    pub target: &'a Path,
    /// An empty directory for a sparse file of the same size.
    pub scratch: &'a Path,
}

/// Fails where this machine cannot do it.
///
/// # Errors
/// An environment error that names what is missing.
pub fn check(mount_point: &str) -> Result<()> {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let why = if !nix::unistd::geteuid().is_root() {
        "it is filled by mounting it, which needs root"
    } else if !known.lines().any(|l| l.trim() == "xfs") && !modprobe() {
        "this machine's kernel does not know XFS"
    } else if !Path::new("/dev/loop-control").exists() {
        "this machine has no loop devices"
    } else {
        return Ok(());
    };
    Err(Error::environment(format!("{mount_point} cannot be XFS here: {why}"))
        .hint("write --fstype=ext4 in the kickstart, which needs none of that, or build elsewhere"))
}

fn modprobe() -> bool {
    programs::run(MODPROBE.command().arg("xfs")).is_ok()
}

/// Creates the filesystem and puts `tree` into it; `progress` gets the bytes of each file.
///
/// # Errors
/// A build error with mkfs.xfs's output, or naming what cannot be written.
pub fn write(
    place: &Place<'_>,
    files: &Files,
    tree: &Tree,
    log: &mut dyn FnMut(&str),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<()> {
    let fresh = make(place, files, log)?;
    let what = || format!("cannot fill the XFS of {}", files.mount);
    let point = place.scratch.join("mount");
    private::create_dir_all(&point).or_build(what)?;
    let mut fill_on = |file: &File, offset: u64| {
        let size = place.area.size();
        let filled = std::thread::scope(|scope| {
            let thread = scope.spawn(|| fill((file, offset, size), &point, tree, progress));
            thread.join().unwrap_or_else(|_| Err(Error::build("its thread failed")))
        });
        filled.map_err(|mut e| {
            e.message = format!("{}: {}", what(), e.message);
            e
        })
    };
    match place.area.whole() {
        Some(offset) => {
            copy(&fresh, &place.area).or_build(what)?;
            fill_on(place.image, offset)?;
        }
        None => {
            fill_on(&fresh, 0)?;
            copy(&fresh, &place.area).or_build(what)?;
        }
    }
    Ok(())
}

/// Everything but the holes of `from`.
fn copy(from: &File, to: &Area<'_>) -> io::Result<()> {
    for extent in sparse::extents(from, to.size(), BLOCK)? {
        sparse::read(from, extent, &mut |at, bytes| {
            to.write_all_at(bytes, at)?;
            Ok(true)
        })?;
    }
    Ok(())
}

/// The empty filesystem in a file of its own.
fn make(place: &Place<'_>, files: &Files, log: &mut dyn FnMut(&str)) -> Result<File> {
    const INSIDE: &str = "/mnt";
    let what = || format!("cannot write to {}", place.scratch.display());
    let path = place.scratch.join("xfs");
    let fresh = private::create_file(&path).or_build(what)?;
    fresh.set_len(place.area.size()).or_build(what)?;
    let mut command =
        vec!["mkfs.xfs", "-q", "-m"].into_iter().map(str::to_owned).collect::<Vec<_>>();
    command.push(format!("uuid={}", files.uuid));
    if let Some(label) = &files.label {
        command.extend(["-L".to_owned(), label.clone()]);
    }
    command.push(format!("{INSIDE}/xfs"));
    log(&format!("$ {}", command.join(" ")));
    let mut sandbox = Sandbox::new(place.target, command);
    let host = std::path::absolute(place.scratch).or_build(what)?;
    sandbox.binds.push(Bind { host, inside: INSIDE.into(), read_only: false, programs: true });
    (sandbox.large_files, sandbox.read_only) = (true, true);
    sandbox.must(log)?;
    // Whoever holds it open has it; nothing is left of it after that.
    fs::remove_file(&path).or_build(what)?;
    Ok(fresh)
}

/// Fills what is in a file from `offset` on.
fn fill(
    (file, offset, size): (&File, u64, u64),
    point: &Path,
    tree: &Tree,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<()> {
    let what = || "cannot mount it".to_owned();
    let none = None::<&str>;
    // Of this thread alone; nothing mounted from here on reaches the host.
    unshare(CloneFlags::CLONE_NEWNS).or_build(what)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).or_build(what)?;
    let (device, held) = attach(file, offset, size).or_build(what)?;
    mount(Some(&device), point, Some("xfs"), MsFlags::MS_NOATIME, Some("nouuid")).or_build(what)?;
    drop(held);
    let copied = tree::write(tree, point, progress);
    let unmounted = umount(point).or_build(|| "cannot unmount it".to_owned());
    copied.and(unmounted)
}

/// `struct loop_info64` of Linux's include/uapi/linux/loop.h.
#[repr(C)]
struct LoopInfo {
    unused: [u64; 3],
    offset: u64,
    size_limit: u64,
    more: [u32; 3],
    flags: u32,
    names: [u8; 64 + 64 + 32],
    init: [u64; 2],
}

/// A loop device over a part of a file, which goes when nobody uses it any more.
fn attach(image: &File, offset: u64, size: u64) -> io::Result<(PathBuf, File)> {
    const GET_FREE: u64 = 0x4c82;
    const SET_FD: u64 = 0x4c00;
    const SET_STATUS: u64 = 0x4c04;
    const AUTO_CLEAR: u32 = 4;
    let control = File::options().read(true).write(true).open("/dev/loop-control")?;
    loop {
        // SAFETY: the descriptors are open; the structure lives and is what the call reads.
        let number = unsafe { nix::libc::ioctl(control.as_raw_fd(), GET_FREE as _) };
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = File::options().read(true).write(true).open(&path)?;
        // SAFETY: as above.
        if unsafe { nix::libc::ioctl(device.as_raw_fd(), SET_FD as _, image.as_raw_fd()) } < 0 {
            let error = io::Error::last_os_error();
            // Another one was faster.
            if error.raw_os_error() == Some(nix::libc::EBUSY) {
                continue;
            }
            return Err(error);
        }
        let info = LoopInfo {
            unused: [0; 3],
            offset,
            size_limit: size,
            more: [0; 3],
            flags: AUTO_CLEAR,
            names: [0; 160],
            init: [0; 2],
        };
        // SAFETY: as above.
        if unsafe { nix::libc::ioctl(device.as_raw_fd(), SET_STATUS as _, &raw const info) } < 0 {
            return Err(io::Error::last_os_error());
        }
        return Ok((path, device));
    }
}
