//! Versions as rpm compares them. Source: rpm's `rpmvercmp.c` documentation and
//! <https://rpm.org/docs/latest/manual/dependencies.html>.

use std::cmp::Ordering;
use std::fmt;

/// Epoch, version and release. A release may be missing in a dependency, never in a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Evr {
    /// Epoch; none is 0.
    pub epoch: u32,
    /// Version.
    pub version: String,
    /// Release.
    pub release: Option<String>,
}

impl Evr {
    /// Reads `[EPOCH:]VERSION[-RELEASE]`.
    pub fn parse(text: &str) -> Self {
        let with_epoch = text.split_once(':').and_then(|(e, rest)| Some((e.parse().ok()?, rest)));
        let (epoch, rest) = with_epoch.unwrap_or((0, text));
        let (version, release) = match rest.split_once('-') {
            Some((version, release)) => (version, Some(release.to_owned())),
            None => (rest, None),
        };
        Self { epoch, version: version.to_owned(), release }
    }

    /// Compares as a dependency does: a release that either side lacks does not count.
    pub fn compare(&self, other: &Self) -> Ordering {
        let release = || match (&self.release, &other.release) {
            (Some(a), Some(b)) => vercmp(a, b),
            _ => Ordering::Equal,
        };
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| vercmp(&self.version, &other.version))
            .then_with(release)
    }
}

impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(&self.version)?;
        match &self.release {
            Some(release) => write!(f, "-{release}"),
            None => Ok(()),
        }
    }
}

/// Compares two version or release strings segment by segment: digits as numbers, letters as
/// text, everything else separates; `~` sorts before the end, `^` after it.
pub fn vercmp(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        a = skip_separators(a);
        b = skip_separators(b);
        match (a.first(), b.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => (a, b) = (&a[1..], &b[1..]),
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (Some(b'^'), None) => return Ordering::Greater,
            (None, Some(b'^')) => return Ordering::Less,
            (Some(b'^'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'^')) => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => {
                // A number is newer than letters.
                match (x.is_ascii_digit(), y.is_ascii_digit()) {
                    (true, false) => return Ordering::Greater,
                    (false, true) => return Ordering::Less,
                    (digits, _) => {
                        let (left, right);
                        (left, a) = segment(a, digits);
                        (right, b) = segment(b, digits);
                        let order = if digits { number(left, right) } else { left.cmp(right) };
                        if order != Ordering::Equal {
                            return order;
                        }
                    }
                }
            }
        }
    }
}

fn skip_separators(s: &[u8]) -> &[u8] {
    let end = s.iter().position(|&c| c.is_ascii_alphanumeric() || c == b'~' || c == b'^');
    &s[end.unwrap_or(s.len())..]
}

fn segment(s: &[u8], digits: bool) -> (&[u8], &[u8]) {
    let inside = |c: &u8| if digits { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
    s.split_at(s.iter().position(|c| !inside(c)).unwrap_or(s.len()))
}

fn number(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |s: &[u8]| s.iter().position(|&c| c != b'0').map_or(s.len(), |at| at);
    let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn as_rpm_does() {
        let versions = [
            "1.0",
            "1.0.0",
            "1.00",
            "1.0a",
            "1.0.a",
            "1.a",
            "2",
            "10",
            "1.0~rc1",
            "1.0~rc1~x",
            "1.0^git1",
            "1.0^",
            "1.0~^",
            "a",
            "aa",
            "5.5p1",
            "5.5p10",
            "xyz10",
            "xyz10.1",
            "2.6.0_28",
            "20110622svn",
            "76",
            "0076",
            "1..0",
            "~",
            "4.el7",
            "4.el7_2.1",
        ];
        let pairs: Vec<(&str, &str)> =
            versions.iter().flat_map(|a| versions.iter().map(move |b| (*a, *b))).collect();
        let script: String = pairs
            .iter()
            .map(|(a, b)| format!("print(rpm.vercmp('{a}','{b}'))"))
            .collect::<Vec<_>>()
            .join(" ");
        let output = Command::new("rpm")
            .args(["--eval", &format!("%{{lua:{script}}}")])
            .output()
            .expect("Debian package rpm");
        let said = String::from_utf8(output.stdout).unwrap();
        let numbers = said.trim().replace("-1", "<").replace('1', ">").replace('0', "=");
        let theirs: Vec<char> = numbers.chars().filter(|c| "<>=".contains(*c)).collect();
        assert_eq!(theirs.len(), pairs.len(), "{said}");
        for ((a, b), theirs) in pairs.iter().zip(theirs) {
            let ours = match vercmp(a, b) {
                Ordering::Less => '<',
                Ordering::Equal => '=',
                Ordering::Greater => '>',
            };
            assert_eq!(ours, theirs, "`{a}` and `{b}`");
        }
    }
}
