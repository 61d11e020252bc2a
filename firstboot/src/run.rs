//! The engine: for each step look, change, look again, until it is as wanted or its
//! bounds are reached; one journal record and one state file for each transition.

mod turn;

use crate::host::{Host, Note, clock};
use crate::journal::{Event, Journal, RUN, id};
use crate::state::RunState;
use crate::steps::{Bounds, Step};
use contract::spec::Spec;
use contract::status::{Outcome, Readiness};
use std::io;
use std::time::Duration;
use turn::Turn;

/// Runs every step of the node and returns how they ended.
///
/// `bounds` gives each step's limits, [`Step::bounds`] outside of tests.
///
/// # Errors
/// When the state file cannot be written. The steps have run all the same.
pub fn run(
    host: &Host,
    spec: &Spec,
    journal: &Journal,
    bounds: &dyn Fn(Step) -> Bounds,
) -> io::Result<RunState> {
    let now = clock::rfc3339(host.clock().wall());
    let state = RunState::new(spec, host, now);
    Engine::new(host, spec, journal, state).work(&Step::of(spec), bounds)
}

/// Runs `step` again and what depends on it; every other step keeps its result of this
/// boot's run. Without such a run every step is run.
///
/// # Errors
/// As [`run`]; also when the state file cannot be read.
pub fn retry(
    host: &Host,
    spec: &Spec,
    journal: &Journal,
    bounds: &dyn Fn(Step) -> Bounds,
    step: Step,
) -> io::Result<RunState> {
    let known = RunState::load(host)?.filter(|state| {
        let names = state.steps.iter().map(|step| step.name.as_str());
        state.boot_id == host.boot_id() && names.eq(Step::of(spec).into_iter().map(Step::name))
    });
    let Some(state) = known else { return run(host, spec, journal, bounds) };
    let mut again: Vec<Step> = Vec::new();
    for one in Step::of(spec) {
        if one == step || one.needs().iter().any(|need| again.contains(need)) {
            again.push(one);
        }
    }
    Engine::new(host, spec, journal, state).work(&again, bounds)
}

/// A run under way.
struct Engine<'a> {
    host: &'a Host,
    spec: &'a Spec,
    journal: &'a Journal,
    /// Monotonic time at which the run began.
    began: Duration,
    state: RunState,
    /// The first error of writing the state file.
    saved: io::Result<()>,
}

impl<'a> Engine<'a> {
    fn new(host: &'a Host, spec: &'a Spec, journal: &'a Journal, state: RunState) -> Engine<'a> {
        Engine { host, spec, journal, began: host.clock().monotonic(), state, saved: Ok(()) }
    }

    fn work(mut self, steps: &[Step], bounds: &dyn Fn(Step) -> Bounds) -> io::Result<RunState> {
        self.begin(steps);
        for (index, step) in Step::of(self.spec).into_iter().enumerate() {
            if steps.contains(&step) {
                Turn::new(step, index, bounds(step), self.host).take(&mut self);
            }
        }
        self.finish();
        self.saved.map(|()| self.state)
    }

    fn save(&mut self) {
        if let Err(error) = self.state.save(self.host)
            && self.saved.is_ok()
        {
            self.saved = Err(error);
        }
    }

    fn begin(&mut self, steps: &[Step]) {
        for (index, step) in Step::of(self.spec).into_iter().enumerate() {
            if steps.contains(&step) {
                self.state.steps[index] = contract::status::StepState::pending(step.name());
            }
        }
        self.save();
        let message = format!(
            "firstboot {} begins: {} steps for {} ({})",
            env!("CARGO_PKG_VERSION"),
            steps.len(),
            self.spec.node.name,
            self.spec.node.role.as_str(),
        );
        self.record_run(id::RUN_STARTED, "started", message, None);
    }

    /// The last record: ready with totals, or what is in the way.
    fn finish(&mut self) {
        let count = |outcome: Outcome| {
            self.state.steps.iter().filter(|step| step.outcome == outcome).count()
        };
        let seconds = (self.host.clock().monotonic() - self.began).as_secs_f64();
        let (changed, unchanged) = (count(Outcome::Changed), count(Outcome::Unchanged));
        let skipped = count(Outcome::Skipped);
        let totals = format!("{changed} steps changed, {unchanged} unchanged, {seconds:.1} s");
        let name = &self.spec.node.name;
        match self.state.readiness() {
            Readiness::Ready => {
                let nothing = if changed == 0 { "; nothing had to be changed" } else { "" };
                let without =
                    if skipped == 0 { String::new() } else { format!("; {skipped} skipped") };
                let message = format!("node {name} is ready: {totals}{without}{nothing}");
                self.record_run(id::NODE_READY, "ready", message, None);
            }
            Readiness::Failed => {
                let failed = self.state.steps.iter().filter(|s| s.outcome == Outcome::Failed);
                let bad: Vec<&str> = failed.map(|step| step.name.as_str()).collect();
                let message =
                    format!("node {name} is not ready: {} failed; {totals}", bad.join(", "));
                let hint = format!(
                    "mend what `firstboot status` names, then `firstboot retry {}`",
                    bad.first().copied().unwrap_or("STEP")
                );
                self.record_run(id::NODE_FAILED, "failed", message, Some(&hint));
            }
            Readiness::Working => {
                let message = format!("folder tree done: {totals}, {skipped} need a running node");
                self.record_run(id::STEP_DONE, "skipped", message, None);
            }
        }
    }

    fn record_run(&self, id: &'static str, outcome: &str, message: String, hint: Option<&str>) {
        let duration = self.host.clock().monotonic() - self.began;
        self.journal.record(&Event { outcome, duration, hint, ..Event::new(id, RUN, message) });
    }

    /// Takes up what a step has noted beside its result.
    fn take_notes(&mut self, step: Step, duration: Duration) {
        for note in self.host.take_notes() {
            let (id, outcome, message, about) = match note {
                Note::Output { program, line } => (id::OUTPUT, "output", line, program),
                Note::Service(service) => {
                    let message = format!("{}: {}", service.name, service.evidence);
                    let outcome = if service.ok { "answers" } else { "fails" };
                    let name = service.name.clone();
                    self.state.note_service(service);
                    (id::SERVICE, outcome, message, name)
                }
            };
            let message = self.host.redact(&message);
            let event = Event::new(id, step.name(), message);
            self.journal.record(&Event { outcome, duration, about: Some(&about), ..event });
        }
    }

    /// The first step that `step` needs and that has no success, if any.
    fn blocker(&self, step: Step) -> Option<Step> {
        step.needs().iter().copied().find(|need| {
            let state = self.state.steps.iter().find(|state| state.name == need.name());
            // A step that this node does not have blocks nothing.
            state.is_some_and(|state| !state.outcome.is_met() && state.outcome != Outcome::Skipped)
        })
    }
}
