//! How a part of a proof ended.

use crate::host::Fault;

/// How a part of a proof ended well; a [`Fault`] is the other end.
pub(super) enum Verdict {
    /// It works; the evidence.
    Proven(String),
    /// It was not tried; why.
    Skipped(String),
}

/// How a part of a proof ended.
pub(super) type Proved = Result<Verdict, Fault>;

/// The verdict where something that a part needs is missing.
pub(super) fn not_tried(missing: &str) -> Proved {
    Ok(Verdict::Skipped(format!("not tried, as there is no {missing}")))
}
