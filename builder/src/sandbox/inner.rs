//! The inside of the sandbox: namespaces, mounts, and the first process that reaps.

use super::{Bind, Sandbox};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::personality::{self, Persona};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, fork, pivot_root, setgroups};
use std::error::Error;
use std::ffi::CString;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::{io, process};

/// Exit code of a sandbox that could not be made; beyond what shells and signals use.
pub const FAILED: i32 = 253;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What `imgbuild __sandbox` does: reads a [`Sandbox`] from standard input and becomes it.
pub fn main() -> ! {
    let code = start().unwrap_or_else(|e| {
        let _ = writeln!(io::stderr(), "sandbox: {e}");
        FAILED
    });
    process::exit(code)
}

fn start() -> Result<i32> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let sandbox: Sandbox = serde_json::from_str(&text)?;
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWNET,
    )?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(exit_code(waitpid(child, None)?)),
        ForkResult::Child => {
            let code = first_process(&sandbox).unwrap_or_else(|e| {
                let _ = writeln!(io::stderr(), "sandbox: {e}");
                FAILED
            });
            process::exit(code)
        }
    }
}

fn exit_code(status: WaitStatus) -> i32 {
    match status {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as i32,
        _ => FAILED,
    }
}

/// Process 1 of the PID namespace: when it ends, the kernel kills all others.
fn first_process(sandbox: &Sandbox) -> Result<i32> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    umask(Mode::from_bits_truncate(0o022));
    setgroups(&[])?;
    nix::unistd::sethostname("localhost")?;
    enter_root(sandbox)?;
    let input = io::pipe().map(|(reader, mut writer)| -> Result<io::PipeReader> {
        // Small enough for the pipe's buffer, or the program could not read it before we wait.
        if sandbox.input.len() > 60_000 {
            return Err("the input is too long".into());
        }
        writer.write_all(sandbox.input.as_bytes())?;
        Ok(reader)
    })??;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(input);
            reap(child)
        }
        ForkResult::Child => {
            let error = execute(sandbox, input);
            let _ = writeln!(io::stderr(), "sandbox: {error}");
            process::exit(127)
        }
    }
}

/// Waits for `program`, and for every orphan on the way.
fn reap(program: Pid) -> Result<i32> {
    loop {
        let status = waitpid(None::<Pid>, None)?;
        if status.pid() == Some(program) {
            return Ok(exit_code(status));
        }
    }
}

fn execute(sandbox: &Sandbox, input: io::PipeReader) -> Box<dyn Error> {
    use std::os::unix::process::CommandExt;
    let Some((program, arguments)) = sandbox.command.split_first() else {
        return "no command".into();
    };
    // Addresses get into what programs leave unwritten (BerkeleyDB's pages), so they are the
    // same in each run. Where a container forbids it, the sandbox is as good otherwise.
    let _ = personality::set(Persona::ADDR_NO_RANDOMIZE);
    let error = process::Command::new(program)
        .args(arguments)
        .stdin(input)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .envs([
            ("HOME", "/root"),
            ("LANG", "C"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
            ("TERM", "dumb"),
            ("SHELL", "/bin/sh"),
        ])
        .envs(sandbox.environment.iter().map(|(k, v)| (k, v)))
        .exec();
    format!("{program}: {error}").into()
}

fn enter_root(sandbox: &Sandbox) -> Result<()> {
    let none = None::<&str>;
    // Nothing mounted from here on reaches the host.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some(&sandbox.root), &sandbox.root, none, MsFlags::MS_BIND, none)?;
    for bind in &sandbox.binds {
        bind_mount(&sandbox.root, bind).map_err(|e| format!("{}: {e}", bind.host.display()))?;
    }
    for api_root in &sandbox.api_roots {
        let root = sandbox.root.join(api_root.trim_start_matches('/'));
        api_mounts(&root).map_err(|e| format!("{api_root}: {e}"))?;
    }
    chdir(&sandbox.root)?;
    // pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one and is detached.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    Ok(())
}

/// A folder below `root` to mount on, made with `mode` if it is not there. A link on the way
/// could lead out of the root: it is refused.
fn mount_point(root: &Path, inside: &str, mode: u32) -> Result<PathBuf> {
    let mut place = root.to_owned();
    for part in inside.split('/').filter(|part| !part.is_empty()) {
        place.push(part);
        match fs::symlink_metadata(&place) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => return Err(format!("/{inside} of the image is not a folder").into()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(&place)?;
                fs::set_permissions(&place, Permissions::from_mode(mode))?;
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(place)
}

fn bind_mount(root: &Path, bind: &Bind) -> Result<()> {
    let none = None::<&str>;
    let inside = mount_point(root, &bind.inside, 0o755)?;
    mount(Some(&bind.host), &inside, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
    if bind.read_only {
        // What the host's mount forbids has to stay forbidden (mount_namespaces(7), "locked").
        let held = statvfs(&inside)?.flags();
        let mut flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        for (is, flag) in [
            (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
            (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
            (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        ] {
            flags.set(flag, held.contains(is));
        }
        mount(none, &inside, none, flags, none)?;
    }
    Ok(())
}

/// /proc, /dev, and writable /sys and /run: scriptlets look for them. What the package
/// `filesystem` sets on these folders goes to the mounts, so the folders below them are made
/// with the modes that it asks for.
fn api_mounts(root: &Path) -> Result<()> {
    let tmpfs = |place: &Path, mode: &str| {
        mount(
            Some("tmpfs"),
            place,
            Some("tmpfs"),
            MsFlags::MS_NOSUID,
            Some(format!("mode={mode}").as_str()),
        )
    };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), &mount_point(root, "proc", 0o555)?, Some("proc"), flags, None::<&str>)?;
    tmpfs(&mount_point(root, "sys", 0o555)?, "0555")?;
    tmpfs(&mount_point(root, "run", 0o755)?, "0755")?;
    let dev = mount_point(root, "dev", 0o755)?;
    tmpfs(&dev, "0755")?;
    let old = umask(Mode::empty());
    for (name, major, minor) in [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    ] {
        device(&dev, name, major, minor).map_err(|e| format!("/dev/{name}: {e}"))?;
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
    }
    fs::create_dir(dev.join("shm"))?;
    fs::create_dir(dev.join("pts"))?;
    let options = CString::new("newinstance,ptmxmode=0666,mode=620")?;
    mount(
        Some("devpts"),
        &dev.join("pts"),
        Some("devpts"),
        MsFlags::MS_NOSUID,
        Some(options.as_c_str()),
    )?;
    Ok(())
}

/// A character device in the sandbox's `/dev`: a node of its own or, in a user namespace,
/// which may not make one, the host's.
fn device(dev: &Path, name: &str, major: u64, minor: u64) -> Result<()> {
    let place = dev.join(name);
    let mode = Mode::from_bits_truncate(0o666);
    match mknod(&place, SFlag::S_IFCHR, mode, makedev(major, minor)) {
        Err(Errno::EPERM) => {
            fs::write(&place, "")?;
            let host = Path::new("/dev").join(name);
            let none = None::<&str>;
            Ok(mount(Some(&host), &place, none, MsFlags::MS_BIND, none)?)
        }
        result => Ok(result?),
    }
}
