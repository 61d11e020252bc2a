//! Announce: every step before it succeeded, so the node is ready. The record with
//! the totals is the run's last one.

use super::State;
use crate::spec::Spec;

pub(super) fn check(spec: &Spec) -> State {
    let (name, role, address) = (&spec.node.name, spec.node.role.as_str(), spec.node.address);
    State::Met(format!("{name} ({role}) is ready at {address}"))
}
