//! Which Debian packages go in, and which RPM each becomes.

mod repository;
mod tables;

pub use repository::Repository;
pub use tables::MEDIA_ONLY;
use tables::{EXTRA, LEFT_OUT, RENAMED, WANTED};

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// Whether the Debian package (or virtual package) has no place on the medium.
pub fn left_out(debian: &str) -> bool {
    LEFT_OUT.iter().any(|pattern| matches(pattern, debian))
}

/// The RPM a Debian package becomes, and its place among those that become it.
pub fn rpm_name(debian: &str) -> (String, usize) {
    for (rpm, parts) in RENAMED {
        if let Some(place) = parts.iter().position(|pattern| matches(pattern, debian)) {
            return ((*rpm).to_string(), place);
        }
    }
    (debian.to_string(), 0)
}

/// Where a Debian package's RPM goes.
pub fn repository(debian: &str) -> Repository {
    let named = EXTRA.iter().find(|(name, _)| *name == debian);
    named.map_or(Repository::Os, |(_, repository)| *repository)
}

/// Everything asked of apt.
pub fn asked() -> Vec<&'static str> {
    let extra = EXTRA.iter().map(|(name, _)| *name);
    WANTED.iter().chain(MEDIA_ONLY).copied().chain(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn maps_names() {
        assert_eq!(rpm_name("linux-image-6.1.0-56-cloud-amd64").0, "kernel");
        assert_eq!(rpm_name("openssh-sftp-server"), ("openssh-server".into(), 1));
        assert_eq!(rpm_name("chrony"), ("chrony".into(), 0));
        assert!(left_out("linux-image-cloud-amd64"), "the empty package that names the kernel");
        assert!(left_out("perl-base") && left_out("libgstreamer1.0-0"));
        assert!(!left_out("procps"));
    }

    #[test]
    fn no_debian_package_has_two_places() {
        let mut seen = BTreeSet::new();
        for (_, parts) in RENAMED {
            for part in *parts {
                assert!(seen.insert(part), "{part} is named twice");
            }
        }
        for name in asked() {
            let kernel = name.starts_with("linux-image");
            assert!(kernel || !left_out(name), "{name} is both wanted and left out");
        }
    }
}
