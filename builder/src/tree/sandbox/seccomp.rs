//! The sandbox's system call filter (seccomp(2)): what an installation never needs, and what
//! has led out of sandboxes before. A list of what is refused and not of what is allowed, as
//! scriptlets may run any program of the image; calls newer than the list do not exist.
//!
//! Both ABIs of the target are filtered, as EL7's multilib packages run 32-bit programs in
//! scriptlets (crates that make filters kill those). x32 calls do not exist.

mod calls;
mod program;

use calls::{Call, CallRefusal, REFUSED};
use nix::libc;
use program::Program;
use std::io;

/// The numbers of the kernel's two ABIs on x86_64: `AUDIT_ARCH_*` of linux/audit.h.
const ARCH_64: u32 = 0xc000_003e;
const ARCH_32: u32 = 0x4000_0003;
/// The bit that x32's calls have (`__X32_SYSCALL_BIT` of asm/unistd.h).
const X32: u32 = 0x4000_0000;
/// The last call that the list knows, `fchmodat2`; both ABIs number alike since 403.
const NEWEST: u32 = 452;

/// Filters the calls of this process and of what it starts, for good. It must not be able to
/// gain privileges any more (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
/// The kernel's error; it has such filters since 3.5.
pub fn install() -> io::Result<()> {
    let filter = filter();
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(io::Error::other)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program and its instructions live until the call is over.
    let done =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The whole program: each ABI's own part, and the end of a process of any other.
fn filter() -> Vec<libc::sock_filter> {
    let long = part(|call| call.long, Some(X32));
    let short = part(|call| call.short, None);
    let mut program = Program::default();
    program.load_architecture();
    program.only_for(ARCH_64, long);
    program.only_for(ARCH_32, short);
    program.kill();
    program.finish()
}

/// One ABI's part: every way through it ends with an answer.
fn part(number: impl Fn(&Call) -> Option<u32>, foreign: Option<u32>) -> Program {
    let mut part = Program::default();
    part.load_number();
    if let Some(bit) = foreign {
        part.refuse_from(bit, libc::ENOSYS);
    }
    part.refuse_from(NEWEST + 1, libc::ENOSYS);
    for call in REFUSED {
        let Some(number) = number(call) else { continue };
        let mut answer = Program::default();
        match call.refusal {
            CallRefusal::Always(error) => answer.refuse(error),
            CallRefusal::Bits { argument, bits, error } => {
                answer.load_argument(argument);
                answer.refuse_bits(bits, error);
                answer.allow();
            }
            CallRefusal::Values { argument, values, error } => {
                answer.load_argument(argument);
                values.iter().for_each(|&value| answer.refuse_value(value, error));
                answer.allow();
            }
            CallRefusal::AllBut { argument, values, error } => {
                answer.load_argument(argument);
                values.iter().for_each(|&value| answer.allow_value(value));
                answer.refuse(error);
            }
            CallRefusal::Families { values, netlink } => {
                answer.load_argument(0);
                values.iter().for_each(|&value| answer.allow_value(value));
                answer.refuse_unless(libc::AF_NETLINK as u32, libc::EAFNOSUPPORT);
                answer.load_argument(2);
                answer.allow_value(netlink);
                answer.refuse(libc::EPROTONOSUPPORT);
            }
        }
        part.only_for(number, answer);
    }
    part.allow();
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter answers to a call: `None` to let it through, or the error.
    fn ask(arch: u32, number: u32, arguments: [u32; 3]) -> Option<i32> {
        let filter = filter();
        let (mut at, mut value) = (0, 0);
        loop {
            let step = filter[at];
            at += 1;
            match step.code {
                program::LOAD => {
                    value = match step.k {
                        0 => number,
                        4 => arch,
                        offset => arguments[(offset as usize - 16) / 8],
                    }
                }
                program::EQUAL | program::BITS | program::LEAST => {
                    let holds = match step.code {
                        program::EQUAL => value == step.k,
                        program::BITS => value & step.k != 0,
                        _ => value >= step.k,
                    };
                    at += usize::from(if holds { step.jt } else { step.jf });
                }
                program::JUMP => at += step.k as usize,
                _ => match step.k & 0xffff_0000 {
                    libc::SECCOMP_RET_ALLOW => return None,
                    libc::SECCOMP_RET_ERRNO => return Some((step.k & 0xffff) as i32),
                    _ => return Some(-1),
                },
            }
        }
    }

    #[test]
    fn both_abis_and_their_arguments() {
        let user = libc::CLONE_NEWUSER as u32;
        for (number, arguments, answer) in [
            (libc::SYS_read, [0; 3], None),
            (libc::SYS_mount, [0; 3], Some(libc::EPERM)),
            (libc::SYS_unshare, [user, 0, 0], Some(libc::EPERM)),
            (libc::SYS_unshare, [libc::CLONE_NEWNET as u32, 0, 0], None),
            (libc::SYS_clone, [user | 17, 0, 0], Some(libc::EPERM)),
            (libc::SYS_clone, [17, 0, 0], None),
            (libc::SYS_clone3, [0; 3], Some(libc::ENOSYS)),
            (libc::SYS_socket, [libc::AF_UNIX as u32, 2, 0], None),
            (libc::SYS_socket, [libc::AF_VSOCK as u32, 1, 0], Some(libc::EAFNOSUPPORT)),
            (libc::SYS_socket, [libc::AF_NETLINK as u32, 3, 0], None),
            (libc::SYS_socket, [libc::AF_NETLINK as u32, 3, 9], Some(libc::EPROTONOSUPPORT)),
            (libc::SYS_ioctl, [0, 0x5412, 0], Some(libc::EPERM)),
            (libc::SYS_ioctl, [0, 0x5401, 0], None),
            (libc::SYS_personality, [0x0004_0000, 0, 0], None),
            (libc::SYS_personality, [0x0040_0000, 0, 0], Some(libc::EPERM)),
            (i64::from(NEWEST) + 1, [0; 3], Some(libc::ENOSYS)),
            (i64::from(X32) + libc::SYS_read, [0; 3], Some(libc::ENOSYS)),
        ] {
            let number = u32::try_from(number).unwrap();
            assert_eq!(ask(ARCH_64, number, arguments), answer, "{number} {arguments:?}");
        }
        // i386: read, mount, clone, socketcall(SYS_SOCKET), socketcall(SYS_BIND).
        assert_eq!(ask(ARCH_32, 3, [0; 3]), None);
        assert_eq!(ask(ARCH_32, 21, [0; 3]), Some(libc::EPERM));
        assert_eq!(ask(ARCH_32, 120, [user, 0, 0]), Some(libc::EPERM));
        assert_eq!(ask(ARCH_32, 102, [1, 0, 0]), Some(libc::EAFNOSUPPORT));
        assert_eq!(ask(ARCH_32, 102, [2, 0, 0]), None);
        // Any other ABI (ARM's number here) ends the process.
        assert_eq!(ask(0x4000_0028, 3, [0; 3]), Some(-1));
    }

    #[test]
    fn the_long_numbers_are_the_c_librarys() {
        let long = |name: &str| REFUSED.iter().find(|c| c.name == name).and_then(|c| c.long);
        for (name, number) in [
            ("mount", libc::SYS_mount),
            ("mount_setattr", libc::SYS_mount_setattr),
            ("bpf", libc::SYS_bpf),
            ("keyctl", libc::SYS_keyctl),
            ("ptrace", libc::SYS_ptrace),
            ("setns", libc::SYS_setns),
            ("open_by_handle_at", libc::SYS_open_by_handle_at),
            ("finit_module", libc::SYS_finit_module),
            ("clock_settime", libc::SYS_clock_settime),
            ("io_uring_setup", libc::SYS_io_uring_setup),
        ] {
            assert_eq!(long(name).map(i64::from), Some(number), "{name}");
        }
    }
}
