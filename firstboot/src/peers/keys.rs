//! The keys of this node, as imgbuild put them into its image.

use crate::host::Host;
use contract::peers::fingerprints::{FingerprintError, Fingerprints};
use contract::peers::places::{CA_FILE, CERTIFICATE_FILE, FINGERPRINTS_FILE, KEY_FILE, PKI};
use contract::peers::tls::{Pki, TlsError};
use std::io;

/// Why the node's keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// A file does not exist.
    #[error("{0} does not exist: the image was built without it")]
    Absent(&'static str),
    /// The private key is open to others.
    #[error("{KEY_FILE}: mode {0:04o} lets others read it; `chmod 600 {KEY_FILE}`")]
    Open(u32),
    /// The list of fingerprints is damaged.
    #[error("{FINGERPRINTS_FILE}: {0}")]
    Fingerprints(#[from] FingerprintError),
    /// A certificate or key is damaged.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Whether the image has the keys; without them nodes cannot exchange anything.
pub fn are_present(host: &Host) -> bool {
    matches!(host.mode(PKI), Ok(Some(_)))
}

/// Reads the node's files.
///
/// # Errors
/// When one cannot be read, is not what it should be, or the key is open to others.
pub fn load_keys(host: &Host) -> Result<Pki, KeysError> {
    let read = |path: &'static str| host.read(path)?.ok_or(KeysError::Absent(path));
    let mode = host.mode(KEY_FILE)?.unwrap_or_default();
    if mode & 0o077 != 0 {
        return Err(KeysError::Open(mode));
    }
    let (ca, certificate, key) = (read(CA_FILE)?, read(CERTIFICATE_FILE)?, read(KEY_FILE)?);
    let known = host.read(FINGERPRINTS_FILE)?;
    let known = known.map(|text| Fingerprints::parse(&text)).transpose()?;
    Ok(Pki::from_pem(&ca, &certificate, &key, known)?)
}
