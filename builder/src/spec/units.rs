//! Values that profiles write as text: sizes, host names, MACs.

use crate::base::malformed::Malformed;
use contract::spec::{Role, is_interface_name, is_loopback_name, short_name};

/// Form of a size, for hints.
pub const SIZE_HINT: &str =
    "a number and a unit: MiB, GiB, TiB (1024) or MB, GB, TB (1000), as in \"50 GiB\"";

/// Bytes of a size as text: `6 GiB`, `4.5 GiB`, `500MB`. Fractions must come to whole bytes.
///
/// # Errors
/// When it is not a size, or too large.
pub fn parse_size(text: &str) -> Result<u64, Malformed> {
    let wrong = || Malformed::from(format!("`{text}` is not a size"));
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let unit: u64 = match unit.trim_start() {
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || fraction.len() > 6 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let thousandths: u64 = fraction.parse().map_err(|_| wrong())?;
    let scale = 10_u64.pow(fraction.len() as u32);
    let part = u128::from(thousandths) * u128::from(unit) / u128::from(scale);
    let total = u128::from(whole) * u128::from(unit) + part;
    // Offsets in files and qcow2 are signed 64-bit.
    if total > i64::MAX as u128 {
        return Err(Malformed::from(format!("`{text}` is too large")));
    }
    Ok(total as u64)
}

/// A size for messages, in the largest binary unit that shows it with at most two decimals.
pub fn show_size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        b if b >= 1 << 40 => (1_u64 << 40, "TiB"),
        b if b >= 1 << 30 => (1 << 30, "GiB"),
        b if b >= 1 << 20 => (1 << 20, "MiB"),
        b if b >= 1 << 10 => (1 << 10, "KiB"),
        _ => (1, "bytes"),
    };
    let text = format!("{:.2}", bytes as f64 / unit as f64);
    format!("{} {name}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Checks a host name (RFC 1123): labels of letters, digits and hyphens, 63 at
/// most each and 64 in all (`HOST_NAME_MAX`), not all digits.
///
/// # Errors
/// What is wrong with it.
pub fn check_host_name(name: &str) -> Result<(), Malformed> {
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 64 || !name.split('.').all(label_ok) {
        return Err(Malformed::from(format!("`{name}` is not a host name")));
    }
    if name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Malformed::from(format!("`{name}` looks like a number or an address")));
    }
    if is_loopback_name(name) {
        let short = short_name(name);
        return Err(Malformed::from(format!("`{short}` means every machine itself")));
    }
    Ok(())
}

/// The form of host names, for hints.
pub const HOST_NAME_HINT: &str =
    "lower-case letters, digits and hyphens, in labels of at most 63 joined by dots, 64 in all";

/// A hardware address in lower case: six bytes, unicast and not zero.
///
/// # Errors
/// What is wrong with it.
pub fn parse_mac(text: &str) -> Result<String, Malformed> {
    let parts: Vec<&str> = text.split(':').collect();
    let hex = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    if parts.len() != 6 || !parts.iter().all(hex) {
        return Err(Malformed::from(format!("`{text}` is not a hardware address")));
    }
    let mac = text.to_ascii_lowercase();
    let first = u8::from_str_radix(&mac[..2], 16).unwrap_or(1);
    if first & 1 == 1 || mac == "00:00:00:00:00:00" {
        return Err(Malformed::from(format!("`{text}` cannot be the address of one interface")));
    }
    Ok(mac)
}

/// Checks the name of a lab, which becomes a name of files.
///
/// # Errors
/// That it is not one.
pub fn check_name(name: &str) -> Result<String, Malformed> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&name.len()) && name.bytes().all(ok) && !name.starts_with(['.', '-']) {
        return Ok(name.to_owned());
    }
    Err(Malformed::from(format!("`{name}` is not a name")))
}

/// Checks an interface's name.
///
/// # Errors
/// That it is not one.
pub fn check_interface(name: &str) -> Result<String, Malformed> {
    if is_interface_name(name) && name != "lo" {
        return Ok(name.to_owned());
    }
    Err(Malformed::from(format!("`{name}` is not an interface of a lab network")))
}

/// Reads a role's name.
///
/// # Errors
/// That it is not one.
pub fn parse_role(text: &str) -> Result<Role, Malformed> {
    [Role::Controller, Role::Compute]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| Malformed::from(format!("`{text}` is not a role")))
}

/// What roles there are, for hints.
pub const ROLE_HINT: &str = "allowed: controller, compute";

/// The form of networks, for hints.
pub const SUBNET_HINT: &str =
    "the network's first address and its prefix length (8 to 30), as in \"192.168.1.0/24\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("6 GiB"), Ok(6 << 30));
        assert_eq!(parse_size("4.5 GiB"), Ok(9 << 29));
        assert_eq!(parse_size("50GB"), Ok(50_000_000_000));
        assert_eq!(parse_size("0.5 MiB"), Ok(1 << 19));
        for bad in ["", "GiB", "5", "5 gib", "-5 GiB", "5,5 GiB", "5. GiB", "1.2.3 GiB", ". GiB"] {
            assert_eq!(
                parse_size(bad),
                Err(Malformed::from(format!("`{bad}` is not a size"))),
                "{bad}"
            );
        }
        assert_eq!(
            parse_size("9999999999 TiB"),
            Err(Malformed::from("`9999999999 TiB` is too large".to_owned()))
        );
        assert_eq!(show_size(9 << 29), "4.5 GiB");
        assert_eq!(show_size(50_000_000_000), "46.57 GiB");
        assert_eq!(show_size(512 << 20), "512 MiB");
    }

    #[test]
    fn host_names_and_macs() {
        for good in ["openstack", "nova01", "a.b-c.d", "3com"] {
            assert_eq!(check_host_name(good), Ok(()), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "Nova",
            "a_b",
            "-a",
            "a-",
            "a..b",
            "10.0.0.1",
            "12",
            "localhost",
            "localhost6",
            "localhost.lab",
            &long,
        ] {
            assert!(check_host_name(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_mac("52:54:00:AA:bb:01"), Ok("52:54:00:aa:bb:01".into()));
        for bad in ["52:54:00:aa:bb", "52-54-00-aa-bb-01", "53:54:00:aa:bb:01", "00:00:00:00:00:00"]
        {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn interfaces_are_those_of_the_node_spec() {
        assert_eq!(check_interface("eth0.7"), Ok("eth0.7".to_owned()));
        for bad in ["", "lo", "-eth0", ".eth0", "eth 0", "sixteencharacter"] {
            assert!(check_interface(bad).is_err(), "{bad}");
        }
    }
}
