//! Watching a node whose run has ended: what begins with OpenStack, and what may break later,
//! is checked again and again. A step is run again only when its result would be another one.

use super::run::{load_run, rerun_steps};
use crate::host::{Host, Note};
use crate::journal::Journal;
use crate::state::RunState;
use crate::steps::{Bounds, CheckOutcome, Step};
use contract::spec::Spec;
use contract::status::{Outcome, StepState};
use std::io;
use std::time::Duration;

/// Steps of a node that are to run again, as their results would be other ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Rerun {
    state: RunState,
    steps: Vec<Step>,
    /// Whether what is missing is waited for: it has only just begun to be needed.
    waits: bool,
}

/// Which of the steps that are watched have to run again, if any; only reads. `is_running` is
/// whether another process runs steps.
///
/// # Errors
/// When the state file cannot be read.
pub fn find_rerun(host: &Host, spec: &Spec, is_running: bool) -> io::Result<Option<Rerun>> {
    let Some(state) = load_run(host, spec)? else { return Ok(None) };
    let open: Vec<&str> = state.steps.iter().filter(|step| is_open(step)).map(name).collect();
    if !open.is_empty() {
        // Either a run is under way, or one of these steps was interrupted.
        let is_own = |open: &&str| *open == Step::Announce.name() || is_watched(open);
        let is_interrupted = open.iter().all(is_own) && !is_running;
        let steps: Vec<Step> = open.into_iter().filter_map(Step::named).collect();
        return Ok(is_interrupted.then_some(Rerun { state, steps, waits: true }));
    }
    let mut steps = Vec::new();
    let mut waits = false;
    for known in state.steps.iter().filter(|step| is_watched(&step.name)) {
        let Some(step) = Step::named(&known.name) else { continue };
        if known.outcome == Outcome::Blocked {
            continue;
        }
        let found = step.check(host, spec);
        let is_noted = host.take_notes().iter().all(|note| match note {
            Note::Switch(switch) => state.switch == *switch,
            _ => true,
        });
        let Ok(found) = found else { continue };
        let was_skipped = known.outcome == Outcome::Skipped;
        let is_skipped = matches!(found, CheckOutcome::Skipped(_));
        // What a person changed later is theirs; what broke is not.
        let differs = step == Step::Tunnels
            && (!is_noted || known.outcome.is_met() != matches!(found, CheckOutcome::Met(_)));
        if was_skipped != is_skipped || differs && !is_skipped {
            steps.push(step);
            waits |= was_skipped;
        }
    }
    Ok((!steps.is_empty()).then_some(Rerun { state, steps, waits }))
}

fn name(step: &StepState) -> &str {
    &step.name
}

fn is_open(step: &StepState) -> bool {
    matches!(step.outcome, Outcome::Pending | Outcome::Working | Outcome::Waiting)
}

fn is_watched(name: &str) -> bool {
    Step::OF_CLOUD.iter().any(|step| step.name() == name)
}

impl Rerun {
    /// Runs the steps and what depends on them; the caller holds the lock on the state.
    ///
    /// # Errors
    /// When the state file cannot be written. The steps have run all the same.
    pub fn run(self, host: &Host, spec: &Spec, journal: &Journal) -> io::Result<RunState> {
        let bounds = |step: Step| match self.waits || step != Step::Tunnels {
            true => step.bounds(),
            // It was there, and is not: that is the result.
            false => Bounds { deadline: Duration::ZERO, ..step.bounds() },
        };
        rerun_steps(host, spec, journal, &bounds, &self.steps, self.state)
    }
}
