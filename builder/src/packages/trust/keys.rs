//! Public keys that packages may be signed by.

use crate::base::error::{Error, Result};
use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, Tag};
use std::sync::Arc;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// RSA and DSA keys with fewer bits are called weak (NIST SP 800-131A).
const FEWEST_BITS: u16 = 2048;

/// Whether a key may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Good,
    /// Its owner took it back.
    Revoked,
    /// It was good until then, in seconds since 1970.
    Until(i64),
}

/// One key that can sign: a primary key or a subkey of it.
#[derive(Clone, Debug)]
pub struct Key {
    /// Key id: 16 hexadecimal digits, lower case.
    pub id: String,
    /// Fingerprint, lower-case hexadecimal.
    pub fingerprint: String,
    /// Its owner, as the primary key's user id says.
    pub user: String,
    /// The file it comes from, for messages.
    pub origin: String,
    /// Whether it may be used.
    pub standing: Standing,
    /// Why it is weak, for example "RSA key of 1024 bits".
    pub weak: Option<String>,
    part: Part,
}

#[derive(Clone, Debug)]
enum Part {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

impl Key {
    /// Whether what it signed counts at `now`, in seconds since 1970.
    pub fn counts(&self, now: i64) -> bool {
        match self.standing {
            Standing::Good => true,
            Standing::Revoked => false,
            Standing::Until(end) => now < end,
        }
    }

    /// Whether `signature` is this key's over `data`.
    pub(super) fn verifies(&self, signature: &Signature, data: &[u8]) -> bool {
        match &self.part {
            Part::Primary(key) => signature.verify(key, data).is_ok(),
            Part::Subkey(key) => signature.verify(key, data).is_ok(),
        }
    }
}

/// A set of keys.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<Arc<Key>>,
}

impl Keyring {
    /// Adds the keys of a key file, armoured (any number of blocks, text around them) or binary.
    /// `origin` names it in messages.
    ///
    /// # Errors
    /// An input error when there is no key in it, or one that is damaged or not bound to its owner.
    pub fn add(&mut self, origin: &str, file: &[u8]) -> Result<()> {
        let fail = |what: String| {
            Error::input(format!("{origin} is not a file of OpenPGP public keys: {what}"))
                .hint("give the publisher's key file, as `gpg --export [--armor]` writes it")
        };
        let certificates = certificates(file).map_err(fail)?;
        if certificates.is_empty() {
            return Err(fail(format!("it has no `{BEGIN}`")));
        }
        for certificate in certificates {
            for key in keys(&certificate, origin).map_err(fail)? {
                if !self.keys.iter().any(|k| k.fingerprint == key.fingerprint) {
                    self.keys.push(Arc::new(key));
                }
            }
        }
        Ok(())
    }

    /// Adds another ring's keys.
    pub fn extend(&mut self, other: &Self) {
        for key in &other.keys {
            if !self.keys.iter().any(|k| k.fingerprint == key.fingerprint) {
                self.keys.push(key.clone());
            }
        }
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().map(Arc::as_ref)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The files that the keys come from, each once, for messages.
    pub fn origins(&self) -> Vec<&str> {
        let mut origins: Vec<&str> = Vec::new();
        for key in self.keys() {
            if !origins.contains(&key.origin.as_str()) {
                origins.push(&key.origin);
            }
        }
        origins
    }

    /// The keys that a signature names as its maker; all, when it names none.
    pub(super) fn makers(&self, signature: &Signature) -> Vec<&Key> {
        let ids: Vec<String> = signature.issuer_key_id().iter().map(hexadecimal).collect();
        let prints: Vec<String> = signature.issuer_fingerprint().iter().map(hexadecimal).collect();
        self.keys()
            .filter(|key| {
                ids.is_empty() && prints.is_empty()
                    || ids.contains(&key.id)
                    || prints.contains(&key.fingerprint)
            })
            .collect()
    }
}

/// Key ids and fingerprints in lower case.
pub(super) fn hexadecimal(value: impl AsRef<[u8]>) -> String {
    hex::encode(value)
}

fn certificates(file: &[u8]) -> Result<Vec<SignedPublicKey>, String> {
    let all = |keys: &mut dyn Iterator<Item = pgp::errors::Result<SignedPublicKey>>| {
        keys.collect::<pgp::errors::Result<Vec<_>>>().map_err(|e| e.to_string())
    };
    // An OpenPGP packet begins with its high bit set (RFC 9580, section 4.2).
    if file.first().is_some_and(|first| first & 0x80 != 0) {
        return all(&mut SignedPublicKey::from_bytes_many(file).map_err(|e| e.to_string())?);
    }
    let text = String::from_utf8_lossy(file);
    let mut found = Vec::new();
    let mut rest = text.as_ref();
    while let Some(start) = rest.find(BEGIN) {
        let end = rest[start..].find(END).ok_or(format!("a block without `{END}`"))?;
        let end = start + end + END.len();
        let block = &rest[start..end];
        let (mut keys, _) =
            SignedPublicKey::from_armor_many(block.as_bytes()).map_err(|e| e.to_string())?;
        found.extend(all(&mut keys)?);
        rest = &rest[end..];
    }
    Ok(found)
}

/// The keys of a certificate that may sign data.
fn keys(certificate: &SignedPublicKey, origin: &str) -> Result<Vec<Key>, String> {
    let primary = &certificate.primary_key;
    let id = hexadecimal(primary.legacy_key_id());
    let own = self_signature(certificate)
        .ok_or(format!("key {id} is not bound to its owner by a signature of its own"))?;
    let revoked =
        certificate.details.revocation_signatures.iter().any(|s| s.verify_key(primary).is_ok());
    let users = certificate.details.users.iter();
    let user = users.map(|user| String::from_utf8_lossy(user.id.id()).into_owned()).next();
    let make = |details: &dyn KeyDetails, standing, part| Key {
        id: hexadecimal(details.legacy_key_id()),
        fingerprint: hexadecimal(details.fingerprint().as_bytes()),
        user: user.clone().unwrap_or_default(),
        origin: origin.to_owned(),
        standing,
        weak: weak(details.public_params()),
        part,
    };
    let standing = if revoked { Standing::Revoked } else { until(primary, own) };
    let mut keys = Vec::new();
    if may_sign(own) {
        keys.push(make(primary, standing.clone(), Part::Primary(primary.clone())));
    }
    for subkey in &certificate.public_subkeys {
        if let Some(bound) = binding(primary, subkey) {
            let standing = match &standing {
                Standing::Good if is_revoked(primary, subkey) => Standing::Revoked,
                Standing::Good => until(&subkey.key, bound),
                other => other.clone(),
            };
            keys.push(make(&subkey.key, standing, Part::Subkey(subkey.key.clone())));
        }
    }
    if keys.is_empty() {
        return Err(format!("key {id} cannot sign"));
    }
    Ok(keys)
}

/// The newest valid signature of a key over its own user ids or itself.
fn self_signature(certificate: &SignedPublicKey) -> Option<&Signature> {
    let primary = &certificate.primary_key;
    let users = certificate.details.users.iter().flat_map(|user| {
        user.signatures.iter().filter(|s| {
            s.is_certification() && s.verify_certification(primary, Tag::UserId, &user.id).is_ok()
        })
    });
    let direct = certificate
        .details
        .direct_signatures
        .iter()
        .filter(|s| s.typ() == Some(SignatureType::Key) && s.verify_key(primary).is_ok());
    users.chain(direct).max_by_key(|s| s.created())
}

/// The newest valid binding of a subkey that may sign, with the subkey's consent.
fn binding<'k>(primary: &PublicKey, subkey: &'k SignedPublicSubKey) -> Option<&'k Signature> {
    let bound = subkey
        .signatures
        .iter()
        .filter(|s| s.typ() == Some(SignatureType::SubkeyBinding))
        .filter(|s| s.verify_subkey_binding(primary, &subkey.key).is_ok())
        .max_by_key(|s| s.created())?;
    let consent = bound
        .embedded_signature()
        .is_some_and(|s| s.verify_primary_key_binding(&subkey.key, primary).is_ok());
    (bound.key_flags().sign() && consent).then_some(bound)
}

fn is_revoked(primary: &PublicKey, subkey: &SignedPublicSubKey) -> bool {
    subkey.signatures.iter().any(|s| {
        s.typ() == Some(SignatureType::SubkeyRevocation)
            && s.verify_subkey_binding(primary, &subkey.key).is_ok()
    })
}

/// Old keys have no flags: they may do everything.
fn may_sign(own: &Signature) -> bool {
    own.key_flags().sign() || own.key_flags() == Default::default()
}

fn until(key: &impl KeyDetails, own: &Signature) -> Standing {
    match own.key_expiration_time().map(|d| d.as_secs()) {
        None | Some(0) => Standing::Good,
        Some(seconds) => {
            Standing::Until(i64::from(key.created_at().as_secs()) + i64::from(seconds))
        }
    }
}

fn weak(params: &PublicParams) -> Option<String> {
    // Their first number is the modulus; a number begins with its length in bits.
    let bits = |bytes: Vec<u8>| u16::from_be_bytes([bytes[0], bytes[1]]);
    let (name, bits) = match params {
        PublicParams::RSA(rsa) => ("RSA", bits(rsa.to_bytes().ok().filter(|b| b.len() > 2)?)),
        PublicParams::DSA(dsa) => ("DSA", bits(dsa.to_bytes().ok().filter(|b| b.len() > 2)?)),
        _ => return None,
    };
    (bits < FEWEST_BITS).then(|| format!("{name} key of {bits} bits"))
}
