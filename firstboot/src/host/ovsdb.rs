//! The transport of Open vSwitch's database: JSON-RPC over its Unix socket (RFC 7047).
//! One connection for each request: the few questions that a step has need no more.

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use serde_json::{Deserializer, Value, json};
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a request may take, from connecting to the end of the answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of bytes that the server may send for one request: hundreds of times the
/// tables of a lab's node.
const MAX_ANSWER: u64 = 16 << 20;

/// Sends one request and returns its result.
///
/// # Errors
/// When the server does not exist, has not answered within 10 seconds, sends more than 16 MiB,
/// or refuses the request: its error.
pub fn call(socket: &Path, method: &str, params: &Value) -> io::Result<Value> {
    let request = json!({"id": 1, "method": method, "params": params});
    let mut connection = Connection::open(socket, TIME_LIMIT)?;
    connection.write_all(request.to_string().as_bytes())?;
    read_answer(connection)
}

/// Reads messages until the answer to request 1, and returns its result. No more than
/// [`MAX_ANSWER`] bytes are read.
///
/// # Errors
/// As [`call`].
pub fn read_answer(from: impl Read) -> io::Result<Value> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let limited = BufReader::new(Limited { from, left: MAX_ANSWER });
    for message in Deserializer::from_reader(limited).into_iter::<Value>() {
        let message = message.map_err(io::Error::from)?;
        // The server asks whether we are alive; with one request that needs no answer.
        if message["id"] != 1 || message.get("method").is_some() {
            continue;
        }
        return match &message["error"] {
            Value::Null => Ok(message["result"].clone()),
            error => Err(invalid(format!("the OVS database refuses: {error}"))),
        };
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the OVS database closed the connection"))
}

/// A reader that fails where an answer is longer than it may be.
struct Limited<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            let why = format!("the OVS database sends more than {} MiB", MAX_ANSWER >> 20);
            io::Error::new(io::ErrorKind::InvalidData, why)
        })?;
        Ok(count)
    }
}

/// A connection with one time limit for all that is done over it.
struct Connection {
    stream: UnixStream,
    deadline: Instant,
}

impl Connection {
    /// Connects; a server that accepts no connection is waited for as long as `limit`.
    fn open(path: &Path, limit: Duration) -> io::Result<Connection> {
        let deadline = Instant::now() + limit;
        let kind = (AddressFamily::Unix, SockType::Stream);
        let descriptor = socket(kind.0, kind.1, SockFlag::SOCK_CLOEXEC, None)?;
        // Linux takes it as the limit of connect as well.
        let seconds = TimeVal::milliseconds(limit.as_millis() as i64);
        setsockopt(&descriptor, sockopt::SendTimeout, &seconds)?;
        connect(descriptor.as_raw_fd(), &UnixAddr::new(path)?).map_err(|e| in_time(e.into()))?;
        Ok(Connection { stream: descriptor.into(), deadline })
    }

    /// The time left.
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(late()) } else { Ok(left) }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer).map_err(in_time)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes).map_err(in_time)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the OVS database does not answer in time")
}

/// A socket's time limit is reported as `EAGAIN`.
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { late() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a request gets from a server that does `serve` with its connection.
    fn ask(limit: Duration, serve: fn(UnixStream)) -> io::Result<Value> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        let answer = Connection::open(&path, limit).and_then(|mut connection| {
            connection.write_all(b"{}")?;
            read_answer(connection)
        });
        server.join().unwrap();
        answer
    }

    #[test]
    fn the_answer_is_found_among_other_messages() {
        let messages = br#"{"id":"echo","method":"echo","params":[]} {"id":0,"result":1}
                           {"id":1,"result":[7],"error":null}"#;
        assert_eq!(read_answer(&messages[..]).unwrap(), json!([7]));
        let refused = read_answer(&br#"{"id":1,"result":null,"error":"no"}"#[..]).unwrap_err();
        assert_eq!(refused.to_string(), "the OVS database refuses: \"no\"");
        let closed = read_answer(&b"{\"id\""[..]).unwrap_err();
        assert_eq!(closed.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn an_endless_answer_is_cut_off() {
        // Blanks, a string without end, and messages that were not asked for.
        for (start, endless) in [("", " "), ("\"", "x"), ("", "{} ")] {
            let mut sent = 0;
            let endless = Endless { start: start.as_bytes(), piece: endless, sent: &mut sent };
            let error = read_answer(endless).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
            assert!(error.to_string().contains("16 MiB"), "{error}");
            assert!(sent <= MAX_ANSWER + (1 << 20), "{sent} bytes were read");
        }
    }

    /// `start`, and then `piece` again and again.
    struct Endless<'t> {
        start: &'t [u8],
        piece: &'t str,
        sent: &'t mut u64,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let endless = self.piece.bytes().cycle();
            let count = buffer.len() - (buffer.len() - self.start.len()) % self.piece.len();
            let bytes = self.start.iter().copied().chain(endless);
            buffer[..count].iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
            self.start = &[];
            *self.sent += count as u64;
            Ok(count)
        }
    }

    #[test]
    fn a_slow_server_is_not_waited_for() {
        let begun = Instant::now();
        let error = ask(Duration::from_millis(300), |mut stream| {
            // Each byte is in time, all together are not.
            while stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_server_that_accepts_nothing_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.sock");
        let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None);
        let listener = listener.unwrap();
        nix::sys::socket::bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let limit = Duration::from_millis(200);
        let _waiting = Connection::open(&path, limit).unwrap();
        let error = Connection::open(&path, limit).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }
}
