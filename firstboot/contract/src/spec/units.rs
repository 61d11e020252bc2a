//! Names of systemd's units.

/// The suffixes that a unit's name may have here.
const SUFFIXES: [&str; 6] = [".service", ".socket", ".target", ".timer", ".mount", ".path"];

/// `unit` with `.service` if it has no suffix of its own.
pub fn full_name(unit: &str) -> String {
    if SUFFIXES.iter().any(|suffix| unit.ends_with(suffix)) {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_suffix_once() {
        assert_eq!(full_name("chronyd"), "chronyd.service");
        assert_eq!(full_name("chronyd.service"), "chronyd.service");
        assert_eq!(full_name("multi-user.target"), "multi-user.target");
    }
}
