//! One connection: the handshake, one question, its answer.

use super::shared::SharedService;
use super::slot::ConnectionSlot;
use crate::peers::host_keys::list_host_keys;
use crate::peers::known::AnnouncerSession;
use crate::peers::refusal::Refusal;
use crate::report::load_status;
use contract::peers::certificate::{certificate_name, session_id};
use contract::peers::wire::{ANNOUNCE, Announcement, HOST_KEYS, PEERS, Refused, STATE};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

/// Longer announcements (bytes) are refused: one of twelve steps has 1,000, a controller's of a
/// thousand nodes 20,000.
pub const MAX_BODY: usize = 32 << 10;
/// How long a connection may last, with its handshake, question and answer: more than an
/// announcement is taken after, so that a late one gets a refusal.
const WHOLE: Duration = Duration::from_secs(20);
/// What is read of a request's head (bytes) at most.
const HEAD: usize = 8 << 10;

/// Who asks, and since when.
struct PeerClient {
    name: String,
    session: String,
    number: u64,
    accepted: Instant,
}

/// Serves one connection in its slot.
pub(super) async fn answer_connection(
    service: Rc<SharedService>,
    acceptor: TlsAcceptor,
    stream: TcpStream,
    from: Ipv4Addr,
    slot: ConnectionSlot,
) {
    let accepted = Instant::now();
    let limit = service.connections.borrow().handshake_limit(from);
    let from = from.to_string();
    let stream = match timeout(limit, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let reason = Refusal::of_handshake(&error);
            return service.refuse(reason, &from, &error.to_string());
        }
        Err(_) => return service.refuse(Refusal::NoTls, &from, "no handshake in time"),
    };
    let tls = stream.get_ref().1;
    let certificate = tls.peer_certificates().and_then(|chain| chain.first());
    let (name, session) = (certificate.and_then(certificate_name), session_id(tls));
    let (Some(name), Some(session)) = (name, session) else {
        return service.refuse(Refusal::WrongCertificate, &from, "it names no node");
    };
    slot.mark_authenticated();
    let asker = Rc::new(PeerClient { name, session, number: slot.number(), accepted });
    let asked = service_fn(|request| {
        let (service, asker) = (service.clone(), asker.clone());
        async move { Ok::<_, Infallible>(answer_request(&service, &asker, request).await) }
    });
    let mut http = http1::Builder::new();
    let served =
        http.keep_alive(false).max_buf_size(HEAD).serve_connection(TokioIo::new(stream), asked);
    match timeout_at(accepted + WHOLE, served).await {
        Err(_) => service.refuse(Refusal::Expired, &asker.name, "no complete request in time"),
        Ok(Err(error)) if error.is_parse() => {
            service.refuse(Refusal::Malformed, &asker.name, "no HTTP");
        }
        // Who asks may also go away.
        Ok(_) => {}
    }
}

async fn answer_request(
    service: &SharedService,
    asker: &PeerClient,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, STATE) => match load_status(&service.host) {
            Ok(status) => json_response(StatusCode::OK, &status),
            Err(error) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        (&Method::GET, PEERS) => {
            let peers = service.view.borrow().list_peers(&service.host, &service.spec);
            json_response(StatusCode::OK, &peers)
        }
        (&Method::GET, HOST_KEYS) => match list_host_keys(&service.host) {
            Ok(keys) => json_response(StatusCode::OK, &keys),
            Err(error) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        (&Method::POST, ANNOUNCE) => {
            let taken = match read_announcement(request).await {
                Ok(announcement) => accept_announcement(service, asker, &announcement),
                Err(reason) => Err(reason),
            };
            match taken {
                Ok(()) => json_response(StatusCode::NO_CONTENT, &()),
                Err(reason) => refuse(service, asker, reason),
            }
        }
        _ => refuse(service, asker, Refusal::Malformed),
    }
}

/// Reads the announcement that is posted.
async fn read_announcement(request: Request<Incoming>) -> Result<Announcement, Refusal> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => Refusal::Oversized,
        None => Refusal::Malformed,
    })?;
    let announcement = serde_json::from_slice::<Announcement>(&body.to_bytes());
    announcement.ok().filter(Announcement::is_sensible).ok_or(Refusal::Malformed)
}

fn accept_announcement(
    service: &SharedService,
    asker: &PeerClient,
    announcement: &Announcement,
) -> Result<(), Refusal> {
    service.accept(
        announcement,
        &AnnouncerSession {
            name: asker.name.clone(),
            id: asker.session.clone(),
            number: asker.number,
            age: asker.accepted.elapsed(),
        },
    )
}

fn refuse(service: &SharedService, asker: &PeerClient, reason: Refusal) -> Response<Full<Bytes>> {
    service.refuse(reason, &asker.name, "");
    let (name, message) = (reason.as_str().to_owned(), reason.describe().to_owned());
    json_response(reason.status(), &Refused { reason: name, message })
}

fn json_response(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let empty = status == StatusCode::NO_CONTENT;
    let body = if empty { Vec::new() } else { serde_json::to_vec(value).unwrap_or_default() };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}
