//! Announce: every step before it succeeded, so the node is ready. The record with
//! the totals is the run's last one.

use super::State;
use crate::host::Host;
use crate::spec::Spec;

pub(super) fn check(host: &Host, spec: &Spec) -> State {
    if !host.live() {
        return State::Skipped("only a running node can be ready".to_owned());
    }
    let (name, role, address) = (&spec.node.name, spec.node.role.as_str(), spec.node.address);
    State::Met(format!("{name} ({role}) is ready at {address}"))
}
