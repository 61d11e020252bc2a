//! A test double of a web server: it serves a directory, and misbehaves on request. Also as a
//! proxy: of an absolute request target it serves the path, and CONNECT it carries out.

use crate::namespace::Namespace;
use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// One way to misbehave.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status and these further header lines, and no file.
    Status(u16, &'static str),
    /// Breaks the connection after so many bytes of the body.
    Cut(usize),
    /// Is silent after so many bytes of the body until the client goes away.
    Stall(usize),
    /// Sends one byte of the body in each of these times.
    Trickle(Duration),
    /// Sends the whole file although a part is asked for.
    NoRange,
    /// Sends these bytes as the file, as a whole.
    Other(Vec<u8>),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` or `CONNECT`.
    pub method: String,
    /// The target as written.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
}

struct State {
    directory: PathBuf,
    /// By the end of the path; each fault happens once, in order.
    faults: Mutex<Vec<(String, Fault)>>,
    requests: Mutex<Vec<Request>>,
    over: AtomicBool,
}

/// A running server; it ends when dropped.
pub struct ServerDouble {
    /// `http://127.0.0.1:port`.
    pub url: String,
    state: Arc<State>,
}

impl ServerDouble {
    /// Serves `directory` on a port of loopback in `namespace`.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(namespace: &Namespace, directory: &Path) -> Self {
        // Its threads are in the namespace as well, and so are the connections they make.
        namespace.run(|| Self::start_here(directory))
    }

    /// The same in the network that the caller is in.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start_here(directory: &Path) -> Self {
        let state = Arc::new(State {
            directory: directory.to_owned(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        listener.set_nonblocking(true).expect("non-blocking");
        let port = listener.local_addr().expect("address").port();
        thread::spawn(move || {
            while !shared.over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let shared = Arc::clone(&shared);
                        thread::spawn(move || drop(shared.serve(&stream)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Self { url: format!("http://127.0.0.1:{port}"), state }
    }

    /// The next request whose path ends like this is answered so; faults of one path queue up.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.state.faults.lock().expect("lock").push((path.to_owned(), fault));
    }

    /// Every request so far whose target ends like this.
    pub fn requests(&self, path: &str) -> Vec<Request> {
        let all = self.state.requests.lock().expect("lock");
        all.iter().filter(|r| decoded(&r.target).ends_with(path)).cloned().collect()
    }
}

impl Drop for ServerDouble {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        let Some(request) = read_request(stream)? else { return Ok(()) };
        self.requests.lock().expect("lock").push(request.clone());
        if request.method == "CONNECT" {
            return tunnel(stream, &request.target);
        }
        let path = match request.target.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => request.target.trim_start_matches('/'),
        };
        let path = &decoded(path.split('?').next().unwrap_or_default());
        let fault = self.next_fault(path);
        let file = fs::read(self.directory.join(path));
        match (fault, file) {
            (Some(Fault::Status(status, headers)), _) => head(stream, status, headers, 0),
            (Some(Fault::Other(bytes)), _) => whole(stream, &bytes, None),
            (_, Err(_)) => head(stream, 404, "", 0),
            (fault, Ok(bytes)) => answer(stream, &request, &bytes, fault),
        }
    }

    fn next_fault(&self, path: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().expect("lock");
        let index = faults.iter().position(|(end, _)| path.ends_with(end.as_str()))?;
        Some(faults.remove(index).1)
    }
}

/// A path as servers of object stores read it: a plus sign is a blank.
fn decoded(path: &str) -> String {
    let mut parts = path.replace('+', " ");
    while let Some(at) = parts.find('%') {
        let code = u8::from_str_radix(&parts[at + 1..at + 3], 16).expect("a percent code");
        parts.replace_range(at..at + 3, char::from(code).encode_utf8(&mut [0; 4]));
    }
    parts
}

fn read_request(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = HashMap::new();
    for line in lines {
        match line?.split_once(':') {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            None => break,
        }
    }
    Ok(Some(Request { method, target, headers }))
}

/// A validator that differs where the content does.
fn etag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(*b)));
    format!("\"{sum:x}\"")
}

fn answer(
    stream: &TcpStream,
    request: &Request,
    bytes: &[u8],
    fault: Option<Fault>,
) -> io::Result<()> {
    let tag = etag(bytes);
    if request.headers.get("if-none-match") == Some(&tag) {
        return head(stream, 304, "", 0);
    }
    let start = request
        .headers
        .get("range")
        .filter(|_| request.headers.get("if-range").is_none_or(|wanted| *wanted == tag))
        .filter(|_| !matches!(fault, Some(Fault::NoRange)))
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let Some(start) = start else { return whole(stream, bytes, fault) };
    if start >= bytes.len() {
        return head(stream, 416, "", 0);
    }
    let range = format!(
        "ETag: {tag}\r\nContent-Range: bytes {start}-{}/{}\r\n",
        bytes.len() - 1,
        bytes.len()
    );
    head(stream, 206, &range, bytes.len() - start)?;
    body(stream, &bytes[start..], fault)
}

fn whole(stream: &TcpStream, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
    head(stream, 200, &format!("ETag: {}\r\n", etag(bytes)), bytes.len())?;
    body(stream, bytes, fault)
}

fn head(mut stream: &TcpStream, status: u16, headers: &str, length: usize) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} so\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    )
}

fn body(mut stream: &TcpStream, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::Cut(max)) => {
            stream.write_all(&bytes[..max.min(bytes.len())])?;
            stream.shutdown(Shutdown::Both)
        }
        Some(Fault::Stall(max)) => {
            stream.write_all(&bytes[..max.min(bytes.len())])?;
            // Until the client closes its end.
            stream.read(&mut [0]).map(|_| ())
        }
        Some(Fault::Trickle(pause)) => bytes.iter().try_for_each(|byte| {
            stream.write_all(std::slice::from_ref(byte))?;
            thread::sleep(pause);
            Ok(())
        }),
        _ => stream.write_all(bytes),
    }
}

fn tunnel(mut client: &TcpStream, target: &str) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 so\r\n\r\n")?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    io::copy(&mut client, &mut &server).map(|_| ())
}
