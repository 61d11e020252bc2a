//! The engine: for each step look, change, look again, until it is as wanted or its
//! bounds are reached; one journal record and one state file for each transition.

use crate::host::{Host, clock};
use crate::journal::{Event, Journal, RUN, id};
use crate::spec::Spec;
use crate::state::{Outcome, Readiness, RunState};
use crate::steps::{Bounds, Fault, State, Step};
use std::io;
use std::time::Duration;

/// Time between two looks while waiting.
const POLL: Duration = Duration::from_secs(1);
/// A wait that goes on is told again after this long.
const REMIND: Duration = Duration::from_secs(30);
/// Longest pause before another attempt.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// How a step ended.
struct Ending {
    outcome: Outcome,
    message: String,
    remedy: Option<String>,
}

/// What a look at the world calls for.
enum Next {
    Apply(String),
    Wait(String),
    LookAgain(Fault),
    End(Ending),
}

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
    let state = RunState::new(spec, host.boot_id(), now);
    let mut engine =
        Engine { host, spec, journal, began: host.clock().monotonic(), state, saved: Ok(()) };
    engine.begin();
    for (index, step) in Step::of(spec).into_iter().enumerate() {
        Turn { step, index, bounds: bounds(step), began: host.clock().monotonic(), attempts: 0 }
            .take(&mut engine);
    }
    engine.finish();
    engine.saved.map(|()| engine.state)
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

impl Engine<'_> {
    fn save(&mut self) {
        if let Err(error) = self.state.save(self.host)
            && self.saved.is_ok()
        {
            self.saved = Err(error);
        }
    }

    fn begin(&mut self) {
        self.save();
        let count = self.state.steps.len();
        let message = format!(
            "firstboot {} begins: {count} steps for {} ({})",
            env!("CARGO_PKG_VERSION"),
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
        let totals = format!("{changed} steps changed, {unchanged} unchanged, {seconds:.1} s");
        let name = &self.spec.node.name;
        match self.state.readiness() {
            Readiness::Ready => {
                let nothing = if changed == 0 { "; nothing had to be changed" } else { "" };
                let message = format!("node {name} is ready: {totals}{nothing}");
                self.record_run(id::NODE_READY, "ready", message, None);
            }
            Readiness::Failed => {
                let bad: Vec<&str> = self
                    .state
                    .steps
                    .iter()
                    .filter(|step| step.outcome == Outcome::Failed)
                    .map(|step| step.name.as_str())
                    .collect();
                let message =
                    format!("node {name} is not ready: {} failed; {totals}", bad.join(", "));
                let remedy =
                    "mend what `firstboot status` names, then `systemctl restart firstboot`";
                self.record_run(id::NODE_FAILED, "failed", message, Some(remedy));
            }
            Readiness::Working => {
                let skipped = count(Outcome::Skipped);
                let message = format!("folder tree done: {totals}, {skipped} need a running node");
                self.record_run(id::STEP_DONE, "skipped", message, None);
            }
        }
    }

    fn record_run(&self, id: &'static str, outcome: &str, message: String, remedy: Option<&str>) {
        let duration = self.host.clock().monotonic() - self.began;
        self.journal.record(&Event {
            id,
            step: RUN,
            outcome,
            duration,
            attempt: 0,
            remedy,
            message,
        });
    }

    /// The first step that `step` needs and that has no success, if any.
    fn blocker(&self, step: Step) -> Option<Step> {
        step.needs().iter().copied().find(|need| {
            let state = self.state.steps.iter().find(|state| state.name == need.name());
            // A step that this node does not have blocks nothing.
            state.is_some_and(|state| !state.outcome.met() && state.outcome != Outcome::Skipped)
        })
    }
}

/// One step's turn.
struct Turn {
    step: Step,
    index: usize,
    bounds: Bounds,
    /// Monotonic time at which it began.
    began: Duration,
    attempts: u32,
}

impl Turn {
    fn take(mut self, engine: &mut Engine) {
        let step = self.step;
        if let Some(blocker) = engine.blocker(step) {
            let message = format!("not tried: it needs step {}, which failed", blocker.name());
            let remedy = Some(format!("mend step {} first", blocker.name()));
            let ending = Ending { outcome: Outcome::Blocked, message, remedy };
            return self.end(engine, ending);
        }
        self.note(
            engine,
            Outcome::Working,
            format!("step {} begins", step.name()),
            id::STEP_STARTED,
        );
        let ending = self.work(engine);
        self.end(engine, ending);
    }

    /// Look, change, look again.
    fn work(&mut self, engine: &mut Engine) -> Ending {
        let mut changes: Vec<String> = Vec::new();
        let mut told: Option<Duration> = None;
        let mut looks_failed = 0;
        let mut last_fault: Option<Fault> = None;
        loop {
            match self.look(engine, &changes) {
                Next::End(ending) => return ending,
                Next::Wait(what) => {
                    if self.elapsed(engine) >= self.bounds.deadline {
                        return self.out_of_time(engine, &what);
                    }
                    self.remind(engine, &what, &mut told);
                    engine.host.clock().sleep(POLL);
                }
                Next::LookAgain(fault) => {
                    looks_failed += 1;
                    if looks_failed >= self.bounds.attempts || self.late(engine, looks_failed) {
                        return self.failed(engine, fault);
                    }
                    self.pause(engine, looks_failed, &fault.message);
                }
                Next::Apply(wrong) => {
                    if self.attempts >= self.bounds.attempts || self.late(engine, self.attempts) {
                        let tries = self.attempts;
                        let fault = last_fault.take().unwrap_or_else(|| {
                            Fault::new(format!("still wrong after {tries} attempts: {wrong}"))
                        });
                        return self.failed(engine, fault);
                    }
                    if self.attempts > 0 {
                        self.pause(engine, self.attempts, &wrong);
                    }
                    self.attempts += 1;
                    last_fault = None;
                    match self.step.apply(engine.host, engine.spec) {
                        Ok(done) => changes.extend(done),
                        Err(fault) => last_fault = Some(fault),
                    }
                }
            }
        }
    }

    fn look(&self, engine: &Engine, changes: &[String]) -> Next {
        match self.step.check(engine.host, engine.spec) {
            Err(fault) => Next::LookAgain(fault),
            Ok(State::Unmet(wrong)) => Next::Apply(wrong),
            Ok(State::Waiting(what)) => Next::Wait(what),
            Ok(State::Impossible(fault)) => Next::End(self.failed(engine, fault)),
            Ok(State::Met(evidence)) if self.attempts == 0 => {
                Next::End(Ending { outcome: Outcome::Unchanged, message: evidence, remedy: None })
            }
            Ok(State::Met(evidence)) => {
                let message = with_changes(&evidence, changes);
                Next::End(Ending { outcome: Outcome::Changed, message, remedy: None })
            }
            Ok(State::Skipped(why)) => {
                let message = with_changes(&why, changes);
                Next::End(Ending { outcome: Outcome::Skipped, message, remedy: None })
            }
        }
    }

    fn elapsed(&self, engine: &Engine) -> Duration {
        engine.host.clock().monotonic() - self.began
    }

    /// Whether the pause before try `tries + 1` would go beyond the deadline.
    fn late(&self, engine: &Engine, tries: u32) -> bool {
        tries > 0 && self.elapsed(engine) + pause(tries) >= self.bounds.deadline
    }

    fn pause(&self, engine: &mut Engine, tries: u32, why: &str) {
        let (pause, name) = (pause(tries), self.step.name());
        let message = format!("{name} again in {} s: {why}", pause.as_secs());
        self.note(engine, Outcome::Working, message, id::STEP_RETRY);
        engine.host.clock().sleep(pause);
    }

    /// Tells what is waited for, at the beginning and then every [`REMIND`].
    fn remind(&self, engine: &mut Engine, what: &str, told: &mut Option<Duration>) {
        let elapsed = self.elapsed(engine);
        if told.is_some_and(|told| elapsed < told + REMIND) {
            return;
        }
        *told = Some(elapsed);
        let message = format!(
            "waiting for {what}; {} s so far, at most {} s",
            elapsed.as_secs(),
            self.bounds.deadline.as_secs()
        );
        self.note(engine, Outcome::Waiting, message, id::STEP_WAITING);
    }

    fn out_of_time(&self, engine: &Engine, what: &str) -> Ending {
        let seconds = self.bounds.deadline.as_secs();
        self.failed(engine, Fault::new(format!("waited {seconds} s in vain for {what}")))
    }

    fn failed(&self, engine: &Engine, fault: Fault) -> Ending {
        let remedy = fault.remedy.unwrap_or_else(|| self.step.remedy(engine.spec));
        Ending { outcome: Outcome::Failed, message: fault.message, remedy: Some(remedy) }
    }

    /// Notes a transition within the turn in state file and journal.
    fn note(&self, engine: &mut Engine, outcome: Outcome, message: String, id: &'static str) {
        let ending = Ending { outcome, message, remedy: None };
        let word = match id {
            id::STEP_STARTED => "started",
            id::STEP_RETRY => "retry",
            _ => outcome.as_str(),
        };
        self.transition(engine, ending, id, word);
    }

    fn end(&self, engine: &mut Engine, ending: Ending) {
        let id = match ending.outcome {
            Outcome::Failed => id::STEP_FAILED,
            Outcome::Blocked => id::STEP_BLOCKED,
            _ => id::STEP_DONE,
        };
        let word = ending.outcome.as_str();
        self.transition(engine, ending, id, word);
    }

    fn transition(&self, engine: &mut Engine, ending: Ending, id: &'static str, word: &str) {
        let duration = self.elapsed(engine);
        let now = clock::rfc3339(engine.host.clock().wall());
        let state = &mut engine.state.steps[self.index];
        if state.outcome != ending.outcome {
            state.since = now;
        }
        state.outcome = ending.outcome;
        state.seconds = (duration.as_secs_f64() * 1000.0).round() / 1000.0;
        state.attempts = self.attempts;
        state.message.clone_from(&ending.message);
        state.remedy.clone_from(&ending.remedy);
        engine.save();
        engine.journal.record(&Event {
            id,
            step: self.step.name(),
            outcome: word,
            duration,
            attempt: self.attempts,
            remedy: ending.remedy.as_deref(),
            message: ending.message,
        });
    }
}

/// The pause after `tries` tries: 1, 2, 4, 8, 15, 15 … s.
fn pause(tries: u32) -> Duration {
    let doubled = 1u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(MAX_PAUSE)
}

fn with_changes(evidence: &str, changes: &[String]) -> String {
    if changes.is_empty() {
        return evidence.to_owned();
    }
    format!("{evidence} (changed: {})", changes.join(", "))
}
