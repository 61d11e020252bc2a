//! The server: listens, and gives each connection a thread.

use super::address::path_parts;
use super::answer::Answer;
use super::connection;
use super::limits::{Place, Places};
use super::page::StatusPage;
use super::repository::ServedRepository;
use super::request::HttpRequest;
use super::served_tree::ServedTree;
use super::watcher::RequestWatcher;
use crate::base::error::{Context, Error, Result};
use crate::base::terminal::printable;
use crate::packages::media::StoredFile;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cmp::Reverse;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How often the server looks whether it is to end, in milliseconds.
const GLANCE: u16 = 200;
/// How long it waits where nothing can be accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a thread's stack; nothing here is deep.
const STACK: usize = 256 << 10;
/// Lines of the log, so that no client fills the disk by asking for what does not exist.
const LINES: usize = 10_000;

/// What is served, and to how many.
pub struct Server {
    /// Those with the longest paths first: one may be below another.
    trees: Vec<ServedTree>,
    watcher: Option<Arc<dyn RequestWatcher>>,
    page: Option<StatusPage>,
    places: Places,
    lines: AtomicUsize,
}

/// Listens at an address.
///
/// # Errors
/// An environment error when that is impossible.
pub fn bind(address: SocketAddr) -> Result<TcpListener> {
    let what = || format!("cannot listen on {address}");
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let listened: io::Result<TcpListener> = listen();
    let kind = listened.as_ref().err().map(io::Error::kind);
    listened.or_environment(what).map_err(|error| match kind {
        Some(io::ErrorKind::PermissionDenied) => error.hint(
            "ports below 1024 are root's: run it as root, or give another by --listen ADDRESS:PORT",
        ),
        Some(io::ErrorKind::AddrNotAvailable) => error.hint(
            "this machine does not have the address: give it one, or listen on another by --listen ADDRESS:PORT",
        ),
        Some(io::ErrorKind::AddrInUse) => error
            .hint("another program listens there: end it, or give another port by --listen ADDRESS:PORT"),
        _ => error,
    })
}

impl Server {
    /// Of these repositories.
    ///
    /// # Errors
    /// An input error when two are at the same path.
    pub fn new(mut repositories: Vec<ServedRepository>) -> Result<Self> {
        repositories.sort_by(|a, b| a.base.path.cmp(&b.base.path));
        if let Some(pair) =
            repositories.windows(2).find(|pair| pair[0].base.path == pair[1].base.path)
        {
            let (one, two) = (&pair[0].place, &pair[1].place);
            let message = format!("{} and {} are both at {}", one.id, two.id, one.baseurl);
            return Err(Error::input(message).hint("give each a `baseurl` of its own"));
        }
        let trees = repositories.into_iter().map(|repository| repository.tree).collect();
        let (places, lines) = (Places::default(), AtomicUsize::new(0));
        Ok(Self { trees: Vec::new(), watcher: None, page: None, places, lines }.with_trees(trees))
    }

    /// Of these as well.
    #[must_use]
    pub fn with_trees(mut self, trees: Vec<ServedTree>) -> Self {
        self.trees.extend(trees);
        self.trees.sort_by_key(|tree| Reverse(tree.path.len()));
        self
    }

    /// With somebody who hears of requests.
    #[must_use]
    pub fn watched(mut self, watcher: Arc<dyn RequestWatcher>) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// With a page for people.
    #[must_use]
    pub fn with_page(mut self, page: StatusPage) -> Self {
        self.page = Some(page);
        self
    }

    /// Serves until `over` says that it is enough.
    pub fn run(self, listeners: &[TcpListener], over: &dyn Fn() -> bool) {
        let this = Arc::new(self);
        while !over() {
            if !this.places.any() {
                thread::sleep(PAUSE);
                continue;
            }
            let mut polled: Vec<PollFd> =
                listeners.iter().map(|l| PollFd::new(l.as_fd(), PollFlags::POLLIN)).collect();
            // An interruption ends it as well.
            let _ = poll(&mut polled, PollTimeout::from(GLANCE));
            let ready = polled.iter().map(|p| p.any().unwrap_or(false));
            for listener in listeners.iter().zip(ready.collect::<Vec<_>>()).filter(|(_, r)| *r) {
                this.accept(listener.0);
            }
        }
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::Interrupted
                ) =>
            {
                return;
            }
            Err(e) => {
                // Too many open files, or no memory: some connection will end.
                self.log(&format!("cannot accept a connection: {e}"));
                return thread::sleep(PAUSE);
            }
        };
        let Some(place) = self.places.take(client.ip()) else {
            let why = "this address has too many connections";
            self.log(&format!("{}: {why}", client.ip()));
            // It may not wait for the answer.
            return drop(connection::refuse(stream, &Answer::error(503, why)));
        };
        let this = Arc::clone(self);
        let builder = thread::Builder::new().stack_size(STACK);
        // Without a thread the connection is closed.
        let _ = builder.spawn(move || this.serve(stream, client, place));
    }

    fn serve(&self, stream: TcpStream, client: SocketAddr, place: Place) {
        let served = stream
            .set_nonblocking(false)
            .and_then(|()| connection::serve(stream, &|request| self.respond(request, client)));
        // Clients come and go; what is wrong with a file is not theirs.
        if let Err(e) = served
            && e.kind() == io::ErrorKind::UnexpectedEof
        {
            self.log(&format!("{}: a file ended early: was a medium changed?", client.ip()));
        }
        drop(place);
    }

    fn respond(&self, request: &HttpRequest, client: SocketAddr) -> Answer {
        if let Some(answer) = self.page.as_ref().and_then(|page| page.answer(request)) {
            return answer;
        }
        let path = path_parts(request.path.as_bytes());
        let may_have = |path: &[String]| {
            self.watcher.as_ref().is_none_or(|watcher| watcher.allows(path, client.ip()))
        };
        let file = match &path {
            Some(path) if may_have(path) => self.file(path),
            _ => Ok(None),
        };
        let answer = Answer::new(request, file);
        if let (Some(watcher), Some(path)) = (&self.watcher, &path) {
            watcher.answered(path, client.ip(), answer.status);
        }
        if answer.status >= 400 {
            let HttpRequest { method, path, .. } = request;
            self.log(&format!("{}: {method} {path}: {}", client.ip(), answer.body.text()));
        }
        answer
    }

    /// The file at a path.
    fn file(&self, path: &[String]) -> io::Result<Option<StoredFile>> {
        for tree in &self.trees {
            if let Some(file) = tree.file(path)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    fn log(&self, line: &str) {
        let count = self.lines.fetch_add(1, Ordering::Relaxed);
        let line = match count {
            ..LINES => printable(line).into_owned(),
            LINES => format!("more than {LINES} lines: the log ends here"),
            _ => return,
        };
        // A log that cannot be written holds nothing up.
        let _ = writeln!(io::stderr(), "{line}");
    }
}
