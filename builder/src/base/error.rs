//! The crate's error: one clear message, what to do about it, and the class
//! that decides the exit code.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What went wrong in broad terms; the discriminant is the process exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The build itself failed (a scriptlet, a write).
    Build = 1,
    /// The command line or an input file is wrong.
    Input = 2,
    /// The machine lacks something: a tool, a permission, disk space.
    Environment = 3,
    /// A digest or signature does not match.
    Verification = 4,
    /// The user pressed Ctrl-C or a termination signal arrived.
    Interrupted = 130,
}

/// An error that ends the command. `Display` prints the whole of it: the
/// message (what, where, why), then `hint` (what to do) on a line of its own.
#[derive(Debug)]
pub struct Error {
    /// Decides the exit code.
    pub class: Class,
    /// What, where and why.
    pub message: String,
    /// What the user can do, if there is something.
    pub hint: Option<String>,
    source: Option<Cause>,
}

/// An error underneath, whose text the message already has.
type Cause = Box<dyn StdError + Send + Sync>;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), hint: None, source: None }
    }

    /// [`Class::Build`].
    pub fn build(message: impl Into<String>) -> Self {
        Self::new(Class::Build, message)
    }

    /// [`Class::Input`].
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Class::Input, message)
    }

    /// [`Class::Environment`].
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Class::Environment, message)
    }

    /// [`Class::Verification`].
    pub fn verification(message: impl Into<String>) -> Self {
        Self::new(Class::Verification, message)
    }

    /// [`Class::Interrupted`].
    pub fn interrupted() -> Self {
        Self::new(Class::Interrupted, "interrupted")
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {hint}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Turns any error into the crate's own with a message of what was being done:
/// `fs::read(p).or_build(|| format!("cannot read {}", p.display()))?`. The error stays its
/// source.
pub trait Context<T> {
    /// Fails the build.
    fn or_build(self, what: impl FnOnce() -> String) -> Result<T>;
    /// Blames an input.
    fn or_input(self, what: impl FnOnce() -> String) -> Result<T>;
    /// Blames the machine.
    fn or_environment(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Cause>> Context<T> for Result<T, E> {
    fn or_build(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| caused(Class::Build, what(), e.into()))
    }

    fn or_input(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| caused(Class::Input, what(), e.into()))
    }

    fn or_environment(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| caused(Class::Environment, what(), e.into()))
    }
}

fn caused(class: Class, what: String, source: Cause) -> Error {
    let denied = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied;
    // An input that may not be read is not wrong; the machine does not allow it.
    let class = match class {
        Class::Input if source.downcast_ref().is_some_and(denied) => Class::Environment,
        class => class,
    };
    let message = format!("{what}: {source}");
    Error { source: Some(source), ..Error::new(class, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_kept_and_printed_once() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let text = format!("cannot read x: {missing}");
        let error = Err::<(), _>(missing).or_build(|| "cannot read x".to_owned()).unwrap_err();
        let error = error.hint("make it");
        assert_eq!(error.to_string(), format!("{text}\n  make it"));
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::NotFound));
        assert!(Error::build("alone").source().is_none());
    }

    #[test]
    fn what_may_not_be_read_is_not_an_input_error() {
        let class = |kind: io::ErrorKind| {
            Err::<(), _>(io::Error::from(kind)).or_input(String::new).unwrap_err().class
        };
        assert_eq!(class(io::ErrorKind::PermissionDenied), Class::Environment);
        assert_eq!(class(io::ErrorKind::NotFound), Class::Input);
    }

    #[test]
    fn errors_are_sources_of_each_other() {
        let below = Error::environment("no disk").hint("buy one");
        let error = Err::<(), _>(below).or_input(|| "x".to_owned()).unwrap_err();
        assert_eq!(
            (error.class, error.to_string().as_str()),
            (Class::Input, "x: no disk\n  buy one")
        );
        let below = error.source().and_then(|source| source.downcast_ref::<Error>());
        assert_eq!(below.map(|e| e.class), Some(Class::Environment));
        let text = Err::<(), _>("why".to_owned()).or_build(|| "x".to_owned()).unwrap_err();
        assert_eq!(text.to_string(), "x: why");
    }
}
