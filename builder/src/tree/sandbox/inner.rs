//! The inside of the sandbox, layer by layer: namespaces, mounts, limits, a user namespace,
//! capabilities, the filter of system calls; and the first process, which reaps.

use super::shifted::Shifted;
use super::specification::{ARGUMENT, Sandbox, SandboxReport};
use super::{capabilities, limits, mounts, remount, seccomp, userns};
use crate::base::programs;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::personality::{self, Persona};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, setgroups};
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::{io, process};

/// Exit code of a sandbox that could not be created; beyond what shells and signals use.
pub const FAILED: i32 = 253;
/// Exit code of a sandbox that was ended for having too many processes.
pub const CROWDED: i32 = 252;

/// How often the first process counts the others, in nanoseconds.
const TICK: libc::c_long = 200_000_000;
/// The environment variable that says that this program runs from a mount that it cannot
/// write.
const SEALED: &str = "IMGBUILD_SANDBOX_SEALED";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What `imgbuild __sandbox` does: reads a [`Sandbox`] from standard input and becomes it.
pub fn main() -> ! {
    let code = seal().and_then(|()| start()).unwrap_or_else(|e| {
        let _ = writeln!(io::stderr(), "sandbox: {e}");
        FAILED
    });
    process::exit(code)
}

/// Starts this program again from a read-only mount of itself: through `/proc/1/exe` what
/// runs inside could otherwise get hold of the host's file, and write it.
fn seal() -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    limits::keep_no_files()?;
    if std::env::var_os(SEALED).is_some() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    let (own, file) = (Path::new("/proc/self/exe"), fs::read_link("/proc/self/exe")?);
    // A file that has been replaced meanwhile is nobody's program any more.
    if !fs::metadata(&file).is_ok_and(|f| fs::metadata(own).is_ok_and(|o| same(&o, &f))) {
        return Ok(());
    }
    let bound = mount(Some(&file), &file, none, MsFlags::MS_BIND, none).map_err(io::Error::from);
    // A container may forbid it; the kernel keeps a running program from being written.
    if bound.and_then(|()| remount::restrict(&file, MsFlags::MS_RDONLY)).is_err() {
        return Ok(());
    }
    let mut again = programs::command(&file);
    Err(again.arg(ARGUMENT).env(SEALED, "1").exec().into())
}

fn start() -> Result<i32> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let sandbox: Sandbox = serde_json::from_str(&text)?;
    // Before the process namespace, whose first process it would be.
    let shifted = match sandbox.devices {
        true => Err(io::Error::other("packages bring device nodes, which it may not have")),
        false => Shifted::new(),
    };
    unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWNET,
    )?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            // The report is the first process's.
            give_up_input()?;
            Ok(exit_code(waitpid(child, None)?))
        }
        ForkResult::Child => {
            let code = first_process(&sandbox, shifted).unwrap_or_else(|e| {
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
fn first_process(sandbox: &Sandbox, shifted: io::Result<Shifted>) -> Result<i32> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    umask(Mode::from_bits_truncate(0o022));
    nix::unistd::sethostname("localhost")?;
    let shown = mounts::prepare(sandbox)?;
    let shifted = shifted.map_err(Box::<dyn Error>::from).and_then(|shifted| {
        let views = mounts::views(&shifted, &shown)?;
        Ok((shifted, views))
    });
    limits::set(shifted.is_ok(), sandbox.large_files)?;
    limits::leave_keyring()?;
    // What works without root is in a user namespace as a whole.
    let lacking = match &shifted {
        Err(reason) if userns::id_maps().is_none() => Some(format!("{reason}")),
        _ => None,
    };
    match shifted {
        Ok((shifted, views)) => {
            mounts::enter(sandbox, &shown, &views, Some(shifted.root()))?;
            drop(views);
            shifted.enter().map_err(|e| format!("cannot enter the user namespace: {e}"))?;
        }
        Err(_) => {
            mounts::enter(sandbox, &shown, &[], None)?;
            setgroups(&[])?;
        }
    }
    report(&SandboxReport { lacking })?;
    confine(sandbox)?;
    run(sandbox)
}

/// Tells imgbuild on its socket, which nothing inside gets to see.
fn report(report: &SandboxReport) -> Result<()> {
    let text = serde_json::to_string(report)?;
    if nix::unistd::write(io::stdin(), text.as_bytes())? != text.len() {
        return Err("the report was not sent whole".into());
    }
    give_up_input()
}

fn give_up_input() -> Result<()> {
    let null = File::open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    Ok(())
}

/// The layers that stay with every process inside.
fn confine(sandbox: &Sandbox) -> Result<()> {
    capabilities::drop_others(sandbox.devices).map_err(|e| format!("capabilities: {e}"))?;
    prctl::set_no_new_privs()?;
    // Another user means none of both any more; who looks at `/proc/1/root` to see whether
    // it is in a chroot may, as it has the same rights.
    prctl::set_dumpable(true)?;
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    seccomp::install()
        .map_err(|e| format!("the kernel accepts no filter of system calls: {e}").into())
}

fn run(sandbox: &Sandbox) -> Result<i32> {
    let input = io::pipe().map(|(reader, mut writer)| -> Result<io::PipeReader> {
        // Small enough for the pipe's buffer, or the program could not read it before we wait.
        if sandbox.input.len() > 60_000 {
            return Err("the input is too long".into());
        }
        writer.write_all(sandbox.input.as_bytes())?;
        Ok(reader)
    })??;
    // Its arrival is waited for, with a time-out; the program gets an empty mask.
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&children), None)?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(input);
            reap(child, &children)
        }
        ForkResult::Child => {
            let error = execute(sandbox, input);
            let _ = writeln!(io::stderr(), "sandbox: {error}");
            process::exit(127)
        }
    }
}

/// Waits for `program`, and for every orphan on the way; ends all when they are too many.
fn reap(program: Pid, children: &SigSet) -> Result<i32> {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::StillAlive => {
                let tick = libc::timespec { tv_sec: 0, tv_nsec: TICK };
                // SAFETY: the set and the time live; no information is asked for.
                unsafe {
                    libc::sigtimedwait(children.as_ref(), std::ptr::null_mut(), &raw const tick)
                };
                if limits::processes() > limits::PROCESSES {
                    return Ok(CROWDED);
                }
            }
            status if status.pid() == Some(program) => return Ok(exit_code(status)),
            _ => {}
        }
    }
}

fn execute(sandbox: &Sandbox, input: io::PipeReader) -> Box<dyn Error> {
    let Some((program, arguments)) = sandbox.command.split_first() else {
        return "no command".into();
    };
    // Addresses get into what programs leave unwritten (BerkeleyDB's pages), so they are the
    // same in each run. Where a container forbids it, the sandbox is as good otherwise.
    let _ = personality::set(Persona::ADDR_NO_RANDOMIZE);
    let error = programs::command(program)
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
