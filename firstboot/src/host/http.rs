//! Plain HTTP to an address. Names are never looked up: a static binary has no
//! resolver, and every address is in the node spec.

use serde_json::Value;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{NextTimeout, TcpConnector};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// To read.
    #[default]
    Get,
    /// To make.
    Post,
    /// To put in place.
    Put,
    /// To change.
    Patch,
    /// To remove.
    Delete,
}

impl Method {
    /// The word of HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `http://ADDRESS[:PORT]/path`.
    pub url: String,
    /// What is asked for.
    pub method: Method,
    /// Header lines.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// Bytes of the answer that are read; what follows is left.
    pub max_bytes: u64,
    /// After this long it is given up.
    pub limit: Duration,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status code, `200`.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, at most as long as was asked for.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET of `url`: 10 s, 4 MiB.
    pub fn get(url: impl Into<String>) -> Request {
        let (max_bytes, limit) = (4 << 20, Duration::from_secs(10));
        Request { url: url.into(), max_bytes, limit, ..Request::default() }
    }

    /// Sends `body` to `url` as JSON; limits as of [`Request::get`].
    pub fn json(method: Method, url: impl Into<String>, body: &Value) -> Request {
        let request = Request { method, body: body.to_string().into_bytes(), ..Request::get(url) };
        request.header("content-type", "application/json")
    }

    /// Adds a header line.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }
}

impl Response {
    /// The value of a header line; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Addresses as they are in the URL, and no names.
#[derive(Debug)]
struct Literal;

impl Resolver for Literal {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let address = uri.host().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        let address = address.ok_or(ureq::Error::HostNotFound)?;
        let mut addresses = self.empty();
        addresses.push(SocketAddr::new(address, uri.port_u16().unwrap_or(80)));
        Ok(addresses)
    }
}

/// Sends `request` and reads the answer, whatever its status; redirects are not followed.
///
/// # Errors
/// When there is no connection, no answer in time, or none that is HTTP;
/// [`io::ErrorKind::Unsupported`] for a host name in place of an address.
pub fn ask(request: &Request) -> io::Result<Response> {
    let config = Config::builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(request.limit))
        .user_agent(concat!("firstboot/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = Agent::with_parts(config, TcpConnector::default(), Literal);
    let mut asked =
        ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
    for (name, value) in &request.headers {
        asked = asked.header(*name, value);
    }
    let answer = match request.method {
        Method::Get | Method::Delete => {
            agent.run(asked.body(()).map_err(ureq::Error::from).map_err(error)?)
        }
        _ => agent
            .run(asked.body(request.body.as_slice()).map_err(ureq::Error::from).map_err(error)?),
    };
    let mut answer = answer.map_err(error)?;
    let headers = answer.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let mut response =
        Response { status: answer.status().as_u16(), headers: headers.collect(), body: Vec::new() };
    answer.body_mut().as_reader().take(request.max_bytes).read_to_end(&mut response.body)?;
    Ok(response)
}

fn error(error: ureq::Error) -> io::Error {
    match error {
        ureq::Error::Io(error) => error,
        ureq::Error::HostNotFound => {
            let why = "names are not looked up here, only addresses";
            io::Error::new(io::ErrorKind::Unsupported, why)
        }
        ureq::Error::Timeout(_) => io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Shutdown, TcpListener};

    /// A server for one connection that sends `answer`; the request it got.
    fn served(answer: &'static [u8], request: &mut Request) -> (io::Result<Response>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        request.url = format!("http://{}/x", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut got = vec![0; 4096];
            let length = stream.read(&mut got).unwrap();
            got.truncate(length);
            // A reader that has enough closes early.
            let _ = stream.write_all(answer);
            let _ = stream.shutdown(Shutdown::Write);
            // The rest of the request: unread, it would reset the connection.
            let _ = stream.read_to_end(&mut got);
            String::from_utf8_lossy(&got).into_owned()
        });
        let response = ask(request);
        (response, server.join().unwrap())
    }

    #[test]
    fn answers_of_any_status_are_read_up_to_a_limit() {
        let mut get = Request { max_bytes: 5, ..Request::get("").header("x-auth-token", "t") };
        let (response, asked) =
            served(b"HTTP/1.1 503 Busy\r\nX-A: b\r\nContent-Length: 9\r\n\r\n123456789", &mut get);
        let response = response.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (503, &b"12345"[..]));
        assert_eq!(response.header("x-a"), Some("b"));
        assert!(asked.starts_with("GET /x HTTP/1.1\r\n") && asked.contains("x-auth-token: t\r\n"));
        let mut post = Request::json(Method::Post, "", &serde_json::json!({}));
        let chunked =
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        let (response, asked) = served(chunked, &mut post);
        assert_eq!(response.unwrap().body, b"ok");
        assert!(asked.starts_with("POST /x") && asked.contains("content-type: application/json"));
    }

    #[test]
    fn what_is_not_an_answer_is_an_error() {
        assert!(served(b"garbage\r\n\r\n", &mut Request::get("")).0.is_err());
        assert!(served(b"", &mut Request::get("")).0.is_err());
        let name = ask(&Request::get("http://localhost/")).unwrap_err();
        assert_eq!(name.kind(), io::ErrorKind::Unsupported);
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let request = Request { limit: Duration::from_millis(200), ..Request::get(url) };
        assert_eq!(ask(&request).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
