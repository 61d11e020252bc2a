//! Where commands write to.

use crate::host::Host;
use crate::journal::{Journal, Lines};
use crate::spec_file::load_spec;
use contract::spec::Spec;
use log::Log;
use std::io::{self, IsTerminal, Write};

/// Prints `text`; a closed pipe is not an error.
pub(super) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Reports an error.
pub(super) fn complain(message: &str) {
    // Only standard error is left.
    let _ = writeln!(io::stderr(), "firstboot: {message}");
}

/// The node's spec; what is wrong with it is reported.
pub(super) fn load_or_complain(host: &Host) -> Option<Spec> {
    load_spec(host).inspect_err(|error| complain(&error.to_string())).ok()
}

/// The places where a run's records go: the journal, and lines for people.
pub(super) fn open_sinks(host: &Host, console: Option<String>) -> Vec<Box<dyn Log>> {
    if !host.live() {
        return vec![Box::new(Lines::Stderr)];
    }
    let mut sinks = vec![Journal::system_sink()];
    if io::stderr().is_terminal() {
        sinks.push(Box::new(Lines::Stderr));
    }
    if let Some(device) = console {
        sinks.push(Box::new(Lines::Device(device)));
    }
    sinks
}
