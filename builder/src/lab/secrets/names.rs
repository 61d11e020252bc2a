//! Names of the files of a lab's secrets.

use super::values::Subject;
use crate::base::lab::LabNode;
use contract::peers::places::OPERATOR;

/// The directory's name in the lab's state directory.
pub const DIRECTORY: &str = "secrets";
/// What is held while it is used; next to it, as a rotation puts another directory in its place.
pub const LOCK: &str = "secrets.lock";
/// How the directory begins that takes its place.
pub const COPY: &str = ".secrets-";
/// The CA's key.
pub const CA_KEY: &str = "ca.key";
/// The CA's certificate.
pub const CA_CERTIFICATE: &str = "ca.crt";
/// `tls-NAME.key`, `tls-NAME@ADDRESS.crt`.
pub const TLS: &str = "tls-";
/// Root's ssh key.
pub const SSH_PRIVATE: &str = "id_rsa";
/// Its public part.
pub const SSH_PUBLIC: &str = "id_rsa.pub";
/// The key that the user's machine logs in with where the user has none.
pub const OPERATOR_PRIVATE: &str = "operator_ed25519";
/// Its public part.
pub const OPERATOR_PUBLIC: &str = "operator_ed25519.pub";
/// Keystone's administrator password.
pub const ADMIN_PASSWORD: &str = "keystone-admin-password";

/// Whose identity a node's is.
pub fn subject(node: &LabNode) -> Subject {
    Subject { name: node.name.clone(), address: Some(node.address) }
}

/// Whose identity that of the user's machine is.
pub fn operator() -> Subject {
    Subject { name: OPERATOR.to_owned(), address: None }
}

/// The file of a key, by whose it is.
pub fn key_file(name: &str) -> String {
    format!("{TLS}{name}.key")
}

/// The file of a certificate.
pub fn certificate_file(subject: &Subject) -> String {
    let address = subject.address.map(|a| format!("@{a}")).unwrap_or_default();
    format!("{TLS}{}{address}.crt", subject.name)
}

/// Whose certificate a file is, if it is one.
pub fn subject_of(file: &str) -> Option<Subject> {
    let stem = file.strip_prefix(TLS)?.strip_suffix(".crt")?;
    let (name, address) = match stem.split_once('@') {
        Some((name, address)) => (name, Some(address.parse().ok()?)),
        None => (stem, None),
    };
    Some(Subject { name: name.to_owned(), address })
}

/// The file among `names` that holds the certificate of `who`.
pub fn certificate_of(names: &[String], who: &str) -> Option<String> {
    names.iter().find(|file| subject_of(file).is_some_and(|s| s.name == who)).cloned()
}
