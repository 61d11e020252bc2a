//! What root may still do inside: own, read and change files, become a user, chroot. Not
//! among it: mounts, devices, modules, clocks, networks, tracing (capabilities(7)).

use nix::errno::Errno;
use nix::libc;
use std::io;

/// Numbers of linux/capability.h.
const CHOWN: u8 = 0;
const DAC_OVERRIDE: u8 = 1;
const FOWNER: u8 = 3;
const FSETID: u8 = 4;
const KILL: u8 = 5;
const SETGID: u8 = 6;
const SETUID: u8 = 7;
const SYS_CHROOT: u8 = 18;
const MKNOD: u8 = 27;
const SETFCAP: u8 = 31;

/// What rpm and scriptlets need: files of any owner and mode, `runuser`, `rpm --root`.
const KEPT: [u8; 9] =
    [CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SYS_CHROOT, SETFCAP];

/// The kernel has no more than this many.
const MOST: u8 = 64;
/// `_LINUX_CAPABILITY_VERSION_3`
const VERSION: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct` of linux/capability.h.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`; two of them have 64 bits of each set.
#[repr(C)]
#[derive(Clone, Copy)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Drops all others, for good, from every set of this process; `devices` keeps making device
/// nodes.
///
/// # Errors
/// The kernel's error.
pub fn drop_others(devices: bool) -> io::Result<()> {
    let kept = |capability: u8| KEPT.contains(&capability) || devices && capability == MKNOD;
    for capability in (0..MOST).filter(|&c| !kept(c)) {
        // SAFETY: a call with plain numbers.
        match unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability)) } {
            0 => {}
            // Beyond the kernel's last.
            _ if Errno::last() == Errno::EINVAL => break,
            _ => return Err(io::Error::last_os_error()),
        }
    }
    // SAFETY: as above. Kernels before 4.3 have no ambient set: there is nothing to clear.
    unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    let bits = (0..32).filter(|&c| kept(c)).fold(0u32, |bits, c| bits | 1 << c);
    let none = Data { effective: 0, permitted: 0, inheritable: 0 };
    let sets = [Data { effective: bits, permitted: bits, inheritable: 0 }, none];
    let header = Header { version: VERSION, pid: 0 };
    // SAFETY: both structures are what this version reads, and live.
    match unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
