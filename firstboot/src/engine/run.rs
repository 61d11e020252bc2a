//! The engine: for each step check, change, check again, until it is as desired or its
//! bounds are reached; one journal record and one state file for each transition.

use super::run_context::RunContext;
use super::step_run::StepRun;
use crate::host::Host;
use crate::journal::{Journal, id};
use crate::state::RunState;
use crate::steps::{Bounds, Step};
use contract::spec::Spec;
use contract::status::{Outcome, Readiness};
use std::io;

/// Runs every step of the node and returns how they ended.
///
/// `bounds` gives each step's limits, [`Step::bounds`] outside of tests.
///
/// # Errors
/// When the state file cannot be written. The steps have run all the same.
pub fn run_all(
    host: &Host,
    spec: &Spec,
    journal: &Journal,
    bounds: &dyn Fn(Step) -> Bounds,
) -> io::Result<RunState> {
    let now = contract::time::rfc3339(host.clock().wall());
    let state = RunState::new(spec, host, now);
    RunContext::new(host, spec, journal, state).run_steps(&Step::of(spec), bounds)
}

/// Runs `step` again and what depends on it; every other step keeps its result of this
/// boot's run. Without such a run every step is run.
///
/// # Errors
/// As [`run_all`]; also when the state file cannot be read.
pub fn retry_step(
    host: &Host,
    spec: &Spec,
    journal: &Journal,
    bounds: &dyn Fn(Step) -> Bounds,
    step: Step,
) -> io::Result<RunState> {
    match load_run(host, spec)? {
        Some(state) => rerun_steps(host, spec, journal, bounds, &[step], state),
        None => run_all(host, spec, journal, bounds),
    }
}

/// This boot's run of the steps that the node has, if there was one.
///
/// # Errors
/// When the state file cannot be read.
pub(super) fn load_run(host: &Host, spec: &Spec) -> io::Result<Option<RunState>> {
    let known = RunState::load(host)?.filter(|state| {
        let names = state.steps.iter().map(|step| step.name.as_str());
        state.boot_id == host.boot_id() && names.eq(Step::of(spec).into_iter().map(Step::name))
    });
    Ok(known)
}

/// Runs `steps` and what depends on them; every other step keeps its result in `state`.
///
/// # Errors
/// As [`run_all`].
pub(super) fn rerun_steps(
    host: &Host,
    spec: &Spec,
    journal: &Journal,
    bounds: &dyn Fn(Step) -> Bounds,
    steps: &[Step],
    state: RunState,
) -> io::Result<RunState> {
    let mut again: Vec<Step> = Vec::new();
    for one in Step::of(spec) {
        if steps.contains(&one) || one.needs().iter().any(|need| again.contains(need)) {
            again.push(one);
        }
    }
    RunContext::new(host, spec, journal, state).run_steps(&again, bounds)
}

impl RunContext<'_> {
    fn run_steps(
        mut self,
        steps: &[Step],
        bounds: &dyn Fn(Step) -> Bounds,
    ) -> io::Result<RunState> {
        self.begin(steps);
        for (index, step) in Step::of(self.spec).into_iter().enumerate() {
            if steps.contains(&step) {
                StepRun::new(step, index, bounds(step), self.host).run(&mut self);
            }
        }
        self.finish();
        self.saved.map(|()| self.state)
    }

    fn begin(&mut self, steps: &[Step]) {
        if steps.contains(&Step::Packstack) {
            // It holds again once OpenStack is installed as it should be.
            self.state.switch = None;
        }
        for (index, step) in Step::of(self.spec).into_iter().enumerate() {
            if steps.contains(&step) {
                self.state.steps[index] = contract::status::StepState::pending(step.name());
            }
        }
        if steps.contains(&Step::Verify) {
            self.state.services.clear();
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
                    "fix what `firstboot status` names, then `firstboot retry {}`",
                    bad.first().copied().unwrap_or("STEP")
                );
                self.record_run(id::NODE_FAILED, "failed", message, Some(&hint));
            }
            Readiness::Working => {
                let message =
                    format!("directory tree done: {totals}, {skipped} need a running node");
                self.record_run(id::STEP_DONE, "skipped", message, None);
            }
        }
    }
}
