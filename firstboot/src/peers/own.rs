//! What this node says of itself, made from its state file each time: a crash or a
//! reboot loses nothing.

use super::view::uptime;
use crate::host::Host;
use crate::report;
use crate::state::RunState;
use crate::steps::Step;
use contract::peers::wire::{AnnouncedStep, Announcement};
use contract::spec::Spec;
use contract::status::CloudState;
use contract::status::{Outcome, Readiness, StepState, find_current};

/// How this node stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Own {
    pub state: Readiness,
    steps: Vec<AnnouncedStep>,
    step: String,
    /// When that step came to stand so, in seconds since the kernel started.
    since: f64,
    pub cloud: Option<CloudState>,
}

impl Own {
    /// Looks at the state file.
    ///
    /// # Errors
    /// As [`report::status`].
    pub fn look(host: &Host, spec: &Spec) -> Result<Own, String> {
        let status = report::status(host)?;
        let began = RunState::load(host).ok().flatten().and_then(|state| state.uptime);
        let current = find_current(&status.steps);
        let since = current.zip(began).map_or(0.0, |(step, began)| began + entered(step));
        let steps = status.steps.iter();
        let steps = steps.map(|one| AnnouncedStep { name: one.name.clone(), outcome: one.outcome });
        Ok(Own {
            state: status.state,
            steps: steps.collect(),
            step: current.map(|step| step.name.clone()).unwrap_or_default(),
            since,
            cloud: cloud(spec, &status.steps),
        })
    }

    /// The announcement of it; `seq` and `session` are set where it is said.
    pub fn announcement(&self, host: &Host, spec: &Spec) -> Announcement {
        Announcement {
            node: spec.node.name.clone(),
            boot_id: host.boot_id().unwrap_or_default(),
            seq: 0,
            session: String::new(),
            image: spec.image.plan.clone(),
            state: self.state,
            steps: self.steps.clone(),
            step: self.step.clone(),
            for_seconds: (uptime(host) - self.since).max(0.0),
            cloud: self.cloud,
        }
    }
}

/// When a step came to stand as it does, in seconds after the run's begin.
fn entered(step: &StepState) -> f64 {
    let under_way = matches!(step.outcome, Outcome::Working | Outcome::Waiting);
    if under_way { step.at } else { step.at + step.seconds }
}

/// How OpenStack stands; `None` on a node that does not install it.
pub(crate) fn cloud(spec: &Spec, steps: &[StepState]) -> Option<CloudState> {
    spec.packstack.as_ref()?;
    let outcome = |step: Step| {
        let found = steps.iter().find(|one| one.name == step.name());
        found.map_or(Outcome::Pending, |one| one.outcome)
    };
    let all = [Step::Packstack, Step::Aftercare, Step::Verify].map(outcome);
    Some(if all[0] == Outcome::Skipped {
        CloudState::Absent
    } else if all.iter().any(|outcome| outcome.is_bad()) {
        CloudState::Failed
    } else if all[2].is_met() {
        CloudState::Up
    } else {
        CloudState::Working
    })
}
