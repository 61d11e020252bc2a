//! The 7-byte and 17-byte time stamps of ECMA-119 (9.1.5, 8.4.26.1).

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds since 1970 of `[year, month, day, hour, minute, second]` at `quarters` quarter
/// hours east of Greenwich; 0 for an impossible date, as an unset stamp is.
fn seconds(fields: [i64; 6], quarters: i64) -> i64 {
    let [year, month, day, hour, minute, second] = fields;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return 0;
    }
    days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - quarters * 900
}

/// Seconds since 1970 of a stamp in a directory record.
pub fn from_short(stamp: &[u8; 7]) -> i64 {
    let [year, month, day, hour, minute, second, zone] = *stamp;
    let fields = [1900 + i64::from(year), month.into(), day.into(), hour.into(), minute.into()];
    let [year, month, day, hour, minute] = fields;
    seconds([year, month, day, hour, minute, second.into()], i64::from(zone.cast_signed()))
}

/// Seconds since 1970 of a stamp in digits; 0 when it is unset or has no digits.
pub fn from_long(stamp: &[u8; 17]) -> i64 {
    let number = |from: usize, to: usize| {
        stamp[from..to].iter().try_fold(0i64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let fields = || {
        let date = [number(0, 4)?, number(4, 6)?, number(6, 8)?];
        let time = [number(8, 10)?, number(10, 12)?, number(12, 14)?];
        Some([date[0], date[1], date[2], time[0], time[1], time[2]])
    };
    fields().map_or(0, |fields| seconds(fields, i64::from(stamp[16].cast_signed())))
}

/// `[year, month, day, hour, minute, second]` in UTC, of a year that both stamps can hold.
fn fields(time: i64) -> [i64; 6] {
    let time = time.clamp(days(1900, 1, 1) * 86_400, days(2156, 1, 1) * 86_400 - 1);
    let (day, second) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let year = (1900..2156).rev().find(|year| days(*year, 1, 1) <= day).unwrap_or(1900);
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).unwrap_or(1);
    let day = day - days(year, month, 1) + 1;
    [year, month, day, second / 3600, second / 60 % 60, second % 60]
}

/// The stamp of a directory record, in UTC.
pub fn to_short(time: i64) -> [u8; 7] {
    let [year, month, day, hour, minute, second] = fields(time);
    // Every field fits a byte by construction.
    [year - 1900, month, day, hour, minute, second, 0].map(|field| field as u8)
}

/// The stamp of a volume descriptor, in UTC.
pub fn to_long(time: i64) -> [u8; 17] {
    let [year, month, day, hour, minute, second] = fields(time);
    let digits = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00");
    let mut stamp = [0; 17];
    stamp[..16].copy_from_slice(digits.as_bytes());
    stamp
}

/// The day in UTC as `YYYY-MM-DD`, of a year that both stamps can hold.
pub fn date(time: i64) -> String {
    let [year, month, day, ..] = fields(time);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The second in UTC as `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339), of a year that both stamps can hold.
pub fn timestamp(time: i64) -> String {
    let [.., hour, minute, second] = fields(time);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", date(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_to_seconds() {
        assert_eq!(from_short(&[70, 1, 1, 0, 0, 0, 0]), 0);
        // `date -d 2018-11-25T23:54:16Z +%s`
        assert_eq!(from_short(&[118, 11, 25, 23, 54, 16, 0]), 1_543_190_056);
        assert_eq!(from_short(&[118, 11, 26, 0, 54, 16, 4]), 1_543_190_056);
        assert_eq!(from_short(&[0; 7]), 0);
        assert_eq!(from_long(b"2018112523541600\0"), 1_543_190_056);
        assert_eq!(from_long(b"0000000000000000\0"), 0);
        // `date -d 2000-02-29T12:00:00Z +%s`
        assert_eq!(from_long(b"2000022912000000\0"), 951_825_600);
    }

    #[test]
    fn seconds_to_stamps() {
        for time in [0, 951_825_600, 1_543_190_056, 1_709_251_199, -86_401] {
            assert_eq!(from_short(&to_short(time)), time);
            assert_eq!(from_long(&to_long(time)), time);
        }
        assert_eq!(timestamp(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(to_short(i64::MAX)[0], 255);
        assert_eq!(&to_long(i64::MIN)[..8], b"19000101");
    }
}
