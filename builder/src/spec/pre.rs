//! What `%pre` scripts write for the `%include` lines after them: the spec knows when they have to
//! run and for what; who runs them is given.

use crate::base::diagnostic::Diagnostic;
use crate::base::lab::{LabMachine, LabRepository};
use crate::kickstart::FirstPass;
use std::fmt;
use std::rc::Rc;

/// What an installer would have before it runs the scripts.
#[derive(Clone, Copy)]
pub struct PreJob<'a> {
    /// The kickstart's file, for messages.
    pub file: &'a str,
    /// Its text, filled in.
    pub text: &'a str,
    /// Its scripts, and where it has packages from.
    pub first: &'a FirstPass,
    /// The machine whose disks the scripts see.
    pub machine: &'a LabMachine,
    /// The lab's repositories.
    pub repositories: &'a [LabRepository],
}

/// The installer's files after the scripts.
pub trait PreFiles {
    /// The text of the file at an absolute path; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is no kickstart's.
    fn read(&self, path: &str) -> Result<Option<String>, Diagnostic>;
}

/// Runs `%pre` scripts.
pub trait PreRunner: fmt::Debug {
    /// Runs those of one kickstart, or remembers what the same ones have left.
    ///
    /// # Errors
    /// What they or their surroundings failed with.
    fn run(&self, job: &PreJob<'_>) -> Result<Rc<dyn PreFiles>, Diagnostic>;
}
