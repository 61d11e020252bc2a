//! What a request is answered: status, header lines, and which bytes follow (RFC 9110).

use super::feed::StatusFeed;
use super::range::{self, RequestedBytes};
use super::request::{BadHead, HttpRequest};
use crate::packages::media::StoredFile;
use std::fmt::Write;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header lines of its own, each with its end.
    pub headers: String,
    /// What follows the head.
    pub body: Body,
    /// Whether another request may follow.
    pub keep_alive: bool,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Body {
    /// None, and no length either.
    Nothing,
    /// A message for people.
    Text(String),
    /// Bytes of a file.
    File(StoredFile, Range<u64>),
    /// What is published, as server-sent events, until the client goes.
    Events(Arc<StatusFeed>),
}

impl Body {
    /// The message, where it is one.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text.trim_end(),
            _ => "",
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::Nothing | Self::Events(_) => None,
            Self::Text(text) => Some(text.len() as u64),
            Self::File(_, range) => Some(range.end - range.start),
        }
    }
}

impl Answer {
    /// The answer to a request that means `file`, or to which there is none.
    pub fn new(request: &HttpRequest, file: io::Result<Option<StoredFile>>) -> Self {
        let answer = match (request.method.as_str(), file) {
            ("GET" | "HEAD", Ok(Some(file))) => send(request, file),
            ("GET" | "HEAD", Ok(None)) => Self::error(404, "file not found"),
            ("GET" | "HEAD", Err(e)) if e.kind() == io::ErrorKind::PermissionDenied => {
                Self::error(403, &e.to_string())
            }
            ("GET" | "HEAD", Err(e)) if e.kind() == io::ErrorKind::NetworkUnreachable => {
                Self::error(502, &e.to_string())
            }
            ("GET" | "HEAD", Err(e)) => Self::error(500, &e.to_string()),
            _ => Self::error(405, "only GET and HEAD are answered").with("Allow: GET, HEAD"),
        };
        Self { keep_alive: request.keep_alive, ..answer }
    }

    /// An error, after which the connection ends.
    pub fn error(status: u16, why: &str) -> Self {
        let text = format!("{status} {}: {why}\n", reason(status));
        let headers = "Content-Type: text/plain; charset=utf-8\r\n".to_owned();
        Self { status, headers, body: Body::Text(text), keep_alive: false }
    }

    /// The answer to a head that cannot be served.
    pub fn bad(head: BadHead) -> Self {
        match head {
            BadHead::Malformed => Self::error(400, "this is not an HTTP request"),
            BadHead::TooLarge => Self::error(431, "the head of the request is too long"),
            BadHead::Content => Self::error(413, "requests with content are not answered"),
        }
    }

    /// A page of this type for people, or what it fetches; no other site's page may show or read it.
    pub fn page(kind: &str, body: Body) -> Self {
        let headers = format!(
            "Content-Type: {kind}; charset=utf-8\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        );
        Self { status: 200, headers, body, keep_alive: false }
    }

    /// With another header line.
    #[must_use]
    pub fn with(mut self, line: &str) -> Self {
        // Writing to a String cannot fail.
        let _ = write!(self.headers, "{line}\r\n");
        self
    }

    /// Its head, sent at `now`.
    pub fn head(&self, now: SystemTime) -> String {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\nServer: imgbuild\r\n{}",
            self.status,
            reason(self.status),
            date(now),
            self.headers
        );
        if let Some(length) = self.body.length() {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        let _ = write!(head, "Connection: {connection}\r\n\r\n");
        head
    }
}

fn send(request: &HttpRequest, file: StoredFile) -> Answer {
    let (size, tag) = (file.size(), tag(&file));
    let modified = date(file.modified);
    let same = match (&request.if_none_match, &request.if_modified_since) {
        (Some(tags), _) => has_tag(tags, &tag),
        (None, Some(since)) => !is_newer(file.modified, since),
        (None, None) => false,
    };
    let answer =
        Answer { status: 200, headers: String::new(), body: Body::Nothing, keep_alive: true };
    let answer = answer.with(&format!("ETag: {tag}")).with(&format!("Last-Modified: {modified}"));
    if same {
        return Answer { status: 304, ..answer };
    }
    // The version that the client has a part of, by its tag or its date.
    let is_its_version = |wanted: &String| *wanted == tag || *wanted == modified;
    let range =
        request.range.as_ref().filter(|_| request.if_range.as_ref().is_none_or(is_its_version));
    let answer = answer.with("Accept-Ranges: bytes");
    match range.map_or(RequestedBytes::Whole, |value| range::parse(value, size)) {
        RequestedBytes::Whole => {
            let body = Body::File(file, 0..size);
            Answer { body, ..answer.with("Content-Type: application/octet-stream") }
        }
        RequestedBytes::Bytes(bytes) => {
            let (first, last) = (bytes.start, bytes.end - 1);
            let answer = answer
                .with(&format!("Content-Range: bytes {first}-{last}/{size}"))
                .with("Content-Type: application/octet-stream");
            Answer { status: 206, body: Body::File(file, bytes), ..answer }
        }
        RequestedBytes::Outside => Answer::error(416, "the file does not have these bytes")
            .with(&format!("Content-Range: bytes */{size}")),
    }
}

/// A name for the file's version. A file at the same place of another ISO file has another one.
fn tag(file: &StoredFile) -> String {
    let since = file.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let offset = file.extents.first().map_or(0, |extent| extent.offset);
    format!("\"{:x}-{:x}-{offset:x}\"", since.as_nanos(), file.size())
}

/// Whether a list of tags has `tag` (RFC 9110, 13.1.2: a weak one is as good).
fn has_tag(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Whether `modified` is after a date; whole seconds count. What cannot be read as a date is long ago.
fn is_newer(modified: SystemTime, than: &str) -> bool {
    let seconds = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    };
    httpdate::parse_http_date(than).map_or(true, |than| seconds(modified) > seconds(than))
}

/// A date of a header, within the years 1970 to 9999 that one can be of.
fn date(time: SystemTime) -> String {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LAST);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::iso9660::Extent;
    use std::fs::File;

    /// A file of two pieces, changed on 6 November 1994 (RFC 9110's example).
    fn file() -> StoredFile {
        let extents = vec![Extent { offset: 4096, size: 600 }, Extent { offset: 8192, size: 400 }];
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        StoredFile { file: File::open("/dev/null").unwrap(), extents, modified }
    }

    fn ask(change: impl Fn(&mut HttpRequest)) -> (u16, String, Option<Range<u64>>) {
        let mut request =
            HttpRequest { method: "GET".into(), keep_alive: true, ..HttpRequest::default() };
        change(&mut request);
        let answer = Answer::new(&request, Ok(Some(file())));
        let head = answer.head(SystemTime::UNIX_EPOCH);
        let range = match answer.body {
            Body::File(_, range) => Some(range),
            _ => None,
        };
        (answer.status, head, range)
    }

    #[test]
    fn whole_files_and_parts() {
        let (status, head, range) = ask(|_| {});
        assert_eq!((status, range), (200, Some(0..1000)));
        assert_eq!(
            head,
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: imgbuild\r\n\
             ETag: \"ae1b981da166f00-3e8-1000\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: 1000\r\nConnection: keep-alive\r\n\r\n"
        );
        let (status, head, range) = ask(|r| r.range = Some("bytes=-1".into()));
        assert_eq!((status, range), (206, Some(999..1000)));
        assert!(head.contains("Content-Range: bytes 999-999/1000\r\n"), "{head}");
        let (status, head, _) = ask(|r| r.range = Some("bytes=1000-".into()));
        assert!(status == 416 && head.contains("Content-Range: bytes */1000\r\n"), "{head}");
    }

    #[test]
    fn versions() {
        let tag = "\"ae1b981da166f00-3e8-1000\"";
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        let status = |change: &dyn Fn(&mut HttpRequest)| ask(change).0;
        assert_eq!(status(&|r| r.if_none_match = Some(format!("\"a\", W/{tag}"))), 304);
        assert_eq!(status(&|r| r.if_none_match = Some("\"a\"".into())), 200);
        assert_eq!(status(&|r| r.if_modified_since = Some(date.into())), 304);
        assert_eq!(status(&|r| r.if_modified_since = Some(before.into())), 200);
        assert_eq!(status(&|r| r.if_modified_since = Some("yesterday".into())), 200);
        let part = |version: &str| {
            ask(|r| (r.range, r.if_range) = (Some("bytes=0-1".into()), Some(version.into()))).0
        };
        assert_eq!([part(tag), part(date), part("\"a\""), part(before)], [206, 206, 200, 200]);
        let (_, head, _) = ask(|r| r.if_none_match = Some("*".into()));
        assert!(!head.contains("Content-Length"), "{head}");
    }

    #[test]
    fn dates_that_no_header_has_are_no_panic() {
        let far = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 42)).unwrap();
        assert_eq!(date(far), "Fri, 31 Dec 9999 23:59:59 GMT");
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(date(early), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
