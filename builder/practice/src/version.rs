//! Debian versions as RPM epoch, version and release.

use formats::rpmfile::Evr;

/// Marks every release as what it is.
const SUFFIX: &str = "practice";

/// Converts `[epoch:]upstream[-revision]` (deb-version(7)): the release is the revision, 1 for
/// native packages, with the practice suffix.
pub fn of_debian(text: &str) -> Evr {
    let (epoch, version, revision) = split(text);
    let revision = revision.as_deref().unwrap_or("1");
    Evr { epoch, version, release: Some(format!("{revision}.{SUFFIX}")) }
}

/// The version of a package created here.
pub fn own(version: &str) -> Evr {
    Evr { epoch: 0, version: version.into(), release: Some(format!("1.{SUFFIX}")) }
}

/// A lower bound as it appears in a dependency: the release only where Debian's
/// bound names one, and then without the suffix, so that it is not above ours.
pub fn bound(text: &str) -> String {
    let (epoch, version, release) = split(text);
    Evr { epoch, version, release }.to_string()
}

/// Whether `evr` is at or above `bound` as rpm compares them; a bound without a
/// release compares versions alone.
pub fn reaches(evr: &Evr, bound: &str) -> bool {
    evr.compare(&Evr::parse(bound)).is_ge()
}

fn split(text: &str) -> (u32, String, Option<String>) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, text),
    };
    match rest.rsplit_once('-') {
        Some((version, revision)) => (epoch, version.replace('-', "_"), Some(revision.into())),
        None => (epoch, rest.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts() {
        let cases = [
            ("1:9.2p1-2+deb12u10", "1:9.2p1-2+deb12u10.practice"),
            ("2.36-9", "2.36-9.practice"),
            ("72", "72-1.practice"),
            ("4.4.3-P1-2", "4.4.3_P1-2.practice"),
            ("0.9.8~rc1-1", "0.9.8~rc1-1.practice"),
        ];
        for (debian, rpm) in cases {
            assert_eq!(of_debian(debian).to_string(), rpm);
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(bound("2.36"), "2.36");
        assert_eq!(bound("1:1.2-3~"), "1:1.2-3~");
        let evr = of_debian("1:2.36-9");
        assert!(reaches(&evr, "2.37"), "an epoch outranks a version");
        assert!(reaches(&evr, "1:2.36"));
        assert!(reaches(&evr, "1:2.36-9"));
        assert!(!reaches(&evr, "1:2.37"));
        assert!(!reaches(&evr, "1:2.36-10"));
    }
}
