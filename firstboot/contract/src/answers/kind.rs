//! What a key of an answer file may hold.

use super::misread::{WORD_ALLOWED, find_word_violation};
use std::net::IpAddr;

/// The kind of a key's value, as far as it can be judged without the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// Any one line, also none.
    Any,
    /// Any one line, also none, or a fact of the host, `%{::processorcount}`.
    Fact,
    /// Any one line that is not empty.
    Set,
    /// What a shell takes as it is: it goes into keystonerc_admin without quotes.
    Word,
    /// A password or token: never in a profile or spec.
    Secret,
    /// One of these.
    One(&'static [&'static str]),
    /// Some of these, separated by commas.
    Many(&'static [&'static str]),
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// A TCP or UDP port.
    Port,
    /// An IP address.
    Address,
    /// An IP address or host name.
    Host,
    /// Hosts separated by commas, no blanks.
    Hosts,
    /// An address, or a network with its prefix length.
    Range,
    /// An absolute path.
    Path,
    /// Gigabytes as in `2G`.
    Size,
    /// `host:/path`, separated by commas.
    Exports,
    /// `ldap://` or `ldaps://`.
    LdapUrl,
    /// A distinguished name, `dc=example,dc=com`.
    LdapName,
    /// A class of nova's network managers.
    Manager,
}

use AnswerKind::*;

impl AnswerKind {
    /// What is allowed, for messages.
    pub fn allowed(self) -> String {
        match self {
            Any => "any text of one line".to_owned(),
            Fact => "any text of one line, or a fact as in %{::processorcount}".to_owned(),
            Set => "text of one line, not empty".to_owned(),
            Word => WORD_ALLOWED.to_owned(),
            Secret => "nothing here: it is a secret".to_owned(),
            One(words) => format!("one of: {}", words.join(", ")),
            Many(words) => format!("one or more of, separated by commas: {}", words.join(", ")),
            Integer => "a whole number".to_owned(),
            Decimal => "a number, as in 16.0".to_owned(),
            Port => "a port from 1 to 65535".to_owned(),
            Address => "an IP address".to_owned(),
            Host => "an IP address or a host name".to_owned(),
            Hosts => "IP addresses or host names, separated by commas without blanks".to_owned(),
            Range => "an address or network, as in 10.3.4.0/22".to_owned(),
            Path => "an absolute path".to_owned(),
            Size => "gigabytes, as in 20G".to_owned(),
            Exports => "host:/path, several separated by commas".to_owned(),
            LdapUrl => "an address that starts with ldap:// or ldaps://".to_owned(),
            LdapName => "a distinguished name, as in dc=example,dc=com".to_owned(),
            Manager => "nova.network.manager.…Manager".to_owned(),
        }
    }

    /// Whether `value` is such a value.
    pub fn allows(self, value: &str) -> bool {
        // A line break would begin another key; blanks at the ends are not kept.
        if value.chars().any(char::is_control) || value.trim() != value {
            return false;
        }
        let all = |each: fn(&str) -> bool| value.split(',').all(each);
        match self {
            Any | Fact => true,
            Set => !value.is_empty(),
            Word => !value.is_empty() && find_word_violation(value).is_none(),
            Secret => false,
            One(words) => words.contains(&value),
            Many(words) => value.split(',').all(|part| words.contains(&part)),
            Integer => value.parse::<i64>().is_ok(),
            Decimal => value.parse::<f64>().is_ok_and(f64::is_finite),
            Port => value.parse::<u16>().is_ok_and(|port| port > 0),
            Address => value.parse::<IpAddr>().is_ok(),
            Host => is_host(value),
            Hosts => all(is_host),
            Range => is_range(value),
            Path => value.starts_with('/') || value.starts_with("~/"),
            Size => is_size(value),
            Exports => all(is_export),
            LdapUrl => ["ldap://", "ldaps://"]
                .iter()
                .any(|start| value.strip_prefix(start).is_some_and(|rest| !rest.is_empty())),
            LdapName => {
                value.is_empty()
                    || all(|part| part.split_once('=').is_some_and(|(name, _)| !name.is_empty()))
            }
            Manager => value
                .strip_prefix("nova.network.manager.")
                .and_then(|rest| rest.strip_suffix("Manager"))
                .is_some_and(|name| {
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                }),
        }
    }
}

fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    // Only digits and dots: a broken address, not a name.
    text.split('.').all(label) && !text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn is_range(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let max = if address.contains(':') { 128 } else { 32 };
    address.parse::<IpAddr>().is_ok() && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= max)
}

fn is_size(text: &str) -> bool {
    text.strip_suffix('G').is_some_and(|number| number.parse::<u32>().is_ok_and(|size| size > 0))
}

fn is_export(text: &str) -> bool {
    text.split_once(":/").is_some_and(|(name, _)| is_host(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_judged_by_their_kind() {
        for (kind, good, bad) in [
            (One(&["y", "n"]), vec!["y"], vec!["", "yes", "Y", " y", "y\n"]),
            (Many(&["vxlan", "flat"]), vec!["flat", "vxlan,flat"], vec!["", "vxlan, flat", "gre"]),
            (Integer, vec!["-1", "720"], vec!["", "1.5", "x"]),
            (Decimal, vec!["16.0", "1"], vec!["", "inf", "1,5"]),
            (Port, vec!["4789"], vec!["0", "65536", ""]),
            (Host, vec!["192.168.1.10", "nova-01.lab"], vec!["", "192.168.1", "a b", "a..b"]),
            (Hosts, vec!["192.168.1.11,192.168.1.12"], vec!["192.168.1.11, 192.168.1.12", "a,"]),
            (Range, vec!["10.3.4.0/22", "10.0.0.1"], vec!["10.3.4.0/33", "x/8"]),
            (Path, vec!["/root/x", "~/x"], vec!["", "x"]),
            (Size, vec!["2G"], vec!["2", "0G", "2GB"]),
            (Exports, vec!["10.0.0.1:/a,nas:/b"], vec!["", "nas", ":/a"]),
            (LdapUrl, vec!["ldap://host"], vec!["ldap://", "http://x"]),
            (LdapName, vec!["", "dc=example,dc=com"], vec!["example"]),
            (
                Manager,
                vec!["nova.network.manager.FlatManager"],
                vec!["nova.network.manager.Manager"],
            ),
            (Set, vec!["x"], vec!["", "a\rb"]),
            (Word, vec!["RegionOne", "admin@lab"], vec!["", "Region One", "$HOME", "~root"]),
            (Any, vec![""], vec!["a\nCONFIG_X=y"]),
            (Fact, vec!["", "4", "%{::processorcount}"], vec!["a\nCONFIG_X=y"]),
            (Secret, vec![], vec!["x"]),
        ] {
            for value in good {
                assert!(kind.allows(value), "{kind:?}: {value:?}");
            }
            for value in bad {
                assert!(!kind.allows(value), "{kind:?}: {value:?}");
            }
            assert!(!kind.allowed().is_empty());
        }
    }
}
