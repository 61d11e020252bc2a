//! The head of a request (RFC 9112), as far as a server of files heeds it.

use httparse::{EMPTY_HEADER, Error, Header, Status};

/// Most bytes of a head, and most header lines.
const HEAD_MAX: usize = 16 << 10;
const LINES_MAX: usize = 64;

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `HEAD` or another.
    pub method: String,
    /// The target's path and query as written.
    pub path: String,
    /// Whether the connection may serve another request afterwards.
    pub keep_alive: bool,
    /// Header `Range`.
    pub range: Option<String>,
    /// Header `If-Range`.
    pub if_range: Option<String>,
    /// Header `If-None-Match`.
    pub if_none_match: Option<String>,
    /// Header `If-Modified-Since`.
    pub if_modified_since: Option<String>,
}

/// Why a head is answered by an error, after which the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// It is not a request.
    Malformed,
    /// It is too long.
    TooLarge,
    /// Content follows, which nothing here takes.
    Content,
}

impl HttpRequest {
    /// Reads the head at the beginning of `bytes`, and how long it is; `None` while its end is
    /// missing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, BadHead> {
        let mut lines = [EMPTY_HEADER; LINES_MAX];
        let mut head = httparse::Request::new(&mut lines);
        let length = match head.parse(bytes) {
            Ok(Status::Complete(length)) if length <= HEAD_MAX => length,
            Ok(Status::Partial) if bytes.len() < HEAD_MAX => return Ok(None),
            Ok(_) | Err(Error::TooManyHeaders) => return Err(BadHead::TooLarge),
            Err(_) => return Err(BadHead::Malformed),
        };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let is_new = head.version == Some(1);
        let mut request = Self {
            method: text(head.method),
            path: path(head.path.unwrap_or_default()).to_owned(),
            keep_alive: is_new,
            ..Self::default()
        };
        let mut hosts = 0;
        for Header { name, value } in head.headers.iter() {
            let value = String::from_utf8_lossy(value).trim().to_owned();
            match name.to_ascii_lowercase().as_str() {
                "host" => hosts += 1,
                "connection" => request.keep_alive = keeps_alive(&value, request.keep_alive),
                "content-length" if value == "0" => {}
                "content-length" | "transfer-encoding" => return Err(BadHead::Content),
                "range" => request.range = Some(value),
                "if-range" => request.if_range = Some(value),
                "if-none-match" => request.if_none_match = Some(value),
                "if-modified-since" => request.if_modified_since = Some(value),
                _ => {}
            }
        }
        // RFC 9112, 3.2.
        if hosts > 1 || is_new && hosts == 0 {
            return Err(BadHead::Malformed);
        }
        Ok(Some((request, length)))
    }
}

/// The path of a target, which may be a whole URL (RFC 9112, 3.2.2).
fn path(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    }
}

fn keeps_alive(connection: &str, usual: bool) -> bool {
    let has = |word: &str| connection.split(',').any(|w| w.trim().eq_ignore_ascii_case(word));
    !has("close") && (usual || has("keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<Option<(HttpRequest, usize)>, BadHead> {
        HttpRequest::parse(head.as_bytes())
    }

    #[test]
    fn what_is_heeded() {
        let head =
            "GET /a?b HTTP/1.1\r\nHost: x\r\nRANGE: bytes=1-2\r\nIf-None-Match: \"a\"\r\n\r\n";
        let more = format!("{head}GET");
        let (request, length) = read(&more).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/a?b"));
        assert_eq!((request.keep_alive, length), (true, head.len()));
        assert_eq!(request.range.as_deref(), Some("bytes=1-2"));
        assert_eq!(request.if_none_match.as_deref(), Some("\"a\""));
        let whole = read("HEAD http://192.168.1.254:80/x/y HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(whole.unwrap().unwrap().0.path, "/x/y");
        assert_eq!(read("GET http://x HTTP/1.0\r\n\r\n").unwrap().unwrap().0.path, "/");
        assert_eq!(
            read("GET /?u=http://x/y HTTP/1.0\r\n\r\n").unwrap().unwrap().0.path,
            "/?u=http://x/y"
        );
    }

    #[test]
    fn connections_are_kept_as_the_version_has_it() {
        for (version, connection, kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: TE, Close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
        ] {
            let head = format!("GET / HTTP/{version}\r\nHost: x\r\n{connection}\r\n");
            assert_eq!(read(&head).unwrap().unwrap().0.keep_alive, kept, "{version} {connection}");
        }
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(read("GET / HTTP/1.1\r\nHost: x\r\n"), Ok(None));
        let of = |lines: &str| read(&format!("GET / HTTP/1.1\r\n{lines}\r\n")).unwrap_err();
        assert_eq!(of(""), BadHead::Malformed);
        assert_eq!(of("Host: x\r\nHost: y\r\n"), BadHead::Malformed);
        assert_eq!(of("Host: x\r\nno colon\r\n"), BadHead::Malformed);
        assert_eq!(of("Host: x\r\nContent-Length: 5\r\n"), BadHead::Content);
        assert_eq!(of("Host: x\r\nTransfer-Encoding: chunked\r\n"), BadHead::Content);
        assert_eq!(of(&"A: b\r\n".repeat(100)), BadHead::TooLarge);
        assert_eq!(read(&format!("GET /{}", "x".repeat(HEAD_MAX))), Err(BadHead::TooLarge));
        assert_eq!(read("\x16\x03\x01\x02"), Err(BadHead::Malformed));
    }
}
