//! What the tasks of the service share.

use super::connections::Connections;
use super::record::{PendingRefusals, record_change};
use super::self_status::SelfStatus;
use crate::host::Host;
use crate::journal::Journal;
use crate::peers::known::AnnouncerSession;
use crate::peers::refusal::Refusal;
use crate::peers::view::View;
use contract::peers::tls::Pki;
use contract::peers::wire::Announcement;
use contract::spec::Spec;
use nix::sys::resource::{Resource, getrlimit};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use tokio::sync::{Notify, Semaphore, watch};

/// So many announcements are under way at once.
const ANNOUNCING: usize = 64;

/// What the tasks of the service share.
pub(super) struct SharedService {
    pub host: Host,
    pub spec: Spec,
    pub journal: Journal,
    pub pki: Pki,
    pub port: u16,
    /// This node's status; `None` while its state cannot be read.
    pub status: watch::Sender<Option<SelfStatus>>,
    pub view: RefCell<View>,
    /// Whether the view differs from the file.
    pub is_unsaved: Cell<bool>,
    pending_refusals: RefCell<PendingRefusals>,
    /// For each other node: that it has just come.
    pub arrivals: BTreeMap<String, Notify>,
    /// Limits the announcements that are under way at once.
    pub announcing: Semaphore,
    pub connections: RefCell<Connections>,
}

impl SharedService {
    /// The service of the node of `spec`, which nothing has been announced to yet.
    pub fn new(host: Host, spec: Spec, journal: Journal, pki: Pki, port: u16) -> SharedService {
        let names = spec.hosts.iter().map(|node| node.name.clone());
        SharedService {
            view: RefCell::new(View::load(&host)),
            arrivals: names.map(|name| (name, Notify::new())).collect(),
            status: watch::Sender::new(None),
            is_unsaved: Cell::new(true),
            pending_refusals: RefCell::default(),
            announcing: Semaphore::new(ANNOUNCING),
            connections: RefCell::new(Connections::new(&spec, open_files_limit())),
            host,
            spec,
            journal,
            pki,
            port,
        }
    }

    /// Records an announcement.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn accept(
        &self,
        announcement: &Announcement,
        by: &AnnouncerSession,
    ) -> Result<(), Refusal> {
        let now = self.host.uptime_seconds();
        let changes = self.view.borrow_mut().record(&self.spec, announcement, by, now)?;
        self.is_unsaved.set(true);
        for change in changes {
            record_change(&self.journal, change, announcement);
            if let Some(arrival) =
                self.arrivals.get(&announcement.node).filter(|_| change.is_arrival())
            {
                arrival.notify_one();
            }
        }
        Ok(())
    }

    /// Counts a refusal of something from `from`, and records it now and then.
    pub fn refuse(&self, reason: Refusal, from: &str, detail: &str) {
        *self.view.borrow_mut().refused.entry(reason).or_default() += 1;
        self.is_unsaved.set(true);
        self.pending_refusals.borrow_mut().add(&self.journal, reason, from, detail);
    }
}

/// How many files this process may have open; what is usual on EL7 if that is not known.
fn open_files_limit() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE);
    limit.ok().and_then(|(soft, _)| usize::try_from(soft).ok()).unwrap_or(1024)
}
