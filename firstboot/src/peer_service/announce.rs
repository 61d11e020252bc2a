//! Announcing: one task for each other node, which sends it this node's status every ten
//! seconds or so, at once when that changes, and at once to a node that has just come.
//! Lost messages need no care: the next one has everything.

use super::record::record_peer;
use super::shared::SharedService;
use crate::journal::id;
use crate::peers::refusal::Refusal;
use contract::peers::client::{TlsSession, describe_revoked};
use contract::peers::wire::{ANNOUNCE, Announcement, Refused};
use contract::spec::LabHost;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Time between two announcements.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// How long one announcement may take; a node that boots in an emulator is slow.
const LIMIT: Duration = Duration::from_secs(10);

/// Announces this node to `peer`, again and again.
pub(super) async fn announce_repeatedly(service: Rc<SharedService>, peer: LabHost) {
    let mut status = service.status.subscribe();
    let (mut seq, mut trouble) = (0, None);
    // Every node of the spec has one.
    let never = Notify::new();
    let arrival = service.arrivals.get(&peer.name).unwrap_or(&never);
    loop {
        let current = status.borrow_and_update().clone();
        if let Some(current) = current {
            // It rises over a restart of this service, too: time does.
            seq = ((service.host.uptime_seconds() * 1000.0) as u64).max(seq + 1);
            let announcement = current.to_announcement(&service.host, &service.spec);
            let answer = {
                // A thousand nodes at once would be too many open files.
                let _permit = service.announcing.acquire().await;
                timeout(
                    LIMIT,
                    send_announcement(&service, &peer, Announcement { seq, ..announcement }),
                )
                .await
            };
            record_trouble(
                &service,
                &peer,
                &mut trouble,
                answer.unwrap_or_else(|late| Err(late.into())),
            );
        }
        let pause = jittered(&(&service.spec.node.name, &peer.name, seq));
        tokio::select! {
            () = sleep(pause) => {}
            changed = status.changed() => if changed.is_err() { return },
            () = arrival.notified() => {}
        }
    }
}

/// Sends it once; why it was not accepted, if it was not.
async fn send_announcement(
    service: &SharedService,
    peer: &LabHost,
    mut announcement: Announcement,
) -> io::Result<Option<Refused>> {
    let at = SocketAddr::from((peer.address, service.port));
    let session = TlsSession::open(&service.pki, at, &peer.name).await?;
    announcement.session.clone_from(&session.id);
    let (status, body) = session.ask(ANNOUNCE, Some(serde_json::to_vec(&announcement)?)).await?;
    if status.is_success() {
        return Ok(None);
    }
    let (reason, message) = (status.to_string(), String::new());
    Ok(Some(serde_json::from_slice(&body).unwrap_or(Refused { reason, message })))
}

/// Records when the other side begins to refuse, or another machine has its address.
/// That it does not answer is not recorded: it will not announce itself then, and be lost.
fn record_trouble(
    service: &SharedService,
    peer: &LabHost,
    last: &mut Option<String>,
    answer: io::Result<Option<Refused>>,
) {
    let name = &peer.name;
    let trouble = match answer {
        Ok(None) => None,
        Ok(Some(refused)) => {
            Some(format!("{name} refuses this node's announcements: {}", refused.message))
        }
        Err(error) => match describe_revoked(&error, name) {
            None if Refusal::of_handshake(&error) == Refusal::WrongCertificate => {
                let address = peer.address;
                Some(format!("the host at {address} does not have the keys of {name}: {error}"))
            }
            None => return,
            revoked => revoked,
        },
    };
    if let Some(message) = trouble.clone().filter(|_| trouble != *last) {
        record_peer(&service.journal, id::PEER_REFUSED, "refused", name, message);
    }
    *last = trouble;
}

/// [`INTERVAL`], up to a quarter shorter or longer: not everyone at once.
fn jittered(key: &impl Hash) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    INTERVAL.mul_f64(0.75 + 0.5 * (hasher.finish() % 1000) as f64 / 1000.0)
}
