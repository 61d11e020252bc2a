//! The process that serves a lab's repositories.

use super::process::Process;
use crate::plan::RepositoryPlace;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The server of a lab's repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryServer {
    /// Its process.
    pub process: Process,
    /// What it serves.
    pub places: Vec<RepositoryPlace>,
}

impl RepositoryServer {
    /// Ends it.
    pub fn stop(&self) {
        self.process.signal(Signal::TERM);
        if !self.process.wait(Duration::from_secs(5)) {
            self.process.kill();
        }
    }
}
