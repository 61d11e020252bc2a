//! `firstboot run` and `retry`.

use super::exit_codes::{BUSY, CONFIG, FAILED, IO, READY, USAGE};
use super::output::{open_sinks, print};
use crate::engine;
use crate::host::Host;
use crate::host::files::Lock;
use crate::journal::{Event, Journal, RUN, id};
use crate::spec_file::load_spec;
use crate::state::DIRECTORY;
use crate::steps::Step;
use contract::status::{Readiness, StepState};
use std::io;
use std::time::Duration;

/// Runs every step, or one again with what depends on it.
pub(super) fn run_steps(host: &Host, console: Option<String>, again: Option<Step>) -> u8 {
    let sinks = open_sinks(host, console);
    let spec = match load_spec(host) {
        Ok(spec) => spec,
        Err(error) => {
            let hint = Some("fix the node's spec, then `systemctl restart firstboot`");
            record_refusal(&Journal::new(None, sinks), error.to_string(), hint);
            return CONFIG;
        }
    };
    let journal = Journal::new(Some(&spec), sinks);
    let _lock = match take_lock(host, DIRECTORY) {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            record_refusal(&journal, "another firstboot is running".to_owned(), None);
            return BUSY;
        }
        Err(error) => {
            record_refusal(&journal, error.to_string(), None);
            return IO;
        }
    };
    if let Some(step) = again.filter(|step| !Step::of(&spec).contains(step)) {
        record_refusal(&journal, format!("this node has no step {}", step.name()), None);
        return USAGE;
    }
    let done = match again {
        Some(step) => engine::retry_step(host, &spec, &journal, &Step::bounds, step),
        None => engine::run_all(host, &spec, &journal, &Step::bounds),
    };
    match done {
        Ok(state) => {
            let own = state.steps.iter().find(|s| again.is_some_and(|step| step.name() == s.name));
            own.inspect(|step| print(&outcome(step)));
            if state.readiness() == Readiness::Failed { FAILED } else { READY }
        }
        Err(error) => {
            record_refusal(&journal, format!("the state file: {error}"), None);
            IO
        }
    }
}

/// What a step that was run again says.
fn outcome(step: &StepState) -> String {
    let hint = step.hint.as_ref().map_or_else(String::new, |hint| format!("  hint: {hint}\n"));
    format!("{} {}: {}\n{hint}", step.name, step.outcome.as_str(), step.message)
}

/// Takes the lock on `directory`. A process that reads a run's state holds it for a moment,
/// and is waited for.
pub(super) fn take_lock(host: &Host, directory: &str) -> io::Result<Option<Lock>> {
    for _ in 0..10 {
        if let Some(lock) = host.lock(directory)? {
            return Ok(Some(lock));
        }
        host.clock().sleep(Duration::from_millis(50));
    }
    host.lock(directory)
}

/// Records why a run did not start or end as it should.
fn record_refusal(journal: &Journal, message: String, hint: Option<&str>) {
    let event = Event::new(id::NODE_FAILED, RUN, message);
    journal.record(&Event { outcome: "failed", hint, ..event });
}
