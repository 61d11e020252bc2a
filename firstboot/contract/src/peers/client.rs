//! Asking a node over mutual TLS: one question for each session.

use super::certificate::session_id;
use super::tls::Pki;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer answers (bytes) are not read: a lab of a thousand nodes needs half of it.
const MAX_ANSWER: usize = 2 << 20;

/// A node that is up takes a connection in this time.
const CONNECT: Duration = Duration::from_secs(3);

/// A TLS session with a node.
pub struct TlsSession {
    stream: TlsStream<TcpStream>,
    node: String,
    /// What an announcement in this session has as its `session`.
    pub id: String,
}

impl TlsSession {
    /// Connects to `node` at `at`, and sees that it is that node.
    ///
    /// # Errors
    /// When there is no connection, or the other side is not the expected node.
    pub async fn open(pki: &Pki, at: SocketAddr, node: &str) -> io::Result<TlsSession> {
        let name = ServerName::try_from(node.to_owned());
        let name = name.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let stream = timeout(CONNECT, TcpStream::connect(at)).await??;
        let stream = TlsConnector::from(pki.client.clone()).connect(name, stream).await?;
        let id = session_id(stream.get_ref().1).ok_or(io::ErrorKind::Other)?;
        Ok(TlsSession { stream, node: node.to_owned(), id })
    }

    /// Asks for `path`, or posts `body` to it; the answer's status and body.
    ///
    /// # Errors
    /// When there is no answer, or none that is HTTP.
    pub async fn ask(self, path: &str, body: Option<Vec<u8>>) -> io::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(if body.is_some() { "POST" } else { "GET" })
            .uri(path)
            .header("host", &self.node)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(io::Error::other)?;
        let stream = TokioIo::new(self.stream);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(io::Error::other)?;
        let asked = async move {
            let answer = sender.send_request(request).await.map_err(io::Error::other)?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(io::Error::other)?;
            Ok((head.status, body.to_bytes()))
        };
        // The connection's own error is also that of the question.
        let (answer, _) = tokio::join!(asked, connection);
        answer
    }
}

/// The TLS error that made a request fail, if one did.
pub fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    fn inner(error: &io::Error) -> Option<&(dyn Error + 'static)> {
        error.get_ref().map(|inner| inner as _)
    }
    // hyper has it as the source of its own.
    let mut next = inner(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(error) => inner(error),
            None => error.source(),
        };
    }
    None
}

/// Whether a question to `node` failed because one side has another key of the other than
/// the other has now; in words.
pub fn describe_revoked(error: &io::Error, node: &str) -> Option<String> {
    let build = "build the images of all nodes again";
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => {
            Some(format!("the key of {node} is not the one that is known here: {build}"))
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRevoked) => {
            Some(format!("{node} knows another key than the one used here: {build}"))
        }
        _ => None,
    }
}

/// Asks `node` at `at` for `path` (such as [`super::wire::PEERS`]) and waits for the body
/// of its answer, for at most `limit`.
///
/// # Errors
/// When there is no connection, the other side is not that node, refuses, or does not
/// answer in time.
pub fn ask_once(
    pki: &Pki,
    at: SocketAddr,
    node: &str,
    path: &str,
    limit: Duration,
) -> io::Result<Bytes> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = async { TlsSession::open(pki, at, node).await?.ask(path, None).await };
    let answer = runtime.block_on(async { timeout(limit, asked).await });
    match answer {
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        Ok(Ok((StatusCode::OK, body))) => Ok(body),
        Ok(Ok((status, body))) => {
            let text = String::from_utf8_lossy(&body);
            Err(io::Error::other(format!("{node} answered {status}: {text}")))
        }
        Ok(Err(error)) => Err(error),
    }
}
