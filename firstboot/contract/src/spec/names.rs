//! The names that a spec may hold.

/// Why a host name is not one.
pub(super) fn bad_host_name(name: &str) -> String {
    format!("`{name}` is not a host name: labels of a-z, 0-9 and `-`, at most 64 in all")
}

/// Whether `name` is a host name: RFC 1123 labels, lower case; the kernel keeps at most 64 bytes.
pub(super) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len())
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 64 && name.split('.').all(label)
}

/// A host name's first label, by which its node is known as well.
pub fn short_name(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// Whether `name`, or its first label, means every machine itself in `/etc/hosts`.
pub fn is_loopback_name(name: &str) -> bool {
    ["localhost", "localhost4", "localhost6"].contains(&short_name(name))
}

/// Whether `name` is an interface's: it becomes a part of a file name.
pub fn is_interface_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=15).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['-', '.'])
}

/// Whether `name` is a unit's: it becomes an argument of systemctl.
pub fn is_unit_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:\\".contains(c);
    (1..=255).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['-', '.'])
}
