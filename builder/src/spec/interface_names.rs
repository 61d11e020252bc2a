//! Who names an interface: the kernel counts, udev goes by the place.

use crate::kickstart::{InterfaceKind, NetworkCommand};

/// Whether the kernel itself gives such names; udev gives the others, by the interface's place.
pub fn is_kernel_name(name: &str) -> bool {
    let number = name.strip_prefix("eth").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// Whether one machine can have interfaces of both names: the kernel's names and those that udev
/// makes of an interface's place (`ens3`, `em1`, `p1p1`) exclude each other.
pub fn can_coexist(one: &str, other: &str) -> bool {
    let of_place = |name: &str| {
        let rest = name.strip_prefix("em").or_else(|| name.strip_prefix('p'));
        name.starts_with("en") || rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()))
    };
    !(is_kernel_name(one) && of_place(other) || of_place(one) && is_kernel_name(other))
}

/// The devices that must be there for a line's interface: its ports, or itself, or what a VLAN is
/// on.
pub fn needed_devices(network: &NetworkCommand) -> impl Iterator<Item = &str> {
    let hardware = match &network.kind {
        InterfaceKind::Ethernet | InterfaceKind::Vlan { .. } => network.device.as_deref(),
        _ => None,
    };
    network.ports().into_iter().chain(hardware)
}
