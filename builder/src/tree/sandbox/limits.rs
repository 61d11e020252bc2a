//! How much a program of the image may take of the machine, and what it does not get to see
//! of imgbuild's surroundings. The bounds are far above what packages need: they end what
//! has no end.

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use std::fs;
use std::io;

/// Processes at a time. dracut, the busiest of an installation, has a few dozen.
pub const PROCESSES: usize = 2048;
/// Processes and threads of one user inside, where its ids are nobody else's.
const TASKS: rlim_t = 4096;
/// Bytes of one file: what the archive of a package can hold (cpio's `newc`, 32 bits).
const FILE: rlim_t = 1 << 32;
/// rpm 4.11 closes every possible descriptor before each scriptlet, so few are quick.
const FILES: (rlim_t, rlim_t) = (1024, 4096);
/// Bytes of data of one process at least; half of the machine's memory where that is more.
const DATA: rlim_t = 4 << 30;
/// The kernel ends these processes first when memory is short (proc(5), `oom_score_adj`).
const FIRST_TO_GO: &str = "1000";

/// Limits this process and what it starts. `own_ids` says that root inside is not a user
/// outside; `large_files` that a file may be as large as a disk.
///
/// # Errors
/// The kernel's error.
pub fn set(own_ids: bool, large_files: bool) -> io::Result<()> {
    // A container may forbid it: then all are as likely to go.
    let _ = fs::write("/proc/self/oom_score_adj", FIRST_TO_GO);
    limit(Resource::RLIMIT_CORE, 0, 0)?;
    limit(Resource::RLIMIT_NOFILE, FILES.0, FILES.1)?;
    let data = DATA.max(memory() / 2);
    limit(Resource::RLIMIT_DATA, data, data)?;
    if !large_files {
        limit(Resource::RLIMIT_FSIZE, FILE, FILE)?;
    }
    if own_ids {
        limit(Resource::RLIMIT_NPROC, TASKS, TASKS)?;
    }
    Ok(())
}

/// No higher than what is the limit now: raising needs a privilege.
fn limit(resource: Resource, soft: rlim_t, hard: rlim_t) -> io::Result<()> {
    let (_, most) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(most), hard.min(most))?)
}

/// Bytes of the machine's memory; 0 when unknown.
fn memory() -> rlim_t {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|t| t.split_whitespace().next()?.parse::<rlim_t>().ok());
    kib.unwrap_or(0) * 1024
}

/// A session keyring of its own, so that the user's keys cannot be reached (keyctl(2)).
///
/// # Errors
/// The kernel's error, unless it has no keys.
pub fn leave_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    let name = std::ptr::null::<libc::c_char>();
    // SAFETY: the call takes a null pointer for a keyring without a name.
    let joined = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name) };
    match Errno::last() {
        _ if joined >= 0 => Ok(()),
        Errno::ENOSYS => Ok(()),
        // Containers' filters; ours refuses these calls as well.
        Errno::EPERM => Ok(()),
        error => Err(error.into()),
    }
}

/// Marks every descriptor but the first three to be closed by the next program.
///
/// # Errors
/// What cannot be read of /proc.
pub fn keep_no_files() -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        if number > 2 {
            // SAFETY: nothing but a flag changes; the directory's own descriptor has it already.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// How many processes are inside, by the sandbox's own /proc.
pub fn processes() -> usize {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let number = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries.flatten().filter(|entry| number(&entry.file_name())).count()
}
