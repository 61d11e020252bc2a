//! What checking a step finds.

use crate::host::Fault;

/// What a check of the node shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// In the desired state; the evidence.
    Met(String),
    /// Not in the desired state, and `Step::apply` can change it; what is wrong.
    Unmet(String),
    /// As [`CheckOutcome::Unmet`] after something that failed: why, and what helps if
    /// trying again does not.
    Failed(Fault),
    /// Not in the desired state, but about to change by itself; what is waited for.
    Waiting(String),
    /// Not in the desired state, and nothing here can change it.
    Impossible(Fault),
    /// Not for this node as it is, or cannot be checked in a directory tree; why.
    Skipped(String),
}
