//! What `firstboot status` says: for people as text, for programs as JSON.

use crate::host::Host;
use crate::peers::view::View;
use crate::peers::{self, own};
use crate::state::{FOLDER, RunState};
use contract::peers::wire::PeerStatus;
use contract::spec::{self, Spec};
use contract::status::CloudState;
use contract::status::{Outcome, Readiness, ServiceState, StepState};
use serde::Serialize;
use std::fmt::Write;
use std::io;

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The node's name.
    pub node: String,
    /// Its role, `controller` or `compute`.
    pub role: String,
    /// How it stands as a whole.
    pub state: Readiness,
    /// The steps in order.
    pub steps: Vec<StepState>,
    /// The other nodes, as far as this one has heard of them.
    pub peers: Vec<PeerStatus>,
    /// The services of OpenStack, as far as they were asked.
    pub services: Vec<ServiceState>,
    /// How OpenStack stands, by this node's own steps or by the word of the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<CloudState>,
    /// Anything about the whole that the steps do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Reads the node's status.
///
/// # Errors
/// When the spec or the state file cannot be read, in words.
pub fn status(host: &Host) -> Result<Status, String> {
    let spec = load_spec(host)?;
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{error} (only root may read it)"),
        _ => error.to_string(),
    };
    let now = host.boot_id();
    let fresh = |note: &str| {
        let state = RunState::new(&spec, host, String::new());
        (state, Some(note.to_owned()))
    };
    let (state, mut note) = match RunState::load(host).map_err(explain)? {
        None => fresh("firstboot has not run on this node yet"),
        Some(state) if state.boot_id != now => fresh("firstboot has not run since this boot"),
        Some(state) => (state, None),
    };
    let mut readiness = state.readiness();
    let begun = state.steps.iter().any(|step| step.outcome != Outcome::Pending);
    if readiness == Readiness::Working && begun && host.live() && !host.locked(FOLDER) {
        readiness = Readiness::Failed;
        note = Some("the run was broken off: `systemctl restart firstboot` resumes it".to_owned());
    }
    let peers = View::load(host).peers(host, &spec);
    Ok(Status {
        cloud: own::cloud(&spec, &state.steps).or_else(|| peers::cloud(&peers)),
        node: state.node,
        role: state.role.as_str().to_owned(),
        state: readiness,
        steps: state.steps,
        peers,
        services: state.services,
        note,
    })
}

/// Reads the node spec.
///
/// # Errors
/// When it is not there or wrong, in words.
pub fn load_spec(host: &Host) -> Result<Spec, String> {
    let text = host.read(spec::PATH).map_err(|error| error.to_string())?;
    let text = text.ok_or_else(|| {
        format!("{} is not there: this node was not made by imgbuild", spec::PATH)
    })?;
    Spec::parse(&text).map_err(|error| format!("{}: {error}", spec::PATH))
}

impl Status {
    /// One line a step, for people.
    pub fn text(&self) -> String {
        let mut out = format!("{} ({}): {}\n", self.node, self.role, self.state.as_str());
        for step in &self.steps {
            let (name, outcome) = (&step.name, step.outcome.as_str());
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "  {name:<12} {outcome:<10} {:>7.1} s  {}",
                step.seconds, step.message
            );
            if let Some(hint) = &step.hint {
                let _ = writeln!(out, "  {:<12} {:<10} {:>9}  what to do: {hint}", "", "", "");
            }
        }
        for service in &self.services {
            let mark = if service.ok { "answers" } else { "FAILS" };
            let (name, evidence) = (&service.name, &service.evidence);
            let _ = writeln!(out, "  {name:<12} {mark:<10} {:>9}  {evidence}", "");
        }
        if let Some(cloud) = self.cloud {
            let _ = writeln!(out, "{}", cloud.describe());
        }
        if let Some(note) = &self.note {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}
