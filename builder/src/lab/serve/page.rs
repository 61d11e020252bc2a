//! A page that shows a lab in a browser. It needs nothing from elsewhere, has no buttons that do
//! anything, and only who knows its address gets it.

use super::answer::{Answer, Body};
use super::feed::StatusFeed;
use super::request::HttpRequest;
use rand::RngCore;
use rand::rngs::OsRng;
use std::net::SocketAddr;
use std::sync::Arc;

/// The page; `NONCE` stands for what its own script is known by.
const PAGE: &str = include_str!("page/page.html");

/// The page and what it shows.
pub struct StatusPage {
    feed: Arc<StatusFeed>,
    /// The secret part of its address.
    token: String,
}

impl StatusPage {
    /// Of what is published by `feed`, at an address that nobody can guess.
    pub fn new(feed: Arc<StatusFeed>) -> Self {
        Self { feed, token: random_hex() }
    }

    /// Its address where the server listens at `listener`.
    pub fn url(&self, listener: SocketAddr) -> String {
        format!("http://{listener}/{}/", self.token)
    }

    /// The answer to a request for the page or its events; `None` for what is not of it.
    pub fn answer(&self, request: &HttpRequest) -> Option<Answer> {
        let path = request.path.split('?').next().unwrap_or_default();
        let file = path.strip_prefix('/')?.strip_prefix(self.token.as_str())?;
        if !["GET", "HEAD"].contains(&request.method.as_str()) {
            return Some(Answer::error(405, "only GET and HEAD are answered"));
        }
        match file {
            "/" => {
                let nonce = random_hex();
                let policy = format!(
                    "Content-Security-Policy: default-src 'none'; connect-src 'self'; \
                     img-src data:; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
                     base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                );
                let body = Body::Text(PAGE.replace("NONCE", &nonce));
                Some(Answer::page("text/html", body).with(&policy))
            }
            "/events" => {
                Some(Answer::page("text/event-stream", Body::Events(Arc::clone(&self.feed))))
            }
            _ => None,
        }
    }
}

/// 128 random bits.
fn random_hex() -> String {
    let mut bytes = [0; 16];
    OsRng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_address_is_answered() {
        let page = StatusPage::new(Arc::default());
        let url = page.url(([127, 0, 0, 1], 80).into());
        let path = url.strip_prefix("http://127.0.0.1:80").unwrap();
        let ask = |method: &str, path: &str| {
            let request =
                HttpRequest { method: method.into(), path: path.into(), ..HttpRequest::default() };
            page.answer(&request).map(|answer| answer.status)
        };
        assert_eq!(ask("GET", path), Some(200));
        assert_eq!(ask("GET", &format!("{path}?lang=zh")), Some(200));
        assert_eq!(ask("GET", &format!("{path}events")), Some(200));
        assert_eq!(ask("POST", path), Some(405));
        for other in ["/", "", "/events", &format!("{path}x"), &path[..path.len() - 2]] {
            assert_eq!(ask("GET", other), None, "{other}");
        }
        assert_ne!(StatusPage::new(Arc::default()).token, page.token);
    }
}
