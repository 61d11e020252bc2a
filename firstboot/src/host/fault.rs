//! A failure of something that was to be done on the node.

use super::process::Program;
use std::fmt;
use std::io;

/// A failure in words: what and, where known, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What went wrong, with the command or the file.
    pub message: String,
    /// What the reader can do.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// `program` could not be started.
    pub(super) fn not_started(program: &Program, error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::NotFound => {
                Fault::new(format!("there is no program `{}` on this node", program.name))
                    .hint(format!("install the package that holds `{}`", program.name))
            }
            _ => Fault::new(format!("`{program}` cannot be run: {error}")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::new(error.to_string())
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Fault {
        Fault::new(message)
    }
}
