//! The secrets as values.

use crate::base::error::{Context, Result};
use contract::peers::fingerprints::Fingerprints;
use rand::RngCore;
use rand::rngs::OsRng;
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{LineEnding, PrivateKey};
use std::fmt;
use std::net::Ipv4Addr;

/// Bits of root's RSA key.
pub(super) const RSA_BITS: usize = 3072;

/// Letters of a password: 62 each, so that 32 are 190 bits.
pub(super) const PASSWORD_LETTERS: usize = 32;

/// A value that nobody is to see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl Secret {
    /// The value, to be written into an image or a file of mode 0600.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whom a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Common name and DNS name.
    pub name: String,
    /// Address, if it has one.
    pub address: Option<Ipv4Addr>,
}

/// A certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS #8).
    pub key: Secret,
}

/// What the image of one node gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSecrets {
    /// The CA's certificate, PEM.
    pub ca: String,
    /// The node's own.
    pub identity: Identity,
    /// Of the keys of all nodes and of the user's machine: what the CA has signed is worth
    /// nothing without being in there.
    pub fingerprints: Fingerprints,
    /// The line of `authorized_keys` that lets root's ssh key in.
    pub ssh_authorized: String,
    /// The line of `authorized_keys` for where no other key is in there.
    pub operator_public: Option<String>,
    /// The public part of root's ssh key, a line too.
    pub ssh_public: String,
    /// The private part (OpenSSH's form) on the node that logs in to the others.
    pub ssh_private: Option<Secret>,
    /// Keystone's administrator password on the node that installs it.
    pub admin_password: Option<Secret>,
}

/// Root's ssh key pair: private and public part in OpenSSH's forms. RSA, as packstack's `id_rsa`
/// says.
pub(super) fn ssh_pair(comment: &str) -> Result<(Secret, String)> {
    let pair = RsaKeypair::random(&mut OsRng, RSA_BITS).map_err(|e| e.to_string());
    openssh(KeypairData::Rsa(pair.or_build(|| "cannot create root's ssh key".to_owned())?), comment)
}

/// The key pair of the user's machine, in the same forms.
pub(super) fn operator_pair(comment: &str) -> Result<(Secret, String)> {
    openssh(KeypairData::Ed25519(Ed25519Keypair::random(&mut OsRng)), comment)
}

fn openssh(pair: KeypairData, comment: &str) -> Result<(Secret, String)> {
    let what = || "cannot create an ssh key".to_owned();
    // Without `std` in its features they are not errors of the standard library.
    let text = |e: ssh_key::Error| e.to_string();
    let key = PrivateKey::new(pair, comment).map_err(text).or_build(what)?;
    let public = key.public_key().to_openssh().map_err(text).or_build(what)?;
    let private = key.to_openssh(LineEnding::LF).map_err(text).or_build(what)?;
    Ok((Secret(private.to_string()), public + "\n"))
}

/// A password of letters and digits, so that no file's or shell's syntax matters.
pub(super) fn password() -> Secret {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(PASSWORD_LETTERS);
    while text.len() < PASSWORD_LETTERS {
        // Six bits; the two values beyond the letters are drawn again, so that all are as likely.
        let index = (OsRng.next_u32() & 63) as usize;
        text.extend(LETTERS.get(index).map(|&letter| char::from(letter)));
    }
    Secret(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secret = password();
        assert_eq!(secret.expose().len(), PASSWORD_LETTERS);
        assert_ne!(secret, password());
        assert!(!format!("{secret:?}").contains(secret.expose()));
    }
}
