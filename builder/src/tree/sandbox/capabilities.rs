//! What root may still do inside: own, read and change files, become a user, chroot. Not
//! among it: mounts, devices, modules, clocks, networks, tracing (capabilities(7)).

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities,
};
use std::io;

/// What rpm and scriptlets need: files of any owner and mode, `runuser`, `rpm --root`.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::SETFCAP);

/// Drops all others, for good, from every set of this process; `devices` keeps making device
/// nodes.
///
/// # Errors
/// The kernel's error.
pub fn drop_others(devices: bool) -> io::Result<()> {
    let kept = if devices { KEPT | CapabilitySet::MKNOD } else { KEPT };
    // The kernel's set has 64 bits; it may know more than rustix.
    let all = (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    for capability in all.filter(|capability| !kept.contains(*capability)) {
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Beyond the kernel's last.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    // Kernels before 4.3 have no ambient set: there is nothing to clear.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    Ok(set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: none },
    )?)
}
