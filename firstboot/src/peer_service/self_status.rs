//! This node's status as it is announced, made from its state file each time: a crash or
//! a reboot loses nothing.

use crate::host::Host;
use crate::state::{CurrentRun, judge_cloud};
use contract::overlay::SwitchState;
use contract::peers::wire::{AnnouncedStep, Announcement, to_announced};
use contract::spec::Spec;
use contract::status::{CloudState, Outcome, Readiness, StepState, find_current};
use std::io;

/// This node's status.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SelfStatus {
    state: Readiness,
    steps: Vec<AnnouncedStep>,
    step: String,
    /// When that step got this status, in seconds since the kernel started.
    since: f64,
    cloud: Option<CloudState>,
    switch: Option<SwitchState>,
}

impl SelfStatus {
    /// Reads the state file, by the spec that the service started with: a spec damaged meanwhile
    /// does not silence the node.
    ///
    /// # Errors
    /// When it cannot be read or is not in this version's form.
    pub fn load(host: &Host, spec: &Spec) -> io::Result<SelfStatus> {
        let CurrentRun { state, readiness, .. } = CurrentRun::load(host, spec)?;
        let current = find_current(&state.steps);
        let since = current.zip(state.uptime).map_or(0.0, |(step, began)| began + entered_at(step));
        let announced =
            |step: &StepState| AnnouncedStep { name: step.name.clone(), outcome: step.outcome };
        Ok(SelfStatus {
            state: readiness,
            steps: state.steps.iter().map(announced).collect(),
            step: current.map(|step| step.name.clone()).unwrap_or_default(),
            since,
            cloud: judge_cloud(spec, &state.steps),
            switch: state.switch.as_ref().map(to_announced),
        })
    }

    /// The announcement of it; `seq` and `session` are set where it is sent.
    pub fn to_announcement(&self, host: &Host, spec: &Spec) -> Announcement {
        Announcement {
            node: spec.node.name.clone(),
            boot_id: host.boot_id().unwrap_or_default(),
            seq: 0,
            session: String::new(),
            image: spec.image.plan.clone(),
            state: self.state,
            steps: self.steps.clone(),
            step: self.step.clone(),
            for_seconds: (host.uptime_seconds() - self.since).max(0.0),
            cloud: self.cloud,
            switch: self.switch.clone(),
        }
    }
}

/// When a step got its status, in seconds after the run's begin.
fn entered_at(step: &StepState) -> f64 {
    let under_way = matches!(step.outcome, Outcome::Working | Outcome::Waiting);
    if under_way { step.at } else { step.at + step.seconds }
}
