//! Whether a key may be set to a value in a profile or spec.

use super::keys::KEYS;
use super::kind::AnswerKind;
use super::misread::{find_misreading, is_fact};

/// What is wrong with setting a key to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerViolation {
    /// packstack does not have this key.
    UnknownKey,
    /// The value is not one that the key may have.
    Value {
        /// What is wrong.
        message: String,
        /// What is allowed.
        allowed: String,
    },
}

impl AnswerViolation {
    /// What is wrong.
    pub fn message(&self) -> &str {
        match self {
            AnswerViolation::UnknownKey => "packstack does not have this key",
            AnswerViolation::Value { message, .. } => message,
        }
    }
}

/// The kind of `key`, `None` if packstack does not have this key.
pub fn find_kind(key: &str) -> Option<AnswerKind> {
    KEYS.iter().find(|(name, _)| *name == key).map(|(_, kind)| *kind)
}

/// What is wrong with setting `key` to `value`; `None` if nothing is.
pub fn find_violation(key: &str, value: &str) -> Option<AnswerViolation> {
    let (message, allowed) = match find_kind(key) {
        None => return Some(AnswerViolation::UnknownKey),
        Some(AnswerKind::Secret) => (
            "it is a secret, and this file can be read by all".to_owned(),
            "leave it out: packstack makes one by itself".to_owned(),
        ),
        Some(kind) if !kind.allows(value) => {
            (format!("`{}` is not allowed", value.escape_debug()), kind.allowed())
        }
        Some(AnswerKind::Fact) if is_fact(value) => return None,
        Some(kind) => match find_misreading(value) {
            None => return None,
            Some(why) => {
                let allowed = kind.allowed();
                (why, format!("{allowed}; read by packstack and Hiera as it is written"))
            }
        },
    };
    Some(AnswerViolation::Value { message, allowed })
}

#[cfg(test)]
mod tests {
    use super::super::keys::ADMIN_PASSWORD;
    use super::*;
    use std::path::Path;

    #[test]
    fn violations_are_reported() {
        assert_eq!(find_violation("CONFIG_SWIFT_INSTALL", "y"), None);
        assert_eq!(
            find_violation("CONFIG_SWIFT_INSTALL", "yes"),
            Some(AnswerViolation::Value {
                message: "`yes` is not allowed".to_owned(),
                allowed: "one of: y, n".to_owned(),
            })
        );
        assert_eq!(find_violation("CONFIG_SWIFT", "y"), Some(AnswerViolation::UnknownKey));
        let misread = find_violation("CONFIG_PROVISION_IMAGE_NAME", "a ;b").unwrap();
        let why = "`;` (character 3) begins a comment";
        assert_eq!(misread.message(), why);
        assert_eq!(find_violation("CONFIG_SERVICE_WORKERS", "%{::processorcount}"), None);
        assert!(find_violation("CONFIG_NOVA_PCI_ALIAS", "%{::processorcount}").is_some());
        let secret = find_violation(ADMIN_PASSWORD, "secret").unwrap();
        assert!(secret.message().contains("secret"));
    }

    #[test]
    fn each_key_is_listed_once() {
        for (index, (key, _)) in KEYS.iter().enumerate() {
            assert!(KEYS[..index].iter().all(|(other, _)| other != key), "{key} is given twice");
        }
    }

    /// packstack's own table of keys: the same keys, and its defaults are legal here.
    #[test]
    fn the_table_is_packstacks() {
        let shared = std::env::var_os("IMGBUILD_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            Into::into,
        );
        let path = shared.join("corpus/packstack/newton-9.0.3/packstack-9.0.3.params.tsv");
        let Ok(table) = std::fs::read_to_string(&path) else {
            // Not `eprintln`: what a test that passes prints is not shown.
            let why = format!("not run: {} is absent\n", path.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), why.as_bytes());
            return;
        };
        let mut rows = 0;
        for (line, (key, kind)) in table.lines().skip(1).zip(KEYS) {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields[0], *key);
            rows += 1;
            if let AnswerKind::One(words) | AnswerKind::Many(words) = kind {
                let mut known: Vec<&str> = fields[3].split(',').collect();
                let mut words = words.to_vec();
                known.sort_unstable();
                words.sort_unstable();
                assert_eq!(words, known, "{key}");
            }
            // An empty default stands for a key that is not asked for.
            let unset = fields[2].is_empty() || *kind == AnswerKind::Secret;
            assert!(unset || kind.allows(fields[2]), "{line}");
        }
        assert_eq!((rows, table.lines().count() - 1), (KEYS.len(), KEYS.len()));
    }
}
