//! URLs of the schemes http and https, as far as fetching needs them (RFC 3986).

use crate::base::malformed::Malformed;
/// An http or https URL in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether the scheme is https.
    pub secure: bool,
    /// Host and port as written.
    pub authority: String,
    /// The host without port and brackets.
    pub host: String,
    /// Path, from the first slash on.
    pub path: String,
    /// The query with its question mark, or nothing; it may hold a token.
    query: String,
    /// User and password, percent-encoding resolved.
    pub login: Option<(String, String)>,
}

impl Address {
    /// Reads a URL; the fragment is left out.
    ///
    /// # Errors
    /// What is wrong with it, without user and password.
    pub fn parse(url: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = url.split_once("://").ok_or("not a URL")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(format!("{other}:// is not http:// or https://").into()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (Some((decode(user), decode(password))), authority)
            }
            None => (None, authority),
        };
        let host = match authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
            Some((host, _)) => host,
            None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        };
        if host.is_empty() || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("not a URL".into());
        }
        let (path, query) = split_query(path);
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (authority, host, query) = (authority.to_owned(), host.to_owned(), query.to_owned());
        Ok(Self { secure, authority, host, path, query, login })
    }

    /// The URL without user, password and query: fit for messages.
    pub fn show(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// The URL without user and password: fit for requests.
    pub fn request(&self) -> String {
        format!("{}{}{}", self.origin(), self.path, self.query)
    }

    fn origin(&self) -> String {
        format!("http{}://{}", if self.secure { "s" } else { "" }, self.authority)
    }

    /// Where a redirection to `location` leads. User and password stay with their server.
    ///
    /// # Errors
    /// When it leads to no http(s) URL, or from https to http.
    pub fn join(&self, location: &str) -> Result<Self, Malformed> {
        let text = if location.contains("://") {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("http{}:{location}", if self.secure { "s" } else { "" })
        } else if location.starts_with('/') {
            format!("{}{location}", self.origin())
        } else {
            let directory = self.path.rsplit_once('/').map_or("", |(directory, _)| directory);
            format!("{}{directory}/{location}", self.origin())
        };
        let mut to = Self::parse(&text).map_err(|e| format!("redirected to `{location}`: {e}"))?;
        if self.secure && !to.secure {
            return Err(format!("redirected from https to {}", to.show()).into());
        }
        if to.login.is_none() && to.authority == self.authority {
            to.login.clone_from(&self.login);
        }
        Ok(to)
    }
}

/// A URL before its query, and the query with its question mark.
fn split_query(url: &str) -> (&str, &str) {
    url.split_at(url.find('?').unwrap_or(url.len()))
}

/// A URL for messages: without user, password and query, which may be secrets.
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, _) = split_query(rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", authority.rsplit('@').next().unwrap_or_default())
}

/// Whether what a repository names is elsewhere, on a web server of its own (`xml:base`).
pub fn is_absolute(path: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| path.starts_with(scheme))
}

/// The URL of `path` below the URL `base`, whose query stays at the end.
pub fn below(base: &str, path: &str) -> String {
    let (base, query) = split_query(base);
    format!("{}/{}{query}", base.trim_end_matches('/'), encode(path))
}

/// A path of a repository, or a URL, as it is asked for: what RFC 3986 does not allow in a path
/// is percent-encoded, and the plus sign, which some servers take for a blank; what is encoded
/// already stays.
pub fn encode(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*,;=:@/%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match code.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(code) if byte == b'%' => {
                out.push(code);
                rest = &after[2..];
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The value of an authorization header (RFC 7617).
pub fn basic((user, password): &(String, String)) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from("Basic ");
    for group in format!("{user}:{password}").as_bytes().chunks(3) {
        let byte = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_urls() {
        let url = Address::parse("http://us%40er:p%3aw@Mirror.example:8080/a?b#c").unwrap();
        assert_eq!(url.show(), "http://Mirror.example:8080/a");
        assert_eq!(url.request(), "http://Mirror.example:8080/a?b");
        assert_eq!(url.host, "Mirror.example");
        assert_eq!(url.login, Some(("us@er".into(), "p:w".into())));
        assert_eq!(Address::parse("https://[::1]:443").unwrap().host, "::1");
        for bad in ["", "http://", "ftp://x/", "x", "http://a b/"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(shown("http://u:p@host/a@b"), "http://host/a@b");
        assert_eq!(shown("http://host/a@b"), "http://host/a@b");
        assert_eq!(shown("http://host?token=a@b"), "http://host");
        assert_eq!(encode("libstdc++-4.8 x#?.rpm"), "libstdc%2B%2B-4.8%20x%23%3F.rpm");
        assert_eq!(below("http://h/os/?token=abc", "a/b"), "http://h/os/a/b?token=abc");
    }

    #[test]
    fn redirections() {
        let from = Address::parse("https://u:p@a/x/y?q").unwrap();
        let to = |location: &str| from.join(location).map(|to| to.show());
        assert_eq!(to("z").unwrap(), "https://a/x/z");
        assert_eq!(to("/z").unwrap(), "https://a/z");
        assert_eq!(to("//b/z").unwrap(), "https://b/z");
        assert!(to("http://b/z").unwrap_err().to_string().contains("from https to http://b/z"));
        assert!(from.join("z").unwrap().login.is_some());
        assert!(from.join("https://b/").unwrap().login.is_none());
    }

    #[test]
    fn basic_authorization_as_in_the_rfc() {
        assert_eq!(
            basic(&("Aladdin".into(), "open sesame".into())),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
        assert_eq!(basic(&("a".into(), "b".into())), "Basic YTpi");
    }
}
