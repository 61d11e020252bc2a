//! The state file: how far this boot's run is, for `firstboot status`. It is a
//! report, not a memory: a run decides by looking at the world.

use crate::host::Host;
use crate::spec::{Role, Spec};
use crate::steps::Step;
use serde::{Deserialize, Serialize};
use std::io;

/// The folder of the state file; a run holds a lock on it.
pub const FOLDER: &str = "/var/lib/firstboot";
/// The state file, readable by root only.
pub const PATH: &str = "/var/lib/firstboot/state.json";
/// The format version of the file.
pub const VERSION: u32 = 1;

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its turn has not come.
    Pending,
    /// At work.
    Working,
    /// At work, waiting for something outside.
    Waiting,
    /// Everything was as wanted already.
    Unchanged,
    /// Everything is as wanted after changes.
    Changed,
    /// Not as wanted, given up.
    Failed,
    /// Not tried, as a step it needs has failed.
    Blocked,
    /// Not for this node as it is, or cannot be judged in a folder tree.
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

    /// Whether the step's wants are met.
    pub fn met(self) -> bool {
        matches!(self, Outcome::Unchanged | Outcome::Changed)
    }

    /// Whether the step was given up or not tried.
    pub fn bad(self) -> bool {
        matches!(self, Outcome::Failed | Outcome::Blocked)
    }
}

/// How the node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// Every step's wants are met, as far as it is for this node.
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
    /// How it stands.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The step that a node is at, that failed, or that ended last.
pub fn current(steps: &[StepState]) -> Option<&StepState> {
    let at = |wanted: &[Outcome]| steps.iter().find(|step| wanted.contains(&step.outcome));
    at(&[Outcome::Working, Outcome::Waiting])
        .or_else(|| at(&[Outcome::Failed]))
        .or_else(|| steps.iter().rev().find(|step| step.outcome != Outcome::Pending))
}

impl StepState {
    /// A step whose turn has not come.
    pub fn pending(step: Step) -> StepState {
        StepState {
            name: step.name().to_owned(),
            outcome: Outcome::Pending,
            since: String::new(),
            at: 0.0,
            seconds: 0.0,
            attempts: 0,
            message: String::new(),
            remedy: None,
        }
    }
}

/// How a service of OpenStack stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Its name, `nova`.
    pub name: String,
    /// Whether it answers as it should.
    pub ok: bool,
    /// What it answered.
    pub evidence: String,
}

/// The state file's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// [`VERSION`].
    pub version: u32,
    /// The node's name.
    pub node: String,
    /// Its role.
    pub role: Role,
    /// The kernel's identifier of the boot that this is about.
    pub boot_id: Option<String>,
    /// When the run began (RFC 3339, UTC).
    pub started: String,
    /// Seconds from the kernel's start to the run's begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<f64>,
    /// The steps in order.
    pub steps: Vec<StepState>,
    /// The services of OpenStack, as far as they were asked.
    #[serde(default)]
    pub services: Vec<ServiceState>,
}

impl RunState {
    /// A run that has not done anything yet.
    pub fn new(spec: &Spec, host: &Host, started: String) -> RunState {
        RunState {
            version: VERSION,
            node: spec.node.name.clone(),
            role: spec.node.role,
            boot_id: host.boot_id(),
            started,
            uptime: host.uptime(),
            steps: Step::of(spec).into_iter().map(StepState::pending).collect(),
            services: Vec::new(),
        }
    }

    /// How the node stands, judged by the steps alone. While a step is still to come
    /// the run is at work, even if an earlier one failed.
    pub fn readiness(&self) -> Readiness {
        let open = |step: &StepState| {
            matches!(step.outcome, Outcome::Pending | Outcome::Working | Outcome::Waiting)
        };
        if self.steps.iter().any(open) {
            Readiness::Working
        } else if self.steps.iter().any(|step| step.outcome.bad()) {
            Readiness::Failed
        } else if self.steps.last().is_some_and(|announced| announced.outcome.met()) {
            // What was skipped before is nothing that this node needs.
            Readiness::Ready
        } else {
            // A folder tree, which is never ready.
            Readiness::Working
        }
    }

    /// Takes up how a service stands.
    pub fn note_service(&mut self, service: ServiceState) {
        match self.services.iter_mut().find(|known| known.name == service.name) {
            Some(known) => *known = service,
            None => self.services.push(service),
        }
    }

    /// Reads the state file; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read or is not in this version's form.
    pub fn load(host: &Host) -> io::Result<Option<RunState>> {
        let Some(text) = host.read(PATH)? else { return Ok(None) };
        RunState::parse(&text)
            .map(Some)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, format!("{PATH}: {why}")))
    }

    /// Reads the state file's text.
    ///
    /// # Errors
    /// Why it is not in this version's form.
    pub fn parse(text: &str) -> Result<RunState, String> {
        let state: RunState = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if state.version == VERSION {
            Ok(state)
        } else {
            Err(format!("version {} is not known here", state.version))
        }
    }

    /// Writes the state file.
    ///
    /// # Errors
    /// As writing a file; the old one is then unchanged.
    pub fn save(&self, host: &Host) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        host.write(PATH, text.as_bytes(), 0o600)
    }
}
