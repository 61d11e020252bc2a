//! The files that come with the binary, and where imgbuild puts them on a node.

/// Where the binary goes.
pub const BINARY_PATH: &str = "/usr/bin/firstboot";
/// Where the unit goes.
pub const UNIT_PATH: &str = "/usr/lib/systemd/system/firstboot.service";
/// The unit, to be enabled: it is wanted by `multi-user.target`.
pub const UNIT: &str = include_str!("../assets/firstboot.service");
/// What enabling the unit makes: a symbolic link here to [`UNIT_PATH`].
pub const UNIT_LINK: &str = "/etc/systemd/system/multi-user.target.wants/firstboot.service";
/// Where the unit of the service for the other nodes goes.
pub const PEERS_UNIT_PATH: &str = "/usr/lib/systemd/system/firstboot-peers.service";
/// That unit, to be enabled likewise.
pub const PEERS_UNIT: &str = include_str!("../assets/firstboot-peers.service");
/// What enabling it makes: a symbolic link here to [`PEERS_UNIT_PATH`].
pub const PEERS_UNIT_LINK: &str =
    "/etc/systemd/system/multi-user.target.wants/firstboot-peers.service";
/// Where the unit that checks what begins with OpenStack goes.
pub const WATCH_UNIT_PATH: &str = "/usr/lib/systemd/system/firstboot-watch.service";
/// That unit, to be enabled likewise.
pub const WATCH_UNIT: &str = include_str!("../assets/firstboot-watch.service");
/// What enabling it makes: a symbolic link here to [`WATCH_UNIT_PATH`].
pub const WATCH_UNIT_LINK: &str =
    "/etc/systemd/system/multi-user.target.wants/firstboot-watch.service";
/// Where the message catalogue goes; imgbuild runs `journalctl --update-catalog` then.
pub const CATALOG_PATH: &str = "/usr/lib/systemd/catalog/firstboot.catalog";
/// The message catalogue: what `journalctl -x` adds to each record.
pub const CATALOG: &str = include_str!("../assets/firstboot.catalog");
/// Where what a login runs goes.
pub const LOGIN_PATH: &str = "/etc/profile.d/firstboot.sh";
/// What an interactive login runs: it prints a line of the node's status.
pub const LOGIN: &str = include_str!("../assets/firstboot.sh");
