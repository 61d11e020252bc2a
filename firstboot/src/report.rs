//! The output of `firstboot status`: for people as text, for programs as JSON.

use crate::host::Host;
use crate::peers::summary::find_reported_cloud;
use crate::peers::view::View;
use crate::spec_file::{SpecFileError, load_spec};
use crate::state::{CurrentRun, judge_cloud};
use contract::peers::wire::PeerStatus;
use contract::status::{CloudState, Readiness, ServiceState, StepState};
use serde::Serialize;
use std::fmt::Write;
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

/// Columns before the text of a row.
const BEFORE: usize = 36;

/// A row; its text goes on below itself where the terminal is too narrow for it.
fn row(out: &mut String, columns: [&str; 3], text: &str, width: Option<usize>) {
    let [name, outcome, seconds] = columns;
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(BEFORE + 1).max(20));
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= room
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    let mut columns = format!("  {name:<12} {outcome:<10} {seconds:>9}  ");
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{columns}{line}");
        columns = format!("{:w$}", "", w = columns.chars().count());
    }
}

impl Status {
    /// For people: one line a step, or as many as it needs on a terminal of `width` columns.
    pub fn to_text(&self, width: Option<usize>) -> String {
        let mut out = format!("{} ({}): {}\n", self.node, self.role, self.state.as_str());
        for step in &self.steps {
            let (name, outcome) = (&step.name, step.outcome.as_str());
            let seconds = format!("{:.1} s", step.seconds);
            row(&mut out, [name, outcome, &seconds], &step.message, width);
            if let Some(hint) = &step.hint {
                row(&mut out, ["", "", ""], &format!("hint: {hint}"), width);
            }
        }
        for service in &self.services {
            let mark = if service.ok { "answers" } else { "FAILS" };
            let (name, evidence) = (&service.name, &service.evidence);
            row(&mut out, [name, mark, ""], evidence, width);
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
