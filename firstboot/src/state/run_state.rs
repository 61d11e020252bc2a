//! The state file: how far this boot's run is, for `firstboot status`. It is a
//! report, not a memory: a run decides by checking the node.

use crate::host::Host;
use crate::steps::step::Step;
use contract::overlay::SwitchState;
use contract::spec::{Role, Spec};
use contract::status::{Outcome, Readiness, ServiceState, StepState};
use serde::{Deserialize, Serialize};
use std::io;

/// The directory of the state file; a run holds a lock on it.
pub const DIRECTORY: &str = "/var/lib/firstboot";
/// The state file, readable by root only.
pub const PATH: &str = "/var/lib/firstboot/state.json";
/// The format version of the file.
pub const VERSION: u32 = 1;

/// Why a text is not a state file's.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is not JSON in the file's form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is of another version.
    #[error("version {0} is not known here")]
    Version(u32),
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
    /// The node's switch, once OpenStack is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchState>,
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
            steps: Step::of(spec).into_iter().map(|step| StepState::pending(step.name())).collect(),
            services: Vec::new(),
            switch: None,
        }
    }

    /// The node's status, judged by the steps alone. While a step is still to come
    /// the run is at work, even if an earlier one failed.
    pub fn readiness(&self) -> Readiness {
        let open = |step: &StepState| {
            matches!(step.outcome, Outcome::Pending | Outcome::Working | Outcome::Waiting)
        };
        if self.steps.iter().any(open) {
            Readiness::Working
        } else if self.steps.iter().any(|step| step.outcome.is_bad()) {
            Readiness::Failed
        } else if self.steps.last().is_some_and(|announced| announced.outcome.is_met()) {
            // What was skipped before is nothing that this node needs.
            Readiness::Ready
        } else {
            // A directory tree, which is never ready.
            Readiness::Working
        }
    }

    /// Records the status of a service; whether that is news.
    pub fn record_service(&mut self, service: ServiceState) -> bool {
        match self.services.iter_mut().find(|known| known.name == service.name) {
            Some(known) if *known == service => return false,
            Some(known) => *known = service,
            None => self.services.push(service),
        }
        true
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
    pub fn parse(text: &str) -> Result<RunState, StateError> {
        let state: RunState = serde_json::from_str(text)?;
        if state.version == VERSION { Ok(state) } else { Err(StateError::Version(state.version)) }
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
