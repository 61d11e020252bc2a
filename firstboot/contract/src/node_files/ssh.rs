//! Root's ssh keys.

use std::net::Ipv4Addr;

/// The directory of root's ssh keys, mode 0700.
pub const ROOT_SSH: &str = "/root/.ssh";
/// The keys that may log in as root, mode 0600.
pub const AUTHORIZED_KEYS: &str = "/root/.ssh/authorized_keys";
/// The key with which packstack reaches every host, mode 0600.
pub const ROOT_KEY: &str = "/root/.ssh/id_rsa";

/// The line of [`AUTHORIZED_KEYS`] for the lab's own key, whose public part is `public`
/// (sshd(8), AUTHORIZED_KEYS FILE FORMAT): it logs in from the `controllers` alone, as packstack
/// does, and does not lead on to other machines. The public part is in it unchanged, as
/// packstack looks for that and adds it where it is not.
pub fn lab_key_line(controllers: &[Ipv4Addr], public: &str) -> String {
    let from: Vec<String> = controllers.iter().map(Ipv4Addr::to_string).collect();
    let from = from.join(",");
    let public = public.trim_end();
    format!("from=\"{from}\",no-agent-forwarding,no-port-forwarding,no-X11-forwarding {public}\n")
}
