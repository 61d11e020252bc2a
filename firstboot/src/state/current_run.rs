//! The run of this boot: the state file, and what it means now.

use super::run_state::{DIRECTORY, RunState};
use crate::host::Host;
use contract::spec::Spec;
use contract::status::{Outcome, Readiness};
use std::io;

/// The directory on which `firstboot watch` holds a lock as long as it runs.
pub const WATCH_DIRECTORY: &str = "/run/firstboot/watch";

/// The run of this boot.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentRun {
    /// Its state; with every step pending if there was none yet.
    pub state: RunState,
    /// The node's status.
    pub readiness: Readiness,
    /// Anything about the whole that the steps do not show.
    pub note: Option<String>,
}

impl CurrentRun {
    /// Reads the state file, once.
    ///
    /// # Errors
    /// When it cannot be read or is not in this version's form.
    pub fn load(host: &Host, spec: &Spec) -> io::Result<CurrentRun> {
        let (state, mut note) = match RunState::load(host).map_err(explain)? {
            None => (None, Some("firstboot has not run on this node yet")),
            Some(state) if state.boot_id != host.boot_id() => {
                (None, Some("firstboot has not run in this boot"))
            }
            Some(state) => (Some(state), None),
        };
        let state = state.unwrap_or_else(|| RunState::new(spec, host, String::new()));
        let mut readiness = state.readiness();
        let has_begun = state.steps.iter().any(|step| step.outcome != Outcome::Pending);
        let at_work = readiness == Readiness::Working && has_begun;
        if at_work && host.live() && !host.locked(DIRECTORY) {
            readiness = Readiness::Failed;
            note = Some("the run was interrupted: `systemctl restart firstboot` resumes it");
        }
        let is_judged = readiness == Readiness::Ready && state.switch.is_some();
        if is_judged && host.live() && !host.locked(WATCH_DIRECTORY) {
            readiness = Readiness::Failed;
            note = Some(
                "firstboot-watch.service does not run, so nothing would show that a tunnel is \
                 down: `systemctl restart firstboot-watch`",
            );
        }
        Ok(CurrentRun { state, readiness, note: note.map(str::to_owned) })
    }
}

/// `error` with what helps.
fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        kind @ io::ErrorKind::PermissionDenied => {
            io::Error::new(kind, format!("{error} (only root may read it)"))
        }
        _ => error,
    }
}
