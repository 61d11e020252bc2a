//! The last answer to a question that is not asked at every check.

use std::time::Duration;

/// The last answer to a question.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The answer.
    pub text: String,
    /// For how long it has been the same.
    pub silent: Duration,
    /// Monotonic time at which it was asked.
    pub(super) asked: Duration,
    /// Monotonic time at which the answer was first this one.
    pub(super) news: Duration,
}
