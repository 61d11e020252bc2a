//! Reading a spec from TOML with everything that is wrong reported by line and key.

use super::check::SpecChecker;
use super::key_lines::key_lines;
use super::model::{Spec, VERSION};
use crate::diagnostic::{Diagnostic, Severity, TextPlace};
use serde::Deserialize;
use std::fmt;

/// All that is wrong with a spec; at least one diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SpecError {
    /// In the order of the checks.
    pub diagnostics: Vec<Diagnostic>,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let all: Vec<String> = self.diagnostics.iter().map(Diagnostic::to_string).collect();
        f.write_str(&all.join("; "))
    }
}

/// What every version of the format has.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Spec {
    /// Reads a spec and checks that it makes sense as a whole.
    ///
    /// # Errors
    /// [`SpecError`] with everything that is wrong: TOML syntax, keys, types, another
    /// format version, and values that contradict each other.
    pub fn parse(text: &str) -> Result<Spec, SpecError> {
        let found: VersionOnly = toml::from_str(text).map_err(|error| locate(text, &error))?;
        let mut checker = SpecChecker::new(key_lines(text));
        if found.version != VERSION {
            let message = format!("{} is not known here; known: {VERSION}", found.version);
            checker.report("version", message, String::new());
            return Err(SpecError { diagnostics: checker.into_diagnostics() });
        }
        let spec: Spec = toml::from_str(text).map_err(|error| locate(text, &error))?;
        checker.check_spec(&spec);
        let diagnostics = checker.into_diagnostics();
        if diagnostics.is_empty() { Ok(spec) } else { Err(SpecError { diagnostics }) }
    }

    /// The spec as TOML, as [`Spec::parse`] reads it.
    ///
    /// # Errors
    /// When a number does not fit TOML's signed 64 bits.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// A parser's error, with its line and the key on that line.
fn locate(text: &str, error: &toml::de::Error) -> SpecError {
    let line = error.span().map(|span| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    });
    let key = line.and_then(|line| {
        // The last key at or above the line: an array may go over several lines.
        key_lines(text).into_iter().filter(|(_, at)| *at <= line).max_by_key(|(_, at)| *at)
    });
    let diagnostic = Diagnostic {
        severity: Severity::Error,
        place: TextPlace { line, column: None },
        key: key.map(|(key, _)| key).unwrap_or_default(),
        message: error.message().to_owned(),
        hint: String::new(),
    };
    SpecError { diagnostics: vec![diagnostic] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const CONTROLLER: &str = include_str!("../../../examples/controller.spec.toml");
    const COMPUTE: &str = include_str!("../../../examples/compute.spec.toml");

    fn problems(text: &str) -> Vec<String> {
        match Spec::parse(text) {
            Ok(_) => Vec::new(),
            Err(error) => error.diagnostics.iter().map(Diagnostic::to_string).collect(),
        }
    }

    #[test]
    fn the_examples_are_read_and_written_back() {
        for text in [CONTROLLER, COMPUTE] {
            let spec = Spec::parse(text).unwrap();
            let again = Spec::parse(&spec.to_toml().unwrap()).unwrap();
            assert_eq!(spec, again);
        }
        let spec = Spec::parse(CONTROLLER).unwrap();
        let names: Vec<&str> = spec.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["openstack", "nova01", "nova02"]);
        assert_eq!(spec.repositories.len(), 4);
        assert_eq!(spec.node.address, Ipv4Addr::new(192, 168, 1, 10));
    }

    #[test]
    fn another_version_is_refused_before_its_keys_are_judged() {
        let text = CONTROLLER.replace("version = 1", "version = 2\nnews = true");
        assert_eq!(problems(&text).len(), 1);
        assert!(problems(&text)[0].contains("version: 2 is not known here; known: 1"));
    }

    #[test]
    fn wrong_keys_and_types_are_named_by_line_and_key() {
        let line =
            |needle: &str| CONTROLLER.lines().position(|l| l.starts_with(needle)).unwrap() + 1;
        let text = CONTROLLER.replace("prefix = 24", "prefix = \"24\"");
        let found = problems(&text);
        assert!(
            found[0].starts_with(&format!("line {}: network.prefix: ", line("prefix"))),
            "{found:?}"
        );
        let text = CONTROLLER.replace("prefix = 24", "prefix = 24\nmtu = 9000");
        let found = problems(&text);
        assert!(
            found[0]
                .starts_with(&format!("line {}: network.mtu: unknown field", line("prefix") + 1)),
            "{found:?}"
        );
        assert!(problems("version = 1\nlab = ")[0].starts_with("line 2: "));
    }

    #[test]
    fn contradictions_are_all_reported() {
        let text = CONTROLLER
            .replace("gateway = \"192.168.1.254\"", "gateway = \"192.168.2.254\"")
            .replace("name = \"nova02\"", "name = \"nova01\"")
            .replace("\"firewalld\"", "\"firewalld\", \"chronyd.service\", \"--now\"")
            .replace("interface = \"eth0\"", "interface = \"../x\"");
        let found = problems(&text).join("\n");
        for wanted in [
            "network.gateway: 192.168.2.254 is not a host's address in 192.168.1.0/24",
            "hosts[2].name: `nova01` is given twice",
            "services.disabled: `chronyd.service` is in `enabled` as well",
            "services.disabled: `--now` is not a unit name",
            "node.interface: `../x` is not an interface name",
        ] {
            assert!(found.contains(wanted), "lacks `{wanted}`:\n{found}");
        }
        assert_eq!(found.lines().count(), 5, "{found}");
    }

    #[test]
    fn no_node_is_its_own_name_server_or_gateway() {
        let text = CONTROLLER
            .replace("dns = [\"192.168.1.254\"]", "dns = [\"192.168.1.10\"]")
            .replace("gateway = \"192.168.1.254\"", "gateway = \"192.168.1.10\"");
        let found = problems(&text).join("\n");
        assert!(found.contains("network.dns") && found.contains("network.gateway"), "{found}");
    }

    #[test]
    fn no_text_makes_it_panic() {
        for end in 0..CONTROLLER.len() {
            if let Some(text) = CONTROLLER.get(..end) {
                let _ = Spec::parse(text);
            }
        }
        for text in ["=", "[[", "[", "]]", "[[a]]\n[[a]]\n=1", "version = 1\n[a.b]\n\"x y\" = 1"] {
            assert!(Spec::parse(text).is_err());
        }
    }
}
