//! Times as both programs write them.

use std::time::Duration;

/// `wall` (since 1970) as RFC 3339 in UTC, `2026-11-24T02:28:00Z`.
pub fn rfc3339(wall: Duration) -> String {
    let seconds = wall.as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month, day of the proleptic Gregorian calendar for days since 1970-01-01
/// (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153; // March is 0
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn dates_agree_with_date() {
        for seconds in [0u64, 951_782_399, 951_782_400, 1_704_067_199, 1_795_487_280, 4_107_542_400]
        {
            let date = Command::new("date")
                .args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%SZ"])
                .output()
                .expect("`date` runs (Debian package coreutils)");
            let date = String::from_utf8(date.stdout).unwrap();
            assert_eq!(rfc3339(Duration::from_secs(seconds)), date.trim());
        }
    }
}
