//! Addresses and routes, changed by `ip`.

use crate::host::{Fault, Host, Program};
use contract::node_files as files;

/// Runs `ip` with `args`.
pub fn ip(host: &Host, args: &[&str]) -> Result<(), Fault> {
    host.run_checked(&Program::new("ip").args(args.iter().copied()))
}

/// The routes of the device's file, which went with the address of the other one.
pub fn static_routes(host: &Host, device: &str) -> Result<(), Fault> {
    let text = host.read(&files::route_path(device))?.unwrap_or_default();
    let keys = files::assignments(&text);
    let key = |name: &str, number: usize| keys.get(&format!("{name}{number}"));
    for number in 0.. {
        let (Some(to), Some(mask)) = (key("ADDRESS", number), key("NETMASK", number)) else {
            break;
        };
        let to = format!("{to}/{mask}");
        let via = key("GATEWAY", number).map(|via| ["via", via.as_str()]);
        let words = ["route", "replace", to.as_str()].into_iter().chain(via.into_iter().flatten());
        ip(host, &words.chain(["dev", device]).collect::<Vec<_>>())?;
    }
    Ok(())
}
