//! The service that every node runs beside `firstboot run`: it serves the node's own
//! state, takes the others' announcements, and announces the node to them.

use super::connections::{Connections, Place};
use super::own::Own;
use super::record::{self, Untold};
use super::refusal::Refusal;
use super::view::{View, uptime};
use super::{answer, listen, tell};
use crate::host::Host;
use crate::iptables;
use crate::journal::{Event, Journal, id};
use contract::peers::tls::Pki;
use contract::peers::wire::Announcement;
use contract::spec::Spec;
use contract::status::Outcome;
use nix::sys::resource::{Resource, getrlimit};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

/// Time between two looks at the state file.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks the view is written even if nothing was heard, and the firewall
/// is looked at.
const ROUND: u64 = 10;
/// So many announcements are under way at once.
const TELLING: usize = 64;
/// Time between two tries to accept a connection when the kernel refuses to.
const REFUSED: Duration = Duration::from_millis(100);

/// What the tasks of the service share.
pub(super) struct Service {
    pub host: Host,
    pub spec: Spec,
    pub journal: Journal,
    pub pki: Pki,
    pub port: u16,
    /// How this node stands; `None` while its state cannot be read.
    pub own: watch::Sender<Option<Own>>,
    pub view: RefCell<View>,
    /// Whether the view differs from the file.
    pub dirty: Cell<bool>,
    untold: RefCell<Untold>,
    /// For each other node: that it has just come.
    pub come: BTreeMap<String, Notify>,
    pub telling: Semaphore,
    pub connections: RefCell<Connections>,
}

/// Runs the service on `port` of the node's address, and comes back only when it cannot.
///
/// # Errors
/// When it cannot listen; in words.
pub fn serve(host: Host, spec: Spec, journal: Journal, pki: Pki, port: u16) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no event loop: {error}"))?;
    let names = spec.hosts.iter().map(|one| one.name.clone());
    let service = Service {
        view: RefCell::new(View::load(&host)),
        come: names.map(|name| (name, Notify::new())).collect(),
        own: watch::Sender::new(None),
        dirty: Cell::new(true),
        untold: RefCell::default(),
        telling: Semaphore::new(TELLING),
        connections: RefCell::new(Connections::new(&spec, files())),
        host,
        spec,
        journal,
        pki,
        port,
    };
    let address = service.spec.node.address;
    let why = |error| format!("cannot listen on {address} port {port}: {error}");
    LocalSet::new().block_on(&runtime, async {
        let listener = listen::on(address, port).map_err(why)?;
        let listener = TcpListener::from_std(listener).map_err(why)?;
        Rc::new(service).work(listener).await
    })
}

/// How many files this process may have open; what is usual on EL7 if that is not known.
fn files() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE);
    limit.ok().and_then(|(soft, _)| usize::try_from(soft).ok()).unwrap_or(1024)
}

impl Service {
    async fn work(self: Rc<Self>, listener: TcpListener) -> Result<(), String> {
        let others = self.spec.hosts.iter().filter(|one| one.name != self.spec.node.name);
        for peer in others {
            spawn_local(tell::tell(self.clone(), peer.clone()));
        }
        spawn_local(self.clone().keep());
        self.begun();
        let acceptor = TlsAcceptor::from(self.pki.server.clone());
        for number in 1.. {
            match listener.accept().await {
                Ok((stream, from)) => self.clone().serve_one(&acceptor, stream, from, number),
                Err(error) => self.not_accepted(&error).await,
            }
        }
        Ok(())
    }

    /// Serves the `number`th connection, if there is room for it.
    fn serve_one(
        self: Rc<Self>,
        acceptor: &TlsAcceptor,
        stream: TcpStream,
        from: SocketAddr,
        number: u64,
    ) {
        // The socket is one of IPv4.
        let IpAddr::V4(from) = from.ip() else { return };
        let made = self.connections.borrow_mut().make_room(from);
        match made {
            Ok(None) => {}
            Ok(Some(closed)) => self.refuse_one_of(closed),
            Err(()) => return self.refuse_one_of(from),
        }
        let place = Place::new(self.clone(), number);
        let (service, acceptor) = (self.clone(), acceptor.clone());
        let task = spawn_local(answer::connection(service, acceptor, stream, from, place));
        self.connections.borrow_mut().add(number, from, task.abort_handle());
    }

    fn refuse_one_of(&self, from: Ipv4Addr) {
        self.refuse(Refusal::TooMany, &from.to_string(), "");
    }

    /// Goes on after accept(2) has failed: connections that are gone already need no care;
    /// without descriptors or memory the oldest that is not authenticated is closed.
    async fn not_accepted(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        let closed = self.connections.borrow_mut().relieve();
        if let Some(closed) = closed {
            self.refuse_one_of(closed);
        }
        tokio::time::sleep(REFUSED).await;
    }

    /// Looks at the state file and for lost nodes, and keeps the view's file.
    async fn keep(self: Rc<Self>) {
        let began = uptime(&self.host);
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in 0u64.. {
            ticks.tick().await;
            let own = Own::look(&self.host, &self.spec).ok();
            self.own.send_if_modified(|last| {
                let changed = *last != own;
                *last = own;
                changed
            });
            if look % ROUND == 0 {
                self.let_in();
            }
            let lost = self.view.borrow_mut().lost(began, uptime(&self.host));
            for (node, seconds) in lost {
                record::lost(&self.journal, &node, seconds);
                self.dirty.set(true);
            }
            if self.dirty.take() || look % ROUND == 0 {
                let saved = self.view.borrow_mut().save(&self.host);
                // The next look tries again.
                self.dirty.set(saved.is_err());
            }
        }
    }

    /// Keeps the port open: packstack's rules close it on every host that it sets up.
    fn let_in(&self) {
        // Without an iptables that works there are no rules in force either.
        if self.host.live()
            && let Ok(Some(done)) = iptables::let_in(&self.host, self.port)
        {
            let event = Event::new(id::STEP_DONE, record::PEERS, done);
            self.journal.record(&Event { outcome: Outcome::Changed.as_str(), ..event });
        }
    }

    /// Takes an announcement.
    pub fn take(&self, said: &Announcement, by: &super::view::Session) -> Result<(), Refusal> {
        let now = uptime(&self.host);
        let changes = self.view.borrow_mut().take(&self.spec, said, by, now)?;
        self.dirty.set(true);
        for change in changes {
            record::change(&self.journal, change, said);
            if let Some(come) = self.come.get(&said.node).filter(|_| change.came()) {
                come.notify_one();
            }
        }
        Ok(())
    }

    /// Counts a refusal of something from `from`, and tells it now and then.
    pub fn refuse(&self, reason: Refusal, from: &str, detail: &str) {
        *self.view.borrow_mut().refused.entry(reason).or_default() += 1;
        self.dirty.set(true);
        self.untold.borrow_mut().add(&self.journal, reason, from, detail);
    }

    fn begun(&self) {
        let others = self.come.len().saturating_sub(1);
        let message = format!("tells {others} other nodes how this one stands");
        record::record(&self.journal, id::PEERS_STARTED, "started", "", message);
    }
}
