//! One connection: requests are read and answered until one side has had enough.

use super::answer::{Answer, Body};
use super::feed::{FeedEvent, StatusFeed};
use super::request::HttpRequest;
use crate::packages::media::StoredFile;
use formats::iso9660::Extent;
use nix::sys::socket::{MsgFlags, send};
use rustix::fs::sendfile;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime};

/// How long a connection may be idle, and how long nothing of an answer may be taken. A node in an
/// emulator on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a head may take to arrive.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long nothing is sent where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Bytes that are read, and that are sent, at a time.
const READ: usize = 4 << 10;
const SENT: usize = 1 << 20;

/// Answers the requests of a connection by `respond`.
///
/// # Errors
/// When the client has gone, is too slow, or a file ends too early.
pub fn serve(mut stream: TcpStream, respond: &dyn Fn(&HttpRequest) -> Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut bytes = Vec::new();
    loop {
        let (answer, without_body) = match read_request(&mut stream, &mut bytes)? {
            Head::End => return Ok(()),
            Head::Bad(answer) => (answer, false),
            Head::Request(request) => (respond(&request), request.method == "HEAD"),
        };
        write(&mut stream, &answer, without_body)?;
        if !answer.keep_alive {
            return end(&mut stream);
        }
    }
}

/// Sends an answer to a client that is not listened to.
///
/// # Errors
/// When it has gone.
pub fn refuse(mut stream: TcpStream, answer: &Answer) -> io::Result<()> {
    write(&mut stream, answer, false)
}

enum Head {
    /// The client has no more requests.
    End,
    Bad(Answer),
    Request(HttpRequest),
}

/// The next request; `bytes` has what came after the one before, and is left with what comes after
/// this one.
fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<Head> {
    let mut started = (!bytes.is_empty()).then(Instant::now);
    loop {
        match HttpRequest::parse(bytes) {
            Ok(Some((request, length))) => {
                bytes.drain(..length);
                return Ok(Head::Request(request));
            }
            Ok(None) => {}
            Err(bad) => return Ok(Head::Bad(Answer::bad(bad))),
        }
        let left = started.map_or(PATIENCE, |s: Instant| HEAD_LIMIT.saturating_sub(s.elapsed()));
        let late = || Head::Bad(Answer::error(408, "the request did not come in time"));
        if left.is_zero() {
            return Ok(late());
        }
        stream.set_read_timeout(Some(left))?;
        let mut piece = [0; READ];
        match stream.read(&mut piece) {
            Ok(0) => return Ok(Head::End),
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(e) if is_timeout(&e) && started.is_none() => return Ok(Head::End),
            Err(e) if is_timeout(&e) => return Ok(late()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        started.get_or_insert_with(Instant::now);
    }
}

/// What a socket's time limit ends with.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn write(stream: &mut TcpStream, answer: &Answer, without_body: bool) -> io::Result<()> {
    let head = answer.head(SystemTime::now());
    match &answer.body {
        Body::File(file, range) if !without_body && !range.is_empty() => {
            send_before_more(stream, head.as_bytes())?;
            send_file(stream, file, range.clone())
        }
        Body::Text(text) if !without_body => stream.write_all((head + text).as_bytes()),
        Body::Events(feed) if !without_body => {
            stream.write_all(head.as_bytes())?;
            send_events(stream, feed)
        }
        _ => stream.write_all(head.as_bytes()),
    }
}

/// Sends bytes that more follow, in one packet with these.
fn send_before_more(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    // nix has no name for it (send(2)).
    let more = MsgFlags::from_bits_retain(nix::libc::MSG_MORE);
    while !bytes.is_empty() {
        match send(stream.as_raw_fd(), bytes, more) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Sends these bytes of a file from where it is.
fn send_file(stream: &TcpStream, file: &StoredFile, range: Range<u64>) -> io::Result<()> {
    for Extent { mut offset, size } in within(&file.extents, range) {
        let end = offset + size;
        while offset < end {
            let most = usize::try_from(end - offset).unwrap_or(SENT).min(SENT);
            match sendfile(stream, &file.file, Some(&mut offset), most) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

/// Sends what is published (HTML standard, 9.2) until the client has gone or nothing more comes.
fn send_events(stream: &mut TcpStream, feed: &StatusFeed) -> io::Result<()> {
    let mut seen = 0;
    loop {
        match feed.wait(seen, HEARTBEAT) {
            FeedEvent::New(number, line) => {
                seen = number;
                stream.write_all(format!("data: {line}\n\n").as_bytes())?;
            }
            // A client that has gone is noticed by it.
            FeedEvent::Nothing => stream.write_all(b":\n\n")?,
            FeedEvent::End => return Ok(()),
        }
    }
}

/// The parts of `extents` that hold these bytes of the whole.
fn within(extents: &[Extent], range: Range<u64>) -> Vec<Extent> {
    let (mut start, mut parts) = (0, Vec::new());
    for extent in extents {
        let end = start + extent.size;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            parts.push(Extent { offset: extent.offset + (from - start), size: to - from });
        }
        start = end;
    }
    parts
}

/// Ends a connection so that the last answer arrives: what the client still sends is read for a
/// moment, as unread it would reset the connection (RFC 9112, 9.6).
fn end(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut piece = [0; READ];
    for _ in 0..16 {
        if stream.read(&mut piece)? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_go_over_extents() {
        let extents =
            [(4096, 100), (0, 0), (8192, 50)].map(|(offset, size)| Extent { offset, size });
        let of =
            |range| within(&extents, range).iter().map(|e| (e.offset, e.size)).collect::<Vec<_>>();
        assert_eq!(of(0..150), [(4096, 100), (8192, 50)]);
        assert_eq!(of(99..101), [(4195, 1), (8192, 1)]);
        assert_eq!(of(100..150), [(8192, 50)]);
        assert_eq!(of(149..150), [(8241, 1)]);
    }
}
