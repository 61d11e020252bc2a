//! A cause that is known.

/// A cause that is known.
pub struct Cause {
    /// What is wrong, as the end of "nova01 (192.168.1.11): …".
    pub what: String,
    /// What helps.
    pub hint: String,
}

impl Cause {
    /// That `what` is wrong, and what helps.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Cause {
        Cause { what: what.into(), hint: hint.into() }
    }
}
