//! What a manifest says about signatures.

use super::keys::{self, Keyring};
use super::verdict::Signature;
use serde::{Deserialize, Serialize};

/// Who vouches for the packages of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustReport {
    /// The repositories that packages come from.
    pub repositories: Vec<Repository>,
    /// Every package, in the plan's order.
    pub packages: Vec<TrustedPackage>,
}

/// A repository and the keys that its packages had to be signed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its id.
    pub id: String,
    /// Whether its packages' signatures were checked.
    pub gpgcheck: bool,
    /// What switched the check off.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unchecked: Option<String>,
    /// The keys.
    pub keys: Vec<Key>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Fingerprint, lower-case hexadecimal.
    pub fingerprint: String,
    /// Its owner.
    pub user: String,
    /// The file it comes from.
    pub file: String,
}

/// A package and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedPackage {
    /// `name-[epoch:]version-release.arch`.
    pub nevra: String,
    /// Its repository's id.
    pub repo: String,
    /// Its signature; `None` where the check was off.
    pub signature: Option<Signature>,
}

impl Key {
    /// Of all keys of a ring.
    pub fn of(ring: &Keyring) -> Vec<Self> {
        let key = |key: &keys::Key| Self {
            fingerprint: key.fingerprint.clone(),
            user: key.user.clone(),
            file: key.origin.clone(),
        };
        ring.keys().map(key).collect()
    }
}
