//! A run under way: what its steps share.

use crate::host::{Host, Note};
use crate::journal::{Event, Journal, RUN, id};
use crate::state::RunState;
use crate::steps::Step;
use contract::spec::Spec;
use contract::status::Outcome;
use std::io;
use std::time::Duration;

/// A run under way.
pub(super) struct RunContext<'a> {
    pub(super) host: &'a Host,
    pub(super) spec: &'a Spec,
    pub(super) journal: &'a Journal,
    /// Monotonic time at which the run began.
    pub(super) began: Duration,
    /// Seconds since the boot's run began, of which this may do some steps again.
    pub(super) age: f64,
    pub(super) state: RunState,
    /// The first error of writing the state file.
    pub(super) saved: io::Result<()>,
}

impl<'a> RunContext<'a> {
    pub(super) fn new(
        host: &'a Host,
        spec: &'a Spec,
        journal: &'a Journal,
        state: RunState,
    ) -> RunContext<'a> {
        let began = host.clock().monotonic();
        let age = host.uptime().zip(state.uptime).map_or(0.0, |(now, then)| (now - then).max(0.0));
        RunContext { host, spec, journal, began, age, state, saved: Ok(()) }
    }

    pub(super) fn save(&mut self) {
        if let Err(error) = self.state.save(self.host)
            && self.saved.is_ok()
        {
            self.saved = Err(error);
        }
    }

    pub(super) fn record_run(
        &self,
        id: &'static str,
        outcome: &str,
        message: String,
        hint: Option<&str>,
    ) {
        let duration = self.host.clock().monotonic() - self.began;
        self.journal.record(&Event { outcome, duration, hint, ..Event::new(id, RUN, message) });
    }

    /// Records what a step has noted in addition to its result.
    pub(super) fn record_notes(&mut self, step: Step, duration: Duration) {
        for note in self.host.take_notes() {
            let (id, outcome, message, about) = match note {
                Note::Switch(switch) => {
                    // The other nodes wait for it, and not for the step's next record.
                    if self.state.switch != switch {
                        self.state.switch = switch;
                        self.save();
                    }
                    continue;
                }
                Note::Output { program, line } => (id::OUTPUT, "output", line, program),
                Note::Service(service) => {
                    let message = format!("{}: {}", service.name, service.evidence);
                    let outcome = if service.ok { "answers" } else { "fails" };
                    let name = service.name.clone();
                    // A wait asks each second: what is known is not recorded again.
                    if !self.state.record_service(service) {
                        continue;
                    }
                    (id::SERVICE, outcome, message, name)
                }
            };
            let message = self.host.redact(&message);
            let event = Event::new(id, step.name(), message);
            self.journal.record(&Event { outcome, duration, about: Some(&about), ..event });
        }
    }

    /// The first step that `step` needs and that has no success, if any.
    pub(super) fn find_blocker(&self, step: Step) -> Option<Step> {
        step.needs().iter().copied().find(|need| {
            let state = self.state.steps.iter().find(|state| state.name == need.name());
            // A step that this node does not have blocks nothing.
            state.is_some_and(|state| !state.outcome.is_met() && state.outcome != Outcome::Skipped)
        })
    }
}
