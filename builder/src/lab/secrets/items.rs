//! Secrets as they may be listed: never their values.

use super::names::ADMIN_PASSWORD;
use std::time::SystemTime;

/// What kind of secret one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// The CA, with everything that it has signed.
    Authority,
    /// Certificate and key of a node or of the user's machine.
    Identity(String),
    /// Root's ssh key.
    Ssh,
    /// The ssh key that the user's machine logs in with, where the user had none.
    OperatorSsh,
    /// Keystone's administrator password.
    AdminPassword,
}

impl SecretKind {
    /// Its name on the command line.
    pub fn name(&self) -> &str {
        match self {
            SecretKind::Authority => "ca",
            SecretKind::Identity(name) => name,
            SecretKind::Ssh => "ssh",
            SecretKind::OperatorSsh => "operator-ssh",
            SecretKind::AdminPassword => ADMIN_PASSWORD,
        }
    }
}

/// A secret as it may be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretItem {
    /// What it is.
    pub kind: SecretKind,
    /// SHA-256 of the file of its public part, hexadecimal; a password has none.
    pub fingerprint: Option<String>,
    /// When it was created.
    pub made: SystemTime,
}
