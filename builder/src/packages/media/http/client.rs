//! One request and its answer. Each runs in a thread of its own that passes on what arrives,
//! so that a name server, a connection or a server that does not answer keeps nobody from
//! seeing an interruption, and silence is noticed.

use super::address::{Address, basic};
use super::proxy::{self, ForwardConnector, ProxyResolver};
use super::settings::Settings;
use crate::base::files::read_regular;
use crate::base::interrupt;
use crate::base::malformed::Malformed;
use std::collections::HashMap;
use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Proxy};

/// Bytes handed over at a time, and how many such pieces may wait.
const PIECE: usize = 64 << 10;
const WAITING: usize = 8;
/// How soon an interruption is seen.
const GLANCE: Duration = Duration::from_millis(100);
/// Largest file of certificates.
const AUTHORITIES_MAX: u64 = 16 << 20;
/// Most redirections of one request.
const REDIRECTS: usize = 10;

/// Why a request failed.
#[derive(Debug)]
pub enum Failure {
    /// The user asked to stop.
    Interrupted,
    /// Asking again changes nothing.
    Final(String),
    /// Asking again may help; not before this much time, when the server says so.
    Passing(String, Option<Duration>),
}

/// An answer's head. The names are those of the headers.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub status: u16,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub content_length: Option<u64>,
    pub content_range: Option<String>,
    location: Option<String>,
    retry_after: Option<Duration>,
}

enum Event {
    Head(Head),
    Data(Vec<u8>),
    End,
}

/// An answer whose body is still arriving.
pub struct Answer {
    pub head: Head,
    events: Receiver<Result<Event, Failure>>,
    pace: Pace,
}

impl Answer {
    /// The next piece of the body, `None` at its end.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let since = Instant::now();
        match wait(&self.events, self.pace.patience)? {
            Event::Data(bytes) => {
                self.pace.advance(since.elapsed(), bytes.len() as u64)?;
                Ok(Some(bytes))
            }
            Event::End | Event::Head(_) => Ok(None),
        }
    }
}

/// How fast a body arrives, as yum's `minrate` and `timeout` judge it: by the time that was
/// spent waiting for it, not by what else is done meanwhile.
struct Pace {
    /// The time over which the rate is measured.
    patience: Duration,
    /// Bytes a second.
    least_rate: u64,
    waited: Duration,
    came: u64,
}

impl Pace {
    fn new(settings: &Settings) -> Self {
        let (patience, least_rate) = (settings.timeout, settings.least_rate);
        Self { patience, least_rate, waited: Duration::ZERO, came: 0 }
    }

    /// Adds what came after some waiting.
    fn advance(&mut self, waited: Duration, bytes: u64) -> Result<(), Failure> {
        self.waited += waited;
        self.came += bytes;
        if self.waited < self.patience {
            return Ok(());
        }
        let seconds = self.waited.as_secs_f64();
        if (self.came as f64) < self.least_rate as f64 * seconds {
            let why = format!(
                "too slow: {} bytes in {seconds:.0} s, less than {} bytes a second",
                self.came, self.least_rate
            );
            return Err(Failure::Passing(why, None));
        }
        (self.waited, self.came) = (Duration::ZERO, 0);
        Ok(())
    }
}

/// The next event, unless the user interrupts or nothing comes for `patience`.
fn wait(events: &Receiver<Result<Event, Failure>>, patience: Duration) -> Result<Event, Failure> {
    let since = Instant::now();
    loop {
        if interrupt::requested() {
            return Err(Failure::Interrupted);
        }
        match events.recv_timeout(GLANCE) {
            Ok(event) => return event,
            Err(RecvTimeoutError::Timeout) if since.elapsed() < patience => {}
            Err(RecvTimeoutError::Timeout) => {
                let why = format!("nothing received for {} s", patience.as_secs());
                return Err(Failure::Passing(why, None));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::Passing("the connection was lost".into(), None));
            }
        }
    }
}

/// Talks to servers by one repository's settings, reusing connections.
pub struct Client {
    settings: Settings,
    /// By proxy and whether the target is https.
    agents: Mutex<HashMap<(Option<String>, bool), Agent>>,
}

impl Client {
    pub fn new(settings: Settings) -> Self {
        Self { settings, agents: Mutex::default() }
    }

    /// How this client talks.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks for `url`, following redirections. Any 2xx answer, 304 and 416 is handed on.
    pub fn get(&self, url: &str, headers: &[(&'static str, String)]) -> Result<Answer, Failure> {
        let mut address = Address::parse(url).map_err(unusable)?;
        if address.login.is_none() {
            address.login.clone_from(&self.settings.login);
        }
        for _ in 0..REDIRECTS {
            let answer = self.once(&address, headers)?;
            match answer.head.status {
                200..=299 | 304 | 416 => return Ok(answer),
                300..=399 => {
                    let location = answer.head.location.as_deref().ok_or_else(|| {
                        Failure::Final("redirected without a location".to_owned())
                    })?;
                    address = address.join(location).map_err(unusable)?;
                }
                status => return Err(refused(status, answer.head.retry_after)),
            }
        }
        Err(Failure::Final(format!("redirected more than {REDIRECTS} times")))
    }

    fn once(
        &self,
        address: &Address,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, Failure> {
        let mut request = self.agent(address)?.get(address.request());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if let Some(login) = &address.login {
            request = request.header("authorization", basic(login));
        }
        let (send, events) = sync_channel(WAITING);
        thread::spawn(move || {
            if let Err(why) = pump(request.call(), &send) {
                // Nobody listens any more after an interruption or silence.
                let _ = send.send(Err(broken(why)));
            }
        });
        let patience = self.settings.timeout;
        match wait(&events, patience)? {
            Event::Head(head) => Ok(Answer { head, events, pace: Pace::new(&self.settings) }),
            Event::Data(_) | Event::End => {
                Err(Failure::Passing("the connection was lost".into(), None))
            }
        }
    }

    fn agent(&self, address: &Address) -> Result<Agent, Failure> {
        let proxy = proxy::choose(&self.settings.proxy, address);
        let key = (proxy, address.secure);
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&key) {
            return Ok(agent.clone());
        }
        let agent = self.new_agent(key.0.as_deref(), address.secure)?;
        agents.insert(key, agent.clone());
        Ok(agent)
    }

    fn new_agent(&self, proxy: Option<&str>, secure: bool) -> Result<Agent, Failure> {
        let wrong = |e: &dyn std::fmt::Display| {
            let shown = super::address::shown(proxy.unwrap_or_default());
            Failure::Final(format!("cannot use the proxy {shown}: {e}"))
        };
        let tunnel = match proxy {
            Some(url) if secure => Some(Proxy::new(url).map_err(|e| wrong(&e))?),
            _ => None,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(tunnel)
            .tls_config(self.tls()?)
            .timeout_connect(Some(self.settings.timeout))
            .timeout_recv_response(Some(self.settings.timeout))
            .timeout_per_read(Some(self.settings.timeout))
            .user_agent(concat!("imgbuild/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        let Some(url) = proxy.filter(|_| !secure) else { return Ok(config.into()) };
        let address = Address::parse(url).map_err(|e| wrong(&e))?;
        if address.secure {
            return Err(wrong(&"a proxy for http:// is itself asked by http://"));
        }
        let connector =
            ().chain(TcpConnector::default()).chain(ForwardConnector::new(address.login.as_ref()));
        let resolver = ProxyResolver(address.show().parse().map_err(|e| wrong(&e))?);
        Ok(Agent::with_parts(config, connector, resolver))
    }

    fn tls(&self) -> Result<TlsConfig, Failure> {
        let builder = TlsConfig::builder().disable_verification(!self.settings.verify);
        let Some(path) = &self.settings.authorities else { return Ok(builder.build()) };
        let wrong = |e: &dyn std::fmt::Display| {
            Failure::Final(format!("cannot read the certificates in {}: {e}", path.display()))
        };
        let text = read_regular(path, AUTHORITIES_MAX).map_err(|e| wrong(&e))?;
        let mut certificates = Vec::new();
        for item in parse_pem(&text) {
            if let PemItem::Certificate(certificate) = item.map_err(|e| wrong(&e))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(wrong(&"there are none"));
        }
        Ok(builder.root_certs(RootCerts::Specific(Arc::new(certificates))).build())
    }
}

fn unusable(address: Malformed) -> Failure {
    Failure::Final(address.to_string())
}

/// What a status other than success means.
fn refused(status: u16, after: Option<Duration>) -> Failure {
    let why = format!("the server answered {status}");
    match status {
        // The server's final answer, unless it reports that it is busy or was too slow.
        408 | 425 | 429 | 500..=599 => Failure::Passing(why, after),
        _ => Failure::Final(why),
    }
}

/// What it means that an answer did not come, or was interrupted.
fn broken(why: String) -> Failure {
    // A server does not get another certificate from being asked again.
    if why.contains("certificate") { Failure::Final(why) } else { Failure::Passing(why, None) }
}

/// Hands over an answer piece by piece; what goes wrong is a message.
fn pump(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    to: &SyncSender<Result<Event, Failure>>,
) -> Result<(), String> {
    let (parts, body) = answer.map_err(|e| e.to_string())?.into_parts();
    let text = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.trim().to_owned());
    let head = Head {
        status: parts.status.as_u16(),
        etag: text("etag"),
        last_modified: text("last-modified"),
        content_length: text("content-length").and_then(|n| n.parse().ok()),
        content_range: text("content-range"),
        location: text("location"),
        retry_after: text("retry-after").and_then(|n| n.parse().ok()).map(Duration::from_secs),
    };
    if to.send(Ok(Event::Head(head))).is_err() {
        return Ok(());
    }
    let mut body = body.into_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let event = match body.read(&mut piece) {
            Ok(0) => Event::End,
            Ok(n) => {
                piece.truncate(n);
                Event::Data(piece)
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.to_string()),
        };
        let over = matches!(event, Event::End);
        if to.send(Ok(event)).is_err() || over {
            return Ok(());
        }
    }
}
