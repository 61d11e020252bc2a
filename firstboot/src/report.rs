//! The output of `firstboot status`: for people as text, for programs as JSON.

mod text;

use crate::host::Host;
use crate::peers::summary::find_reported_cloud;
use crate::peers::view::View;
use crate::spec_file::{SpecFileError, load_spec};
use crate::state::{CurrentRun, judge_cloud};
use contract::peers::wire::PeerStatus;
use contract::status::{CloudState, Readiness, ServiceState, StepState};
use serde::Serialize;
use std::io;

/// A node's status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The node's name.
    pub node: String,
    /// Its role, `controller` or `compute`.
    pub role: String,
    /// Its status as a whole.
    pub state: Readiness,
    /// The steps in order.
    pub steps: Vec<StepState>,
    /// The other nodes, as far as this one knows them.
    pub peers: Vec<PeerStatus>,
    /// The services of OpenStack, as far as they were asked.
    pub services: Vec<ServiceState>,
    /// OpenStack's status, from this node's own steps or as reported by the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<CloudState>,
    /// Anything about the whole that the steps do not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The spec cannot be read.
    #[error(transparent)]
    Spec(#[from] SpecFileError),
    /// The state file cannot be read.
    #[error(transparent)]
    State(#[from] io::Error),
}

/// Reads the node's status.
///
/// # Errors
/// When the spec or the state file cannot be read.
pub fn load_status(host: &Host) -> Result<Status, StatusError> {
    let spec = load_spec(host)?;
    let CurrentRun { state, readiness, note } = CurrentRun::load(host, &spec)?;
    let peers = View::load(host).list_peers(host, &spec);
    Ok(Status {
        cloud: judge_cloud(&spec, &state.steps).or_else(|| find_reported_cloud(&peers)),
        node: state.node,
        role: state.role.as_str().to_owned(),
        state: readiness,
        steps: state.steps,
        peers,
        services: state.services,
        note,
    })
}
