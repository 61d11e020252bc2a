//! What every part of a proof works with: the sessions, the names, and what was made so far.

use super::signals::Signals;
use crate::host::{Fault, Host};
use crate::services::answer_file::AnswerFile;
use crate::services::openstack::session::Session;
use contract::spec::{LabHost, Spec};
use serde_json::Value;
use std::time::Duration;

/// What the names of everything begin with that a proof makes.
pub(super) const PREFIX: &str = "firstboot-prove-";
/// Time between two looks at something that is being made.
const POLL: Duration = Duration::from_secs(1);

/// Nova in the catalogue.
pub(super) const COMPUTE: &[&str] = &["compute"];
/// Neutron.
pub(super) const NETWORK: &[&str] = &["network"];
/// Glance.
pub(super) const IMAGE: &[&str] = &["image"];
/// Cinder.
pub(super) const VOLUME: &[&str] = &["volumev3", "volumev2", "volume"];

/// The project and those who work in it.
pub(super) struct Project<'a> {
    /// Its own user, who may do what users may.
    pub(super) user: Session<'a>,
    /// The administrator in this project: only he chooses a server's host.
    pub(super) admin: Session<'a>,
    /// The user's password, for Horizon.
    pub(super) password: String,
}

/// A network with what it consists of.
pub(super) struct Net {
    pub(super) id: String,
    pub(super) router: Option<String>,
}

/// A server.
pub(super) struct Server {
    pub(super) id: String,
    pub(super) compute: String,
}

/// The cloud, and what the proof has made in it.
pub(super) struct Cloud<'a> {
    pub(super) host: &'a Host,
    pub(super) spec: &'a Spec,
    pub(super) answers: &'a AnswerFile,
    pub(super) computes: Vec<LabHost>,
    pub(super) signals: Signals,
    /// The name of this run, [`PREFIX`] included.
    pub(super) run: String,
    /// The administrator in his own project.
    pub(super) admin: Session<'a>,
    pub(super) project: Option<Project<'a>>,
    pub(super) image: Option<String>,
    pub(super) net: Option<Net>,
    pub(super) flavor: Option<String>,
    pub(super) servers: Vec<Server>,
}

impl Cloud<'_> {
    /// Looks until there is something, at most for `limit`, and no longer than until a signal
    /// arrives.
    pub(super) fn wait<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Fault> {
        let clock = self.host.clock();
        let began = clock.monotonic();
        loop {
            let found = look()?;
            let over = clock.monotonic().saturating_sub(began) >= limit;
            if found.is_some() || over || self.signals.arrived() {
                return Ok(found);
            }
            clock.sleep(POLL);
        }
    }
}

/// The name by which a service knows `compute`, which may be qualified: the `host` of an entry of
/// `list`.
pub(super) fn find_host(list: &Value, compute: &LabHost) -> Option<String> {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let mut hosts = list.as_array()?.iter().filter_map(|entry| entry["host"].as_str());
    hosts.find(|host| short(host) == short(&compute.name)).map(str::to_owned)
}

/// The text at `path` of an answer, `/server/id`.
pub(super) fn text(answer: &Value, path: &str) -> Result<String, Fault> {
    let found = answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Fault::new(format!("the answer has no {path}")))
}
