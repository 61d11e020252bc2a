//! The status of steps, nodes and OpenStack, as values.

use serde::{Deserialize, Serialize};

/// The status of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Not run yet.
    Pending,
    /// At work.
    Working,
    /// At work, waiting for something outside.
    Waiting,
    /// Everything was already in the desired state.
    Unchanged,
    /// Everything is in the desired state after changes.
    Changed,
    /// Not in the desired state, given up.
    Failed,
    /// Not tried, as a step it needs has failed.
    Blocked,
    /// Not for this node as it is, or cannot be checked in a directory tree.
    Skipped,
}

impl Outcome {
    /// The name in the state file and the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pending => "pending",
            Outcome::Working => "working",
            Outcome::Waiting => "waiting",
            Outcome::Unchanged => "unchanged",
            Outcome::Changed => "changed",
            Outcome::Failed => "failed",
            Outcome::Blocked => "blocked",
            Outcome::Skipped => "skipped",
        }
    }

    /// Whether the step is in the desired state.
    pub fn is_met(self) -> bool {
        matches!(self, Outcome::Unchanged | Outcome::Changed)
    }

    /// Whether the step was given up or not tried.
    pub fn is_bad(self) -> bool {
        matches!(self, Outcome::Failed | Outcome::Blocked)
    }
}

/// The status of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Every step is in the desired state, as far as it is for this node.
    Ready,
    /// Not every step has its result yet.
    Working,
    /// A step failed, and no more will be done by itself.
    Failed,
}

impl Readiness {
    /// The name in `status --json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Readiness::Ready => "ready",
            Readiness::Working => "working",
            Readiness::Failed => "failed",
        }
    }
}

/// A step's line in the state file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepState {
    /// The step's name.
    pub name: String,
    /// Its status.
    pub outcome: Outcome,
    /// Since when (RFC 3339, UTC); empty while pending.
    pub since: String,
    /// When it began, seconds after the run's begin.
    #[serde(default)]
    pub at: f64,
    /// How long it has taken, seconds.
    pub seconds: f64,
    /// How often it was applied.
    pub attempts: u32,
    /// What was found, changed or is waited for.
    pub message: String,
    /// What to do about a failure.
    #[serde(rename = "remedy", skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The step that a node is at, that failed, or that ended last.
pub fn find_current(steps: &[StepState]) -> Option<&StepState> {
    let at = |wanted: &[Outcome]| steps.iter().find(|step| wanted.contains(&step.outcome));
    at(&[Outcome::Working, Outcome::Waiting])
        .or_else(|| at(&[Outcome::Failed]))
        .or_else(|| steps.iter().rev().find(|step| step.outcome != Outcome::Pending))
}

impl StepState {
    /// The step `name`, which has not run yet.
    pub fn pending(name: &str) -> StepState {
        StepState {
            name: name.to_owned(),
            outcome: Outcome::Pending,
            since: String::new(),
            at: 0.0,
            seconds: 0.0,
            attempts: 0,
            message: String::new(),
            hint: None,
        }
    }
}

/// The status of a service of OpenStack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its name, `nova`.
    pub name: String,
    /// Whether it answers as it should.
    pub ok: bool,
    /// What it answered.
    pub evidence: String,
}

/// OpenStack's status, as reported by the node that installs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloudState {
    /// Its services answer as they should.
    Up,
    /// It is not installed and verified yet.
    Working,
    /// Installing or verifying it failed, or something broke later.
    Failed,
    /// It is not installed, as its medium has no packstack.
    Absent,
}

impl CloudState {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            CloudState::Up => "OpenStack is up",
            CloudState::Working => "OpenStack is not up yet",
            CloudState::Failed => "OpenStack does not work as it should",
            CloudState::Absent => "OpenStack is not installed in this lab",
        }
    }
}
