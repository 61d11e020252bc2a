//! The header `Range` (RFC 9110, 14): one range of bytes.

use std::ops::Range;

/// What of a file is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedBytes {
    /// All of it.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// Bytes that it does not have.
    Outside,
}

/// Reads the header's value for a file of `size` bytes. Several ranges, other units and what is
/// malformed are as if there were no such header, which a server is free to do.
pub fn parse(value: &str, size: u64) -> RequestedBytes {
    let Some((first, last)) = value.trim().strip_prefix("bytes=").and_then(|r| r.split_once('-'))
    else {
        return RequestedBytes::Whole;
    };
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What has more digits than any size is beyond all.
        true if !text.is_empty() => Some(text.parse().unwrap_or(u64::MAX)),
        _ => None,
    };
    let range = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(count)) if first.trim().is_empty() => size.saturating_sub(count)..size,
        _ => return RequestedBytes::Whole,
    };
    if range.is_empty() { RequestedBytes::Outside } else { RequestedBytes::Bytes(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_as_in_the_rfc() {
        for (value, part) in [
            ("bytes=0-499", RequestedBytes::Bytes(0..500)),
            ("bytes=500-999", RequestedBytes::Bytes(500..1000)),
            ("bytes=9500-", RequestedBytes::Bytes(9500..10000)),
            ("bytes=-500", RequestedBytes::Bytes(9500..10000)),
            ("bytes=-99999", RequestedBytes::Bytes(0..10000)),
            ("bytes=9999-99999999999999999999", RequestedBytes::Bytes(9999..10000)),
            (" bytes=0-0 ", RequestedBytes::Bytes(0..1)),
            ("bytes=10000-", RequestedBytes::Outside),
            ("bytes=10000-10001", RequestedBytes::Outside),
            ("bytes=99999999999999999999-", RequestedBytes::Outside),
            ("bytes=-0", RequestedBytes::Outside),
            ("bytes=5-4", RequestedBytes::Whole),
            ("bytes=0-1,5-6", RequestedBytes::Whole),
            ("bytes=", RequestedBytes::Whole),
            ("bytes=-", RequestedBytes::Whole),
            ("bytes=+1-2", RequestedBytes::Whole),
            ("lines=1-2", RequestedBytes::Whole),
            ("", RequestedBytes::Whole),
        ] {
            assert_eq!(parse(value, 10_000), part, "{value}");
        }
        assert_eq!(parse("bytes=0-", 0), RequestedBytes::Outside);
    }
}
