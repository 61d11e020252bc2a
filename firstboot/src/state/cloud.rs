//! OpenStack's status, judged by the steps that install it.

use crate::steps::step::Step;
use contract::spec::Spec;
use contract::status::{CloudState, Outcome, StepState};

/// OpenStack's status by this node's own steps; `None` on a node that does not install it.
pub fn judge_cloud(spec: &Spec, steps: &[StepState]) -> Option<CloudState> {
    spec.packstack.as_ref()?;
    let outcome = |step: Step| {
        let found = steps.iter().find(|one| one.name == step.name());
        found.map_or(Outcome::Pending, |one| one.outcome)
    };
    let all = [Step::Packstack, Step::Aftercare, Step::Tunnels, Step::Verify].map(outcome);
    Some(if all[0] == Outcome::Skipped {
        CloudState::Absent
    } else if all.iter().any(|outcome| outcome.is_bad()) {
        CloudState::Failed
    } else if all[3].is_met() && (all[2].is_met() || all[2] == Outcome::Skipped) {
        CloudState::Up
    } else {
        CloudState::Working
    })
}
