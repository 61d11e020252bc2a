//! A lab's page as a browser sees it.

use crate::oracle;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// The page's address in what `imgbuild watch --web` or `imgbuild serve --web` printed.
///
/// # Panics
/// When it is not there.
pub fn find_url(printed: &str) -> String {
    let at = printed.find("http://127.0.0.1:").expect("the page's address");
    printed[at..].lines().next().expect("a line").trim().to_owned()
}

/// Its headers and its text.
///
/// # Panics
/// When the server does not answer.
pub fn fetch(url: &str) -> String {
    oracle::ok("curl", ["-s", "-S", "-i", "--max-time", "20", url])
}

/// What its server tells it first.
///
/// # Panics
/// When that does not come within 20 seconds.
pub fn first_event(url: &str) -> Value {
    let command = format!("curl -s -N --max-time 20 {url}events | grep -m 1 ^data:");
    let line = oracle::ok("sh", ["-c", &command]);
    let json = line.trim().strip_prefix("data: ").expect("an event");
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {line}"))
}

/// What a browser makes of it in a language. It gets the page and the first event from a server of
/// the test, as it waits for the end of a stream that goes on.
///
/// # Panics
/// When the browser fails.
pub fn render(url: &str, language: &str) -> String {
    let (_, page) = fetch(url).split_once("\r\n\r\n").map(own).expect("a page");
    let event = format!("data: {}\n\n", first_event(url));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let place = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &page, &event);
        }
    });
    let home = tempfile::tempdir().expect("temporary directory");
    let profile = format!("--user-data-dir={}", home.path().display());
    let url = format!("http://{place}/?lang={language}");
    let fixed = ["60", "chromium", "--headless", "--no-sandbox", "--disable-gpu"];
    let more = ["--virtual-time-budget=10000", "--dump-dom", &profile, &url];
    oracle::ok("timeout", [&fixed[..], &more].concat())
}

fn own((head, body): (&str, &str)) -> (String, String) {
    (head.to_owned(), body.to_owned())
}

/// Answers one request; who has gone needs no answer.
fn answer(mut stream: TcpStream, page: &str, event: &str) {
    let mut head = [0; 4096];
    let length = stream.read(&mut head).unwrap_or(0);
    let is_event = head[..length].starts_with(b"GET /events");
    let (kind, body) = if is_event { ("event-stream", event) } else { ("html", page) };
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/{kind}; charset=utf-8\r\nConnection: close\r\n\r\n{body}"
    );
}
