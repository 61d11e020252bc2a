//! Who hears of requests.

use std::net::IpAddr;

/// Decides about requests, and hears how they were answered.
pub trait RequestWatcher: Send + Sync {
    /// Whether a client may have what is at `path`, whose parts are decoded.
    fn allows(&self, path: &[String], client: IpAddr) -> bool;

    /// A request for `path` was answered by a status.
    fn answered(&self, path: &[String], client: IpAddr, status: u16);
}
