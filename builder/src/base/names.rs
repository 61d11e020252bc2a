//! How the C library looks up the names of hosts.

use std::ffi::{c_char, c_int};

unsafe extern "C" {
    // nss.h of the GNU C library.
    fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
}

/// Keeps the C library to what it has itself, /etc/hosts and DNS. For all else that
/// nsswitch.conf(5) may name (myhostname, resolve, sss) it would load libraries of the host, which
/// are made for another version of it than the one in this static program: a look-up then ends
/// with an error that has nothing to do with the name. To be called before any look-up.
pub fn keep_to_files_and_dns() {
    // SAFETY: both are strings with a NUL that live for ever; the process has one thread.
    // It fails only when memory is out.
    unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
}
