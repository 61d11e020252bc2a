//! A repository's address as nodes have it.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Where nodes look for a repository: a plain HTTP address by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Server and port.
    pub server: SocketAddrV4,
    /// The path's parts, decoded.
    pub path: Vec<String>,
}

/// Why this server cannot be the one that a base URL means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnservedUrl {
    /// Another scheme.
    #[error("only http:// is served here")]
    Scheme,
    /// A name in place of an address.
    #[error("its server is a name, and nodes have no name server that knows it")]
    Name,
    /// No URL, or one that no request can have.
    #[error("no request can ask for it")]
    Malformed,
}

impl BaseUrl {
    /// Reads the lab file's `baseurl`.
    ///
    /// # Errors
    /// Why it is not for this server.
    pub fn parse(url: &str) -> Result<Self, UnservedUrl> {
        let rest = url.strip_prefix("http://").ok_or(UnservedUrl::Scheme)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
        let address: Ipv4Addr = host.parse().map_err(|_| UnservedUrl::Name)?;
        let port = port.parse().map_err(|_| UnservedUrl::Malformed)?;
        let path = path_parts(path.as_bytes()).ok_or(UnservedUrl::Malformed)?;
        Ok(Self { server: SocketAddrV4::new(address, port), path })
    }
}

/// The parts of a path of a request or a URL, percent-encoding resolved (RFC 3986, 2.1): empty
/// ones, as in `//`, and the query do not count. `None` where it leads upwards, or is not the name of
/// a file.
pub fn path_parts(target: &[u8]) -> Option<Vec<String>> {
    let path = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match decode(part)?.as_str() {
            "" | "." => {}
            ".." => return None,
            name if name.contains(['/', '\0']) => return None,
            name => parts.push(name.to_owned()),
        }
    }
    Some(parts)
}

fn decode(part: &[u8]) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part);
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = match byte {
            b'%' => {
                let (digits, after) = after.split_at_checked(2)?;
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte).ok()?;
                (byte[0], after)
            }
            byte => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_lab_file() {
        let read = |url: &str| {
            BaseUrl::parse(url).map(|base| (base.server.to_string(), base.path.join("|")))
        };
        let good = |server: &str, path: &str| Ok((server.to_owned(), path.to_owned()));
        assert_eq!(read("http://192.168.1.254/a%20b//c/"), good("192.168.1.254:80", "a b|c"));
        assert_eq!(read("http://10.0.0.1:8080"), good("10.0.0.1:8080", ""));
        assert_eq!(read("https://10.0.0.1/"), Err(UnservedUrl::Scheme));
        assert_eq!(read("file:///srv/centos"), Err(UnservedUrl::Scheme));
        assert_eq!(read("http://repos.lab/centos"), Err(UnservedUrl::Name));
        assert_eq!(read("http://10.0.0.1:x/"), Err(UnservedUrl::Malformed));
        assert_eq!(read("http://10.0.0.1/../x"), Err(UnservedUrl::Malformed));
    }

    #[test]
    fn paths_do_not_lead_upwards() {
        let read = |target: &str| path_parts(target.as_bytes()).map(|parts| parts.join("|"));
        assert_eq!(
            read("/centos//./Packages/libstdc%2B%2B.rpm?x=/../"),
            Some("centos|Packages|libstdc++.rpm".into())
        );
        assert_eq!(read("/"), Some(String::new()));
        for bad in
            ["/a/../b", "/..", "/%2e%2E/etc", "/a%2fb", "/a%00", "/a%", "/a%2", "/%zz", "/%ff"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
