//! Doubles of old kernels: this kernel, with a filter that answers what they answer to calls and
//! flags that came later.

use nix::libc::{self, sock_filter};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `AUDIT_ARCH_X86_64` of linux/audit.h.
const X86_64: u32 = 0xc000_003e;
/// The first call after 3.10, `sched_setattr` of 3.14, in both ABIs: calls are numbered as they
/// come (`finit_module`, the last before it, is of 3.8).
const FIRST_NEW: u32 = 314;
const FIRST_NEW_32: u32 = 351;

/// The flag of `O_TMPFILE` (3.11) that is not `O_DIRECTORY`.
const TMPFILE: u32 = 0o20_000_000;
/// Namespaces of control groups are of 4.6.
const NEW_CGROUP: u32 = libc::CLONE_NEWCGROUP as u32;
const NEW_USER: u32 = libc::CLONE_NEWUSER as u32;

/// An argument that 3.10 does not know.
enum Unknown {
    /// Any of these bits.
    Bits(u32),
    /// This value.
    Value(u32),
    /// This value, or a larger one.
    From(u32),
}

/// Calls that 3.10 has, the argument (from 0) that it does not know, and its answer.
const NEWER: [(i64, u32, Unknown, i32); 13] = [
    (libc::SYS_open, 1, Unknown::Bits(TMPFILE), libc::EISDIR),
    (libc::SYS_openat, 2, Unknown::Bits(TMPFILE), libc::EISDIR),
    // Beyond FALLOC_FL_PUNCH_HOLE: 3.15.
    (libc::SYS_fallocate, 1, Unknown::From(4), libc::EOPNOTSUPP),
    // Locks of open file descriptions are of 3.15, seals of 3.17.
    (libc::SYS_fcntl, 1, Unknown::Value(36), libc::EINVAL),
    (libc::SYS_fcntl, 1, Unknown::Value(37), libc::EINVAL),
    (libc::SYS_fcntl, 1, Unknown::Value(38), libc::EINVAL),
    (libc::SYS_fcntl, 1, Unknown::Value(1033), libc::EINVAL),
    // Ambient capabilities are of 4.3.
    (libc::SYS_prctl, 0, Unknown::Value(47), libc::EINVAL),
    (libc::SYS_madvise, 2, Unknown::Value(8), libc::EINVAL),
    (libc::SYS_unshare, 0, Unknown::Bits(NEW_CGROUP), libc::EINVAL),
    (libc::SYS_clone, 0, Unknown::Bits(NEW_USER), libc::ENOSPC),
    (libc::SYS_unshare, 0, Unknown::Bits(NEW_USER), libc::ENOSPC),
    (libc::SYS_setns, 1, Unknown::Bits(NEW_USER), libc::EINVAL),
];

/// Runs the command, and whatever it starts, on Linux 3.10: EL7's kernel, without what was added to
/// it. It has no user namespaces, as EL7 is set up (`user.max_user_namespaces` is 0).
pub fn on_linux_3_10(command: &mut Command) {
    filter(command, linux_3_10());
}

/// Runs the command, and whatever it starts, on a Linux before 5.12, which cannot map the owners of
/// a mount.
pub fn on_linux_5_11(command: &mut Command) {
    let call = libc::SYS_mount_setattr as u32;
    filter(
        command,
        vec![load(NUMBER), jump(libc::BPF_JEQ, call, 0, 1), error(libc::ENOSYS), allow()],
    );
}

fn filter(command: &mut Command, program: Vec<sock_filter>) {
    // SAFETY: one system call, of a program that the closure owns.
    unsafe {
        command.pre_exec(move || {
            let (len, filter) = (program.len() as u16, program.as_ptr().cast_mut());
            let program = libc::sock_fprog { len, filter };
            match libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
}

// Classic BPF over `struct seccomp_data` of linux/seccomp.h: where the call's number and the ABI
// are, and the instructions.
const NUMBER: u32 = 0;
const ABI: u32 = 4;

fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

fn load(at: u32) -> sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at)
}

fn jump(test: u32, value: u32, yes: u8, no: u8) -> sock_filter {
    step(libc::BPF_JMP | test | libc::BPF_K, yes, no, value)
}

fn error(error: i32) -> sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | error as u32)
}

fn allow() -> sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW)
}

fn linux_3_10() -> Vec<sock_filter> {
    let mut program = vec![
        load(ABI),
        jump(libc::BPF_JEQ, X86_64, 4, 0),
        load(NUMBER),
        jump(libc::BPF_JGE, FIRST_NEW_32, 0, 1),
        error(libc::ENOSYS),
        allow(),
        load(NUMBER),
        jump(libc::BPF_JGE, FIRST_NEW, 0, 1),
        error(libc::ENOSYS),
    ];
    for (call, argument, unknown, answer) in NEWER {
        let (test, value) = match unknown {
            Unknown::Bits(bits) => (libc::BPF_JSET, bits),
            Unknown::Value(value) => (libc::BPF_JEQ, value),
            Unknown::From(least) => (libc::BPF_JGE, least),
        };
        program.extend([
            load(NUMBER),
            jump(libc::BPF_JEQ, call as u32, 0, 3),
            load(16 + 8 * argument),
            jump(test, value, 0, 1),
            error(answer),
        ]);
    }
    program.push(allow());
    program
}
