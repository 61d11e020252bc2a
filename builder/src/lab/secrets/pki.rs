//! The lab's certificate authority. ECDSA over P-256; certificates by RFC 5280.

use super::values::{Identity, Secret, Subject};
use crate::base::error::{Context, Error, Result};
use contract::peers::fingerprints::Fingerprints;
use rand::RngCore;
use rand::rngs::OsRng;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};

/// A new private key, PEM.
pub fn key() -> Result<Secret> {
    let pair = KeyPair::generate().or_build(|| "cannot create a key".to_owned())?;
    Ok(Secret(pair.serialize_pem()))
}

fn pair(key: &Secret) -> Result<KeyPair> {
    KeyPair::from_pem(key.expose())
        .map_err(|e| Error::input(format!("a private key of the lab's secrets is damaged: {e}")))
}

/// The CA as issuer; its certificate is these parameters signed by itself.
fn authority(lab: &str) -> Result<CertificateParams> {
    let mut params = parameters(&format!("{lab} (imgbuild)"), Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// Valid always: a node's clock may be wrong when it first starts.
fn parameters(name: &str, names: Vec<String>) -> Result<CertificateParams> {
    let what = || format!("cannot create a certificate for {name}");
    let mut params = CertificateParams::new(names).or_build(what)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(1975, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    let mut serial = [0; 16];
    OsRng.fill_bytes(&mut serial);
    // Positive, and no leading zero byte.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));
    Ok(params)
}

/// A new CA for the lab.
pub fn new_authority(lab: &str) -> Result<Identity> {
    let key = key()?;
    let certificate = authority(lab)?
        .self_signed(&pair(&key)?)
        .or_build(|| "cannot create the lab's CA".to_owned())?
        .pem();
    Ok(Identity { certificate, key })
}

/// A certificate for `subject` and its `key`, by the CA of `lab` with the key `ca`.
pub fn certificate(lab: &str, ca: &Secret, key: &Secret, subject: &Subject) -> Result<String> {
    let names = std::iter::once(subject.name.clone())
        .chain(subject.address.map(|address| address.to_string()));
    let mut params = parameters(&subject.name, names.collect())?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(authority(lab)?, pair(ca)?);
    let what = || format!("cannot create a certificate for {}", subject.name);
    Ok(params.signed_by(&pair(key)?, &issuer).or_build(what)?.pem())
}

/// The fingerprints of the keys in these certificates, each with its subject's name.
pub fn fingerprints<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Fingerprints> {
    let mut found = Fingerprints::default();
    for (name, certificate) in all {
        found.add(name, certificate).map_err(|e| {
            Error::input(format!("the lab's secrets are damaged: {e}"))
                .hint("put it back, or create new ones by `imgbuild secrets rotate ca`")
        })?;
    }
    Ok(found)
}
