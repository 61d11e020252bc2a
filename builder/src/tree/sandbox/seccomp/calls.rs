//! The calls that the sandbox refuses, with their numbers in both ABIs (asm/unistd_64.h and
//! asm/unistd_32.h of Linux).

use nix::libc;

/// When a call is refused, and with which error. Arguments count from 0.
#[derive(Clone, Copy)]
pub enum CallRefusal {
    /// Whatever its arguments are.
    Always(i32),
    /// With any of these bits in an argument.
    Bits { argument: u8, bits: u32, error: i32 },
    /// With an argument of one of these values.
    Values { argument: u8, values: &'static [u32], error: i32 },
    /// Unless an argument has one of these values.
    AllBut { argument: u8, values: &'static [u32], error: i32 },
    /// socket(2) of other families, and netlink of other protocols than `netlink`.
    Families { values: &'static [u32], netlink: u32 },
}

/// A call that is refused.
pub struct Call {
    /// For tests and readers.
    #[cfg_attr(not(test), allow(dead_code, reason = "the numbers are what the filter has"))]
    pub name: &'static str,
    /// Its number for 64-bit programs.
    pub long: Option<u32>,
    /// Its number for 32-bit programs.
    pub short: Option<u32>,
    /// When it is refused.
    pub refusal: CallRefusal,
}

const fn call(
    name: &'static str,
    long: Option<u32>,
    short: Option<u32>,
    refusal: CallRefusal,
) -> Call {
    Call { name, long, short, refusal }
}

const NO: CallRefusal = CallRefusal::Always(libc::EPERM);
/// Programs do without a call that does not exist.
const ABSENT: CallRefusal = CallRefusal::Always(libc::ENOSYS);
/// A user namespace would give every capability over new namespaces.
const NEW_USER: CallRefusal =
    CallRefusal::Bits { argument: 0, bits: libc::CLONE_NEWUSER as u32, error: libc::EPERM };
/// Plain, 32-bit, with a short `uname -r`, and without address randomisation; the last asks.
const PERSONALITIES: &[u32] = &[0, 8, 0x2_0000, 0x2_0008, 0x4_0000, 0x4_0008, 0xffff_ffff];
/// TIOCSTI and TIOCLINUX, which type into a terminal.
const TYPING: &[u32] = &[0x5412, 0x541c];
const FAMILIES: &[u32] = &[libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32];

/// Every refused call.
pub const REFUSED: &[Call] = &[
    // Mounts: with a mount of its own a program reaches the host's devices and control files.
    call("mount", Some(165), Some(21), NO),
    call("umount", None, Some(22), NO),
    call("umount2", Some(166), Some(52), NO),
    call("pivot_root", Some(155), Some(217), NO),
    call("move_mount", Some(429), Some(429), NO),
    call("open_tree", Some(428), Some(428), NO),
    call("fsopen", Some(430), Some(430), NO),
    call("fsconfig", Some(431), Some(431), NO),
    call("fsmount", Some(432), Some(432), NO),
    call("fspick", Some(433), Some(433), NO),
    call("mount_setattr", Some(442), Some(442), NO),
    // The kernel itself, its clock and its power.
    call("init_module", Some(175), Some(128), NO),
    call("finit_module", Some(313), Some(350), NO),
    call("delete_module", Some(176), Some(129), NO),
    call("create_module", Some(174), Some(127), NO),
    call("query_module", Some(178), Some(167), NO),
    call("get_kernel_syms", Some(177), Some(130), NO),
    call("kexec_load", Some(246), Some(283), NO),
    call("kexec_file_load", Some(320), None, NO),
    call("reboot", Some(169), Some(88), NO),
    call("swapon", Some(167), Some(87), NO),
    call("swapoff", Some(168), Some(115), NO),
    call("acct", Some(163), Some(51), NO),
    call("quotactl", Some(179), Some(131), NO),
    call("quotactl_fd", Some(443), Some(443), NO),
    call("syslog", Some(103), Some(103), NO),
    call("iopl", Some(172), Some(110), NO),
    call("ioperm", Some(173), Some(101), NO),
    call("modify_ldt", Some(154), Some(123), NO),
    call("vm86", None, Some(166), NO),
    call("vm86old", None, Some(113), NO),
    call("settimeofday", Some(164), Some(79), NO),
    call("stime", None, Some(25), NO),
    call("adjtimex", Some(159), Some(124), NO),
    call("clock_settime", Some(227), Some(264), NO),
    call("clock_settime64", None, Some(404), NO),
    call("clock_adjtime", Some(305), Some(343), NO),
    call("clock_adjtime64", None, Some(405), NO),
    call("vhangup", Some(153), Some(111), NO),
    call("uselib", Some(134), Some(86), NO),
    call("nfsservctl", Some(180), Some(169), NO),
    call("lookup_dcookie", Some(212), Some(253), NO),
    // Keys are not in any namespace.
    call("add_key", Some(248), Some(286), NO),
    call("request_key", Some(249), Some(287), NO),
    call("keyctl", Some(250), Some(288), NO),
    // Files by handle pass every mount; the others look into processes or have had many faults.
    // ptrace also passes the filter before Linux 4.8.
    call("open_by_handle_at", Some(304), Some(342), NO),
    call("bpf", Some(321), Some(357), NO),
    call("perf_event_open", Some(298), Some(336), NO),
    call("userfaultfd", Some(323), Some(374), NO),
    call("ptrace", Some(101), Some(26), NO),
    call("process_vm_readv", Some(310), Some(347), NO),
    call("process_vm_writev", Some(311), Some(348), NO),
    call("kcmp", Some(312), Some(349), NO),
    call("pidfd_getfd", Some(438), Some(438), NO),
    call("fanotify_init", Some(300), Some(338), NO),
    call("setns", Some(308), Some(346), NO),
    // io_uring does most calls unseen by the filter.
    call("io_uring_setup", Some(425), Some(425), ABSENT),
    call("io_uring_enter", Some(426), Some(426), ABSENT),
    call("io_uring_register", Some(427), Some(427), ABSENT),
    call("memfd_secret", Some(447), Some(447), ABSENT),
    call("_sysctl", Some(156), Some(149), ABSENT),
    // Namespaces. clone3 has its flags in memory, where no filter sees them.
    call("unshare", Some(272), Some(310), NEW_USER),
    call("clone", Some(56), Some(120), NEW_USER),
    call("clone3", Some(435), Some(435), ABSENT),
    // Without audit, as in any container: libaudit knows EPROTONOSUPPORT.
    call(
        "socket",
        Some(41),
        Some(359),
        CallRefusal::Families { values: FAMILIES, netlink: libc::NETLINK_ROUTE as u32 },
    ),
    // Its arguments are in memory; the 32-bit library does without sockets.
    call(
        "socketcall",
        None,
        Some(102),
        CallRefusal::Values { argument: 0, values: &[1], error: libc::EAFNOSUPPORT },
    ),
    call(
        "ioctl",
        Some(16),
        Some(54),
        CallRefusal::Values { argument: 1, values: TYPING, error: libc::EPERM },
    ),
    call(
        "personality",
        Some(135),
        Some(136),
        CallRefusal::AllBut { argument: 0, values: PERSONALITIES, error: libc::EPERM },
    ),
];
