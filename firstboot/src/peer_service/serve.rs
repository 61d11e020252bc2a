//! The service that every node runs next to `firstboot run`: it serves the node's own
//! state, takes the others' announcements, and announces the node to them.

use super::record::{self, record_lost, record_peer};
use super::self_status::SelfStatus;
use super::shared::SharedService;
use super::slot::ConnectionSlot;
use super::{announce, answer, listen};
use crate::host::Host;
use crate::journal::{Event, Journal, id};
use crate::peers::refusal::Refusal;
use crate::services::iptables;
use contract::peers::tls::Pki;
use contract::spec::Spec;
use contract::status::Outcome;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

/// Time between two checks of the state file.
const CHECK: Duration = Duration::from_secs(1);
/// After so many checks the view is written even if no announcement came, and the firewall
/// is checked.
const ROUND: u64 = 10;
/// Time between two tries to accept a connection when the kernel refuses to.
const NOT_ACCEPTED: Duration = Duration::from_millis(100);

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The kernel gives no event loop.
    #[error("no event loop: {0}")]
    Runtime(io::Error),
    /// The port cannot be listened on.
    #[error("cannot listen on {address} port {port}: {error}")]
    Listen {
        /// The node's address.
        address: Ipv4Addr,
        /// The port.
        port: u16,
        /// The kernel's error.
        #[source]
        error: io::Error,
    },
}

/// Runs the service on `port` of the node's address, and returns only when it cannot.
///
/// # Errors
/// When it cannot listen.
pub fn serve(
    host: Host,
    spec: Spec,
    journal: Journal,
    pki: Pki,
    port: u16,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ServeError::Runtime)?;
    let address = spec.node.address;
    let service = Rc::new(SharedService::new(host, spec, journal, pki, port));
    LocalSet::new().block_on(&runtime, async {
        let listener = listen::listen_on(address, port).and_then(TcpListener::from_std);
        let listener = listener.map_err(|error| ServeError::Listen { address, port, error })?;
        run_tasks(service, listener).await;
        Ok(())
    })
}

/// Starts every task and accepts connections.
async fn run_tasks(service: Rc<SharedService>, listener: TcpListener) {
    let own_name = &service.spec.node.name;
    for peer in service.spec.hosts.iter().filter(|node| node.name != *own_name) {
        spawn_local(announce::announce_repeatedly(service.clone(), peer.clone()));
    }
    spawn_local(watch_node(service.clone()));
    record_started(&service);
    let acceptor = TlsAcceptor::from(service.pki.server.clone());
    for number in 1.. {
        match listener.accept().await {
            Ok((stream, from)) => serve_connection(&service, &acceptor, stream, from, number),
            Err(error) => recover_from(&service, &error).await,
        }
    }
}

/// Serves the `number`th connection, if there is room for it.
fn serve_connection(
    service: &Rc<SharedService>,
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    from: SocketAddr,
    number: u64,
) {
    // The socket is one of IPv4.
    let IpAddr::V4(from) = from.ip() else { return };
    let made = service.connections.borrow_mut().make_room(from);
    match made {
        Ok(None) => {}
        Ok(Some(closed)) => refuse_as_too_many(service, closed),
        Err(()) => return refuse_as_too_many(service, from),
    }
    let slot = ConnectionSlot::new(service.clone(), number);
    let (shared, acceptor) = (service.clone(), acceptor.clone());
    let task = spawn_local(answer::answer_connection(shared, acceptor, stream, from, slot));
    service.connections.borrow_mut().add(number, from, task.abort_handle());
}

fn refuse_as_too_many(service: &SharedService, from: Ipv4Addr) {
    service.refuse(Refusal::TooMany, &from.to_string(), "");
}

/// Goes on after accept(2) has failed: connections that are already gone need no care;
/// without descriptors or memory the oldest that is not authenticated is closed.
async fn recover_from(service: &SharedService, error: &io::Error) {
    if error.kind() == io::ErrorKind::ConnectionAborted {
        return;
    }
    let closed = service.connections.borrow_mut().close_oldest();
    if let Some(closed) = closed {
        refuse_as_too_many(service, closed);
    }
    tokio::time::sleep(NOT_ACCEPTED).await;
}

/// Checks the state file and for lost nodes, and writes the view's file.
async fn watch_node(service: Rc<SharedService>) {
    let began = service.host.uptime_seconds();
    let mut ticks = interval(CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for check in 0u64.. {
        ticks.tick().await;
        let status = SelfStatus::load(&service.host, &service.spec).ok();
        service.status.send_if_modified(|last| {
            let changed = *last != status;
            *last = status;
            changed
        });
        if check % ROUND == 0 {
            keep_port_open(&service);
        }
        let lost = service.view.borrow_mut().find_lost(began, service.host.uptime_seconds());
        for (node, seconds) in lost {
            record_lost(&service.journal, &node, seconds);
            service.is_unsaved.set(true);
        }
        if service.is_unsaved.take() || check % ROUND == 0 {
            let saved = service.view.borrow_mut().save(&service.host);
            // The next check tries again.
            service.is_unsaved.set(saved.is_err());
        }
    }
}

/// Opens the port again where packstack's rules have closed it, as they do on every host
/// that it sets up.
fn keep_port_open(service: &SharedService) {
    // Without an iptables that works there are no rules in force either.
    if service.host.live()
        && let Ok(Some(done)) = iptables::open_port(&service.host, service.port)
    {
        let event = Event::new(id::STEP_DONE, record::PEERS, done);
        service.journal.record(&Event { outcome: Outcome::Changed.as_str(), ..event });
    }
}

fn record_started(service: &SharedService) {
    let others = service.arrivals.len().saturating_sub(1);
    let message = format!("announces this node's status to {others} other nodes");
    record_peer(&service.journal, id::PEERS_STARTED, "started", "", message);
}
