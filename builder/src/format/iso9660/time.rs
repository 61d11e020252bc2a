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
}
