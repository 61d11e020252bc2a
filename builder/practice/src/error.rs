//! Why no medium could be created: a message, a hint, and the class of the error.

use std::fmt;

/// What went wrong in broad terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A package cannot be converted or written.
    Build,
    /// The machine lacks something: apt-get, its mirror, disk space.
    Environment,
    /// The caller asked to stop.
    Cancelled,
}

/// An error; `Display` shows the message alone.
#[derive(Debug)]
pub struct Error {
    /// In broad terms.
    pub cause: Cause,
    /// What, where and why.
    pub message: String,
    /// What the user can do, if there is something.
    pub hint: Option<&'static str>,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), hint: None }
    }

    pub(crate) fn build(message: impl Into<String>) -> Self {
        Self::new(Cause::Build, message)
    }

    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self::new(Cause::Environment, message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Cause::Cancelled, "interrupted")
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Turns any error into this crate's with a message of what was being done.
pub(crate) trait Context<T> {
    /// Fails the build.
    fn or_build(self, what: impl FnOnce() -> String) -> Result<T>;
    /// Blames the machine.
    fn or_environment(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn or_build(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::build(format!("{}: {e}", what())))
    }

    fn or_environment(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::environment(format!("{}: {e}", what())))
    }
}
