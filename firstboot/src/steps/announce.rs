//! Announce: every step before it succeeded, so the node is ready. The record with
//! the totals is the run's last one.

use super::outcome::CheckOutcome;
use super::packstack;
use crate::host::Fault;
use crate::host::Host;
use contract::spec::Spec;

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    if !host.live() {
        return Ok(CheckOutcome::Skipped("only a running node can be ready".to_owned()));
    }
    let (name, role, address) = (&spec.node.name, spec.node.role.as_str(), spec.node.address);
    let without = spec.packstack.is_some() && packstack::installed(host)?.is_none();
    let without = if without { ", without OpenStack" } else { "" };
    Ok(CheckOutcome::Met(format!("{name} ({role}) is ready at {address}{without}")))
}
