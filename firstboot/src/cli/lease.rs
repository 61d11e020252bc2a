//! `firstboot lease`, which a proof runs on the computes.

use super::exit_codes::{FAILED, READY, USAGE};
use super::output::{complain, print};
use crate::services::dhcp;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Lease {
    /// The interface.
    device: String,
    /// Its hardware address.
    mac: String,
}

pub(super) fn show(args: &Lease) -> u8 {
    let bytes: Option<Vec<u8>> =
        args.mac.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let Some(mac) = bytes.and_then(|bytes| bytes.try_into().ok()) else {
        complain(&format!("{} is not a hardware address", args.mac));
        return USAGE;
    };
    match dhcp::ask(&args.device, mac) {
        Ok(lease) => {
            let router = lease.router.map_or_else(|| "-".to_owned(), |router| router.to_string());
            let mtu = lease.mtu.unwrap_or(1500);
            print(&format!("{}/{} {router} {mtu} {}\n", lease.address, lease.prefix, lease.server));
            READY
        }
        Err(error) => {
            complain(&error.to_string());
            FAILED
        }
    }
}
