//! Which proxy a request goes through, and speaking to one. `https` is tunnelled by CONNECT,
//! which ureq does; for `http` a proxy wants the whole address in the request line (RFC 9112,
//! 3.2.2), as proxies commonly refuse CONNECT to other ports than 443.

use super::address::{Address, basic};
use super::settings::ProxyChoice;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// The proxy's URL for `address`, if it is to go through one.
pub fn choose(choice: &ProxyChoice, address: &Address) -> Option<String> {
    let url = match choice {
        ProxyChoice::None => return None,
        ProxyChoice::Url(url) => return Some(whole(url)),
        ProxyChoice::Environment => from_environment(address, |name| std::env::var(name).ok())?,
    };
    Some(whole(&url))
}

/// As curl has it: the lower-case name before the upper-case one, except that `HTTP_PROXY` is
/// not looked at, as it may come from a request header where programs are run by a web server.
fn from_environment(address: &Address, get: impl Fn(&str) -> Option<String>) -> Option<String> {
    let first = |names: &[&str]| {
        names.iter().find_map(|name| get(name)).filter(|value| !value.trim().is_empty())
    };
    if let Some(list) = first(&["no_proxy", "NO_PROXY"])
        && exempt(&list, &address.host)
    {
        return None;
    }
    let scheme: &[&str] =
        if address.secure { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
    first(scheme).or_else(|| first(&["all_proxy", "ALL_PROXY"]))
}

/// Whether `no_proxy` names the host: `*`, the host itself, or a domain that it is in.
fn exempt(list: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let domain = entry.trim_start_matches('*').trim_start_matches('.');
        entry == "*"
            || host == domain
            || (!domain.is_empty() && host.ends_with(&format!(".{domain}")))
    })
}

fn whole(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// Finds the proxy's address in place of the target's, which may be unknown here.
#[derive(Debug)]
pub struct ProxyResolver(pub Uri);

impl Resolver for ProxyResolver {
    fn resolve(
        &self,
        _target: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        DefaultResolver::default().resolve(&self.0, config, timeout)
    }
}

/// Makes connections whose request lines have the whole address.
pub struct ForwardConnector {
    /// `Proxy-Authorization: …` with its line end, or nothing.
    authorization: String,
}

impl ForwardConnector {
    /// With the user and password that the proxy's URL may have.
    pub fn new(login: Option<&(String, String)>) -> Self {
        let authorization = login
            .map(|login| format!("Proxy-Authorization: {}\r\n", basic(login)))
            .unwrap_or_default();
        Self { authorization }
    }
}

impl std::fmt::Debug for ForwardConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForwardConnector")
    }
}

impl<In: Transport> Connector<In> for ForwardConnector {
    type Out = Forward<In>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Forward<In>>, Error> {
        let authority = details.uri.authority().map_or("", |a| a.as_str());
        // User and password belong into their header only.
        let host = authority.rsplit('@').next().unwrap_or_default();
        Ok(chained.map(|inner| Forward {
            inner,
            prefix: format!("http://{host}"),
            authorization: self.authorization.clone(),
        }))
    }
}

/// A connection to a proxy.
pub struct Forward<T> {
    inner: T,
    prefix: String,
    authorization: String,
}

impl<T> std::fmt::Debug for Forward<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Forward({})", self.prefix)
    }
}

impl<T: Transport> Transport for Forward<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let amount = match rewrite(&output[..amount], &self.prefix, &self.authorization) {
            Some(head) if head.len() <= output.len() => {
                output[..head.len()].copy_from_slice(&head);
                head.len()
            }
            _ => amount,
        };
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

/// A GET's head as a proxy wants it; `None` for anything else.
fn rewrite(head: &[u8], prefix: &str, authorization: &str) -> Option<Vec<u8>> {
    let rest = head.strip_prefix(b"GET ").filter(|rest| rest.starts_with(b"/"))?;
    let line = rest.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let parts = [b"GET ", prefix.as_bytes(), &rest[..line], authorization.as_bytes()];
    Some([parts.concat().as_slice(), &rest[line..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_by_scheme_and_host() {
        let get = |name: &str| match name {
            "http_proxy" => Some("proxy:3128".to_owned()),
            "HTTPS_PROXY" => Some("http://secure:3128".to_owned()),
            "HTTP_PROXY" => Some("not looked at".to_owned()),
            "no_proxy" => Some("localhost, .lab.example,10.0.0.1".to_owned()),
            _ => None,
        };
        let chosen = |url: &str| from_environment(&Address::parse(url).unwrap(), get);
        assert_eq!(chosen("http://mirror.example/x").as_deref(), Some("proxy:3128"));
        assert_eq!(chosen("https://mirror.example/x").as_deref(), Some("http://secure:3128"));
        for direct in ["http://localhost:80/", "http://a.lab.example/", "https://10.0.0.1/"] {
            assert_eq!(chosen(direct), None, "{direct}");
        }
        assert!(chosen("http://notlab.example/").is_some());
        assert!(exempt("*", "anything"));
        assert_eq!(whole("proxy:3128"), "http://proxy:3128");
    }

    #[test]
    fn request_lines_get_the_whole_address() {
        let head = b"GET /a/b HTTP/1.1\r\nHost: h\r\n\r\n";
        assert_eq!(
            rewrite(head, "http://h:81", "Proxy-Authorization: Basic eA==\r\n").unwrap(),
            b"GET http://h:81/a/b HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\nHost: h\r\n\r\n"
        );
        assert_eq!(rewrite(b"more of a body", "http://h", ""), None);
    }
}
