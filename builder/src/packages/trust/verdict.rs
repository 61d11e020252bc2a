//! What was found out about a package's signatures: the good one, or why it is refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a package's good signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covers {
    /// Header and payload, directly.
    HeaderAndPayload,
    /// The header, which has the payload's digest.
    HeaderWithPayloadDigest,
    /// The header, which has every file's digest.
    HeaderWithFileDigests,
}

/// A package's good signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Fingerprint of the key that made it, lower-case hexadecimal.
    pub key: String,
    /// The key's owner.
    pub user: String,
    /// Public key and hash algorithm, for example `RSA/SHA256`.
    pub algorithm: String,
    /// When it was created, seconds since 1970.
    pub made: i64,
    /// What it covers.
    pub covers: Covers,
    /// Why it is weak, if it is: MD5 or SHA-1, or a short key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub weak: Option<String>,
}

/// Why a package is not trusted. Messages complete "PACKAGE: …".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Not a whole package.
    #[error("it is not a whole RPM package: {0}")]
    Malformed(#[from] formats::rpmfile::Malformed),
    /// A digest that the package has of itself is wrong.
    #[error(
        "it is damaged or was changed: its {what} is {found}, its signature header says {stated}"
    )]
    Digest {
        /// Which.
        what: &'static str,
        /// As computed.
        found: String,
        /// As stated.
        stated: String,
    },
    /// The payload is not what the signed header says.
    #[error("its payload is damaged or was changed: {0}")]
    Payload(String),
    /// No signature at all.
    #[error("it is not signed")]
    Unsigned,
    /// A signature that cannot be read or is of a kind that signs no data.
    #[error("its signature of {of} cannot be used: {why}")]
    Unusable {
        /// What is signed.
        of: &'static str,
        /// Why not.
        why: String,
    },
    /// Signed by a key that was not given.
    #[error("it is signed by key {0}, which is none of these keys")]
    UnknownKey(String),
    /// The signature is not that key's over these bytes.
    #[error("its signature of {of} by key {key} is wrong: the package is damaged or was changed")]
    Bad {
        /// What is signed.
        of: &'static str,
        /// Key id.
        key: String,
    },
    /// The key was revoked.
    #[error("it is signed by key {id} ({user}), which its owner has revoked")]
    Revoked {
        /// Key id.
        id: String,
        /// Key owner.
        user: String,
    },
    /// The key's or the signature's time is over.
    #[error("it is signed by key {id} ({user}), {what} on {date}")]
    Expired {
        /// Key id.
        id: String,
        /// Key owner.
        user: String,
        /// What expired.
        what: &'static str,
        /// When, as YYYY-MM-DD.
        date: String,
    },
}
