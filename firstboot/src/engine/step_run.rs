//! One step's run: check, change, check again, with pauses and limits.

use super::run_context::RunContext;
use crate::host::{Fault, Host};
use crate::journal::{Event, id};
use crate::steps::{Bounds, CheckOutcome, Step};
use contract::status::Outcome;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Time between two checks while waiting.
const POLL: Duration = Duration::from_secs(1);
/// A wait that goes on is reported again after this long.
const REMIND: Duration = Duration::from_secs(30);
/// What is waited for may change with every check; it is reported at most this often.
const NEWS: Duration = Duration::from_secs(5);
/// Longest pause before another attempt, without jitter.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// How a step ended.
struct Ending {
    outcome: Outcome,
    message: String,
    hint: Option<String>,
}

/// What a check of the node calls for.
enum Next {
    Apply(Fault),
    Wait(String),
    CheckAgain(Fault),
    End(Ending),
}

/// One step being run.
pub(super) struct StepRun {
    step: Step,
    index: usize,
    bounds: Bounds,
    /// Monotonic time at which it began.
    began: Duration,
    attempts: u32,
}

impl StepRun {
    pub(super) fn new(step: Step, index: usize, bounds: Bounds, host: &Host) -> StepRun {
        host.begin(step.name());
        StepRun { step, index, bounds, began: host.clock().monotonic(), attempts: 0 }
    }

    pub(super) fn run(mut self, run: &mut RunContext) {
        let step = self.step;
        let at = run.age + (self.began - run.began).as_secs_f64();
        run.state.steps[self.index].at = (at * 1000.0).round() / 1000.0;
        if let Some(blocker) = run.find_blocker(step) {
            let message = format!("not tried: it needs step {}, which failed", blocker.name());
            let hint = Some(format!("fix step {} first", blocker.name()));
            let ending = Ending { outcome: Outcome::Blocked, message, hint };
            return self.finish(run, ending);
        }
        let message = format!("step {} begins", step.name());
        self.record_progress(run, Outcome::Working, message, id::STEP_STARTED);
        let ending = self.converge(run);
        self.finish(run, ending);
    }

    /// Checks, changes, checks again.
    fn converge(&mut self, run: &mut RunContext) -> Ending {
        let mut changes: Vec<String> = Vec::new();
        let mut reported: Option<(Duration, String)> = None;
        let mut failed_checks = 0;
        let mut last_fault: Option<Fault> = None;
        loop {
            let next = self.check_once(run, &changes);
            run.record_notes(self.step, self.elapsed(run));
            match next {
                Next::End(ending) => return ending,
                Next::Wait(what) => {
                    if self.elapsed(run) >= self.bounds.deadline {
                        return self.end_out_of_time(run, &what);
                    }
                    self.report_waiting(run, &what, &mut reported);
                    run.host.clock().sleep(POLL);
                }
                Next::CheckAgain(fault) => {
                    failed_checks += 1;
                    if failed_checks >= self.bounds.attempts || self.is_late(run, failed_checks) {
                        return self.end_failed(run, fault);
                    }
                    self.sleep_before_retry(run, failed_checks, &fault.message);
                }
                Next::Apply(wrong) => {
                    if self.attempts >= self.bounds.attempts || self.is_late(run, self.attempts) {
                        let tries = self.attempts;
                        let fault = last_fault.take().unwrap_or_else(|| {
                            let message = format!("still wrong after {tries} attempts: {wrong}");
                            Fault { message, ..wrong }
                        });
                        return self.end_failed(run, fault);
                    }
                    if self.attempts > 0 {
                        self.sleep_before_retry(run, self.attempts, &wrong.message);
                    }
                    self.attempts += 1;
                    last_fault = None;
                    match self.step.apply(run.host, run.spec) {
                        Ok(done) => changes.extend(done),
                        Err(fault) => last_fault = Some(fault),
                    }
                    run.record_notes(self.step, self.elapsed(run));
                }
            }
        }
    }

    fn check_once(&self, run: &RunContext, changes: &[String]) -> Next {
        match self.step.check(run.host, run.spec) {
            Err(fault) => Next::CheckAgain(fault),
            Ok(CheckOutcome::Unmet(wrong)) => Next::Apply(Fault::new(wrong)),
            Ok(CheckOutcome::Failed(fault)) => Next::Apply(fault),
            Ok(CheckOutcome::Waiting(what)) => Next::Wait(what),
            Ok(CheckOutcome::Impossible(fault)) => Next::End(self.end_failed(run, fault)),
            Ok(CheckOutcome::Met(evidence)) if self.attempts == 0 => {
                Next::End(Ending { outcome: Outcome::Unchanged, message: evidence, hint: None })
            }
            Ok(CheckOutcome::Met(evidence)) => {
                let message = with_changes(&evidence, changes);
                Next::End(Ending { outcome: Outcome::Changed, message, hint: None })
            }
            Ok(CheckOutcome::Skipped(why)) => {
                let message = with_changes(&why, changes);
                Next::End(Ending { outcome: Outcome::Skipped, message, hint: None })
            }
        }
    }

    fn elapsed(&self, run: &RunContext) -> Duration {
        run.host.clock().monotonic() - self.began
    }

    /// Whether the pause before try `tries + 1` would go beyond the deadline.
    fn is_late(&self, run: &RunContext, tries: u32) -> bool {
        tries > 0 && self.elapsed(run) + self.pause_after(run, tries) >= self.bounds.deadline
    }

    /// The pause after `tries` tries: 1, 2, 4, 8, 15, 15 … s and up to a quarter more,
    /// another for each node, so that the nodes of a lab do not come all at once.
    fn pause_after(&self, run: &RunContext, tries: u32) -> Duration {
        let doubled = 1u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
        let pause = Duration::from_secs(doubled).min(MAX_PAUSE);
        let mut hasher = DefaultHasher::new();
        (&run.spec.node.name, &run.state.boot_id, self.step.name(), tries).hash(&mut hasher);
        pause + pause.mul_f64(0.25 * (hasher.finish() % 1000) as f64 / 1000.0)
    }

    fn sleep_before_retry(&self, run: &mut RunContext, tries: u32, why: &str) {
        let (pause, name) = (self.pause_after(run, tries), self.step.name());
        let message = format!("{name} again in {:.1} s: {why}", pause.as_secs_f64());
        self.record_progress(run, Outcome::Working, message, id::STEP_RETRY);
        run.host.clock().sleep(pause);
    }

    /// Reports what is waited for: at the beginning, when it changes, and every [`REMIND`].
    fn report_waiting(
        &self,
        run: &mut RunContext,
        what: &str,
        reported: &mut Option<(Duration, String)>,
    ) {
        let elapsed = self.elapsed(run);
        if let Some((at, last)) = reported
            && elapsed < *at + if last == what { REMIND } else { NEWS }
        {
            return;
        }
        *reported = Some((elapsed, what.to_owned()));
        let message = format!(
            "waiting for {what}; {} s so far, at most {} s",
            elapsed.as_secs(),
            self.bounds.deadline.as_secs()
        );
        self.record_progress(run, Outcome::Waiting, message, id::STEP_WAITING);
    }

    fn end_out_of_time(&self, run: &RunContext, what: &str) -> Ending {
        let seconds = self.bounds.deadline.as_secs();
        self.step.give_up(run.host, run.spec);
        let message = match seconds {
            // Nothing was waited for.
            0 => what.to_owned(),
            _ => format!("timed out after {seconds} s waiting for {what}"),
        };
        self.end_failed(run, Fault::new(message))
    }

    fn end_failed(&self, run: &RunContext, fault: Fault) -> Ending {
        let hint = fault.hint.unwrap_or_else(|| self.step.hint(run.spec));
        Ending { outcome: Outcome::Failed, message: fault.message, hint: Some(hint) }
    }

    /// Notes a transition within the run in state file and journal.
    fn record_progress(
        &self,
        run: &mut RunContext,
        outcome: Outcome,
        message: String,
        id: &'static str,
    ) {
        let ending = Ending { outcome, message, hint: None };
        let word = match id {
            id::STEP_STARTED => "started",
            id::STEP_RETRY => "retry",
            _ => outcome.as_str(),
        };
        self.transition(run, ending, id, word);
    }

    fn finish(&self, run: &mut RunContext, ending: Ending) {
        let id = match ending.outcome {
            Outcome::Failed => id::STEP_FAILED,
            Outcome::Blocked => id::STEP_BLOCKED,
            _ => id::STEP_DONE,
        };
        let word = ending.outcome.as_str();
        self.transition(run, ending, id, word);
    }

    fn transition(&self, run: &mut RunContext, ending: Ending, id: &'static str, word: &str) {
        let duration = self.elapsed(run);
        let now = contract::time::rfc3339(run.host.clock().wall());
        let message = run.host.redact(&ending.message);
        let hint = ending.hint.map(|hint| run.host.redact(&hint));
        let state = &mut run.state.steps[self.index];
        if state.outcome != ending.outcome {
            state.since = now;
        }
        state.outcome = ending.outcome;
        state.seconds = (duration.as_secs_f64() * 1000.0).round() / 1000.0;
        state.attempts = self.attempts;
        state.message.clone_from(&message);
        state.hint.clone_from(&hint);
        run.save();
        run.journal.record(&Event {
            outcome: word,
            duration,
            attempt: self.attempts,
            hint: hint.as_deref(),
            ..Event::new(id, self.step.name(), message)
        });
    }
}

fn with_changes(evidence: &str, changes: &[String]) -> String {
    if changes.is_empty() {
        return evidence.to_owned();
    }
    format!("{evidence} (changed: {})", changes.join(", "))
}
