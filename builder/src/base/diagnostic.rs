//! What is wrong with, or doubtful about, input files: where, what, and what is allowed. All
//! of it is collected and shown together.

use super::place::Place;
use crate::base::error::Error;
use std::fmt;

/// How much a diagnostic weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The input is refused.
    #[default]
    Error,
    /// Allowed, but worth a note.
    Warning,
}

/// One thing about an input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where it is.
    pub place: Place,
    /// Whether the input is refused for it.
    pub severity: Severity,
    /// Key path in a TOML file (`node[1].address`); absent elsewhere.
    pub key: Option<String>,
    /// What it is.
    pub message: String,
    /// What is allowed or what to do.
    pub hint: Option<String>,
    /// Whether the machine does not let the file be read, so that nothing is known of it.
    pub denied: bool,
}

impl Diagnostic {
    /// An error at a place of a file.
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), ..Self::default() }
    }

    /// A warning about a place of a file.
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    /// An error that no line of a file shows.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self::error(Place::of_file(file), message)
    }

    /// Adds the key path.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Adds what is allowed or what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks it as the machine's refusal.
    #[must_use]
    pub fn denied(mut self, denied: bool) -> Self {
        self.denied = denied;
        self
    }

    /// Line and column, by which the diagnostics of a file are ordered.
    pub fn position(&self) -> (usize, usize) {
        (self.place.line, self.place.column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.file.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        for line in self.hint.iter().flat_map(|h| h.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// Everything found, in the order of files and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds those that are not yet there: several nodes show the same ones.
    pub fn extend_new(&mut self, new: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in new {
            if !self.0.contains(&diagnostic) {
                self.0.push(diagnostic);
            }
        }
    }

    /// Whether the input is refused.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// The errors, without the warnings.
    #[must_use]
    pub fn into_errors(mut self) -> Self {
        self.0.retain(|d| d.severity == Severity::Error);
        self
    }

    /// The warnings, unless there are errors.
    ///
    /// # Errors
    /// The errors, without the warnings.
    pub fn into_warnings(self) -> Result<Vec<Diagnostic>, Self> {
        if self.has_errors() { Err(self.into_errors()) } else { Ok(self.0) }
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, new: T) {
        self.0.extend(new);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        let mut errors = diagnostics.0.iter().filter(|d| d.severity == Severity::Error);
        match errors.any(|d| !d.denied) {
            true => Self::input(diagnostics.to_string()),
            false => Self::environment(diagnostics.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_shows_place_key_and_hint() {
        let error = Diagnostic::error(Place::new("lab.toml", 3, 7), "not an address")
            .key("network.gateway")
            .hint("four numbers");
        assert_eq!(
            Diagnostics(vec![error, Diagnostic::of_file("x.ks", "not found")]).to_string(),
            "lab.toml:3:7: network.gateway: not an address\n  four numbers\nx.ks: not found"
        );
    }

    #[test]
    fn warnings_alone_refuse_nothing() {
        let warning = Diagnostic::warning(Place::of_file("a"), "doubtful");
        let error = Diagnostic::of_file("a", "wrong");
        let mut found = Diagnostics(vec![warning.clone()]);
        assert_eq!(found.clone().into_warnings(), Ok(vec![warning.clone()]));
        found.extend_new([warning, error.clone(), error.clone()]);
        assert!(found.has_errors() && found.0.len() == 2);
        assert_eq!(found.into_warnings(), Err(Diagnostics(vec![error])));
    }
}
