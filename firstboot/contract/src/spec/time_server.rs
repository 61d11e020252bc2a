//! Time servers, by address or by name.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// A server that chronyd asks, or a pool of them (chrony.conf(5)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeServer {
    /// An IPv4 address or a host name.
    name: String,
    /// Whether the name stands for several servers.
    pool: bool,
}

/// Why a text is not a time server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATimeServer {
    /// Neither an address nor a name.
    #[error("`{0}` is neither an IPv4 address nor a host name")]
    Name(String),
    /// A pool that is an address.
    #[error("`pool {0}` is an address: a pool is a name with several addresses")]
    Pool(String),
}

impl TimeServer {
    /// Its address, if it is given by one.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.name.parse().ok()
    }

    /// Its line in chrony.conf, without the line's end.
    pub fn chrony_line(&self) -> String {
        let directive = if self.pool { "pool" } else { "server" };
        format!("{directive} {} iburst", self.name)
    }
}

/// The address or name alone.
impl fmt::Display for TimeServer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<Ipv4Addr> for TimeServer {
    fn from(address: Ipv4Addr) -> Self {
        Self { name: address.to_string(), pool: false }
    }
}

impl From<TimeServer> for String {
    fn from(server: TimeServer) -> Self {
        match server.pool {
            true => format!("pool {}", server.name),
            false => server.name,
        }
    }
}

/// A name in the domain name system: labels of letters, digits, `-` and `_`.
fn is_domain_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    name.len() <= 253 && name.split('.').all(label) && !is_number
}

/// `192.168.1.254`, `ntp.example.com`, or `pool 2.centos.pool.ntp.org`.
impl FromStr for TimeServer {
    type Err = NotATimeServer;

    fn from_str(text: &str) -> Result<Self, NotATimeServer> {
        let pool = text.strip_prefix("pool ").map(str::trim_start);
        let name = pool.unwrap_or(text);
        let is_address = name.parse::<Ipv4Addr>().is_ok();
        if is_address && pool.is_some() {
            return Err(NotATimeServer::Pool(name.to_owned()));
        }
        if !is_address && !is_domain_name(name) {
            return Err(NotATimeServer::Name(name.to_owned()));
        }
        Ok(Self { name: name.to_owned(), pool: pool.is_some() })
    }
}

impl TryFrom<String> for TimeServer {
    type Error = NotATimeServer;

    fn try_from(text: String) -> Result<Self, NotATimeServer> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_names_and_pools() {
        for (text, line) in [
            ("192.168.1.254", "server 192.168.1.254 iburst"),
            ("0.centos.pool.ntp.org", "server 0.centos.pool.ntp.org iburst"),
            ("NTP", "server NTP iburst"),
            ("pool 2.centos.pool.ntp.org", "pool 2.centos.pool.ntp.org iburst"),
        ] {
            let server: TimeServer = text.parse().unwrap();
            assert_eq!(server.chrony_line(), line);
            assert_eq!(String::from(server.clone()).parse(), Ok(server));
        }
        for bad in ["", "a b", "192.168.1", "1.2.3.4.5", "-a", "a..b", "pool ", "a\nb", "é"] {
            assert!(bad.parse::<TimeServer>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "pool 192.0.2.1".parse::<TimeServer>(),
            Err(NotATimeServer::Pool("192.0.2.1".into()))
        );
    }
}
