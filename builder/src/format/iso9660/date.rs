//! Dates of ISO 9660 to and from seconds since 1970.

use crate::format::calendar::{days_from_civil, fields};

fn seconds([year, month, day, hour, minute, second]: [i64; 6], quarters: u8) -> Option<i64> {
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    // The offset counts quarters of an hour east of Greenwich.
    let east = i64::from(quarters as i8) * 900;
    valid.then(|| {
        days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - east
    })
}

/// The 7-byte date of directory records (ECMA-119 9.1.5); `None` when invalid.
pub fn from_short(bytes: &[u8; 7]) -> Option<i64> {
    let [year, month, day, hour, minute, second, zone] = *bytes;
    let fields = [year, month, day, hour, minute, second].map(i64::from);
    seconds([fields[0] + 1900, fields[1], fields[2], fields[3], fields[4], fields[5]], zone)
}

/// The 17-byte date of volume descriptors (ECMA-119 8.4.26.1); `None` when invalid.
pub fn from_long(bytes: &[u8; 17]) -> Option<i64> {
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0i64, |n, digit| {
            digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0'))
        })
    };
    seconds(
        [
            number(0, 4)?,
            number(4, 6)?,
            number(6, 8)?,
            number(8, 10)?,
            number(10, 12)?,
            number(12, 14)?,
        ],
        bytes[16],
    )
}

/// The 7-byte date in UTC; times outside 1900..=2155 become the nearest in it.
pub fn to_short(time: i64) -> [u8; 7] {
    let [year, month, day, hour, minute, second] =
        fields(time.clamp(-2_208_988_800, 5_869_583_999));
    [(year - 1900) as u8, month as u8, day as u8, hour as u8, minute as u8, second as u8, 0]
}

/// The 17-byte date in UTC; times outside the years 1..=9999 become the nearest in it.
pub fn to_long(time: i64) -> [u8; 17] {
    let [year, month, day, hour, minute, second] =
        fields(time.clamp(-62_135_596_800, 253_402_300_799));
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00");
    let mut bytes = [0; 17];
    bytes[..16].copy_from_slice(text.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(from_short(&[118, 5, 3, 20, 55, 0, 0]), Some(1_525_380_900));
        assert_eq!(from_short(&[118, 5, 3, 20, 55, 0, 8]), Some(1_525_380_900 - 7200));
        assert_eq!(from_short(&[118, 0, 3, 20, 55, 0, 0]), None);
        assert_eq!(from_long(b"2018050320550099\0"), Some(1_525_380_900));
        assert_eq!(from_long(b"0000000000000000\0"), None);
        assert_eq!(&to_long(951_782_400), b"2000022900000000\0");
    }

    #[test]
    fn there_and_back() {
        for time in (-2_208_988_800..5_869_583_999).step_by(86_399 * 97) {
            assert_eq!(from_short(&to_short(time)), Some(time));
            assert_eq!(from_long(&to_long(time)), Some(time));
        }
        assert_eq!(to_short(i64::MAX), [255, 12, 31, 23, 59, 59, 0]);
        assert_eq!(to_short(i64::MIN), [0, 1, 1, 0, 0, 0, 0]);
        assert_eq!(&to_long(i64::MAX)[..4], b"9999");
        assert_eq!(&to_long(i64::MIN)[..8], b"00010101");
    }
}
