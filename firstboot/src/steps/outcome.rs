//! What checking a step finds.

use crate::host::Fault;

/// What a look at the world shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As wanted; the evidence.
    Met(String),
    /// Not as wanted, and `Step::apply` can change it; what is wrong.
    Unmet(String),
    /// Not as wanted, but about to change by itself; what is waited for.
    Waiting(String),
    /// Not as wanted, and nothing here can change it.
    Impossible(Fault),
    /// Not for this node as it is, or cannot be judged in a directory tree; why.
    Skipped(String),
}
