//! Fingerprints of the keys that the lab's nodes and the user's machine have now. The CA's
//! word alone would hold indefinitely: a key that was replaced is still one that it signed.
//!
//! The file has one line for each, as sha256sum(1) writes them: 64 hexadecimal digits, two
//! blanks, the name in the certificate. The digest is that of the public key in its DER form
//! (SubjectPublicKeyInfo, RFC 5280), so that it stays when a node's address changes.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, Error};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use webpki::EndEntityCert;

/// Why a fingerprint is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// This line of the file is not in its form.
    #[error("line {0}: not a SHA-256 (64 digits of 0-9 and a-f), two blanks and a name")]
    Line(usize),
    /// A line of the file repeats a name.
    #[error("line {line}: `{name}` already has a fingerprint")]
    Repeated {
        /// The line's number.
        line: usize,
        /// The name.
        name: String,
    },
    /// The certificate of this name cannot be read.
    #[error("the certificate of {0} is damaged")]
    Certificate(String),
}

/// The fingerprints by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprints(BTreeMap<String, String>);

impl Fingerprints {
    /// Reads the file's text.
    ///
    /// # Errors
    /// The line that is not one of a fingerprint.
    pub fn parse(text: &str) -> Result<Fingerprints, FingerprintError> {
        let mut found = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            let whole = line.split_once("  ").filter(|(digest, name)| {
                digest.len() == 64 && digest.chars().all(hexadecimal) && !name.is_empty()
            });
            let Some((digest, name)) = whole else {
                return Err(FingerprintError::Line(index + 1));
            };
            if found.insert(name.to_owned(), digest.to_owned()).is_some() {
                let (line, name) = (index + 1, name.to_owned());
                return Err(FingerprintError::Repeated { line, name });
            }
        }
        Ok(Fingerprints(found))
    }

    /// The file's text.
    pub fn text(&self) -> String {
        self.0.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect()
    }

    /// Adds that of the key in the certificate (PEM) of `name`.
    ///
    /// # Errors
    /// When it is not a certificate.
    pub fn add(&mut self, name: &str, certificate: &str) -> Result<(), FingerprintError> {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes());
        let digest = certificate.ok().and_then(|certificate| fingerprint(&certificate));
        let digest = digest.ok_or_else(|| FingerprintError::Certificate(name.to_owned()))?;
        self.0.insert(name.to_owned(), digest);
        Ok(())
    }

    /// Whether `certificate` has the key that `name` has now.
    ///
    /// # Errors
    /// [`CertificateError::Revoked`] if it has another, or no node of that name has one.
    pub(super) fn check(&self, name: &str, certificate: &CertificateDer) -> Result<(), Error> {
        let found = fingerprint(certificate);
        if found.is_some() && found.as_ref() == self.0.get(name) {
            return Ok(());
        }
        Err(Error::InvalidCertificate(CertificateError::Revoked))
    }
}

/// SHA-256 of a certificate's public key, hexadecimal.
fn fingerprint(certificate: &CertificateDer) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let digest = Sha256::digest(certificate.subject_public_key_info());
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use std::process::Command;

    fn certificate(key: &KeyPair, name: &str) -> rcgen::Certificate {
        CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(key).unwrap()
    }

    #[test]
    fn only_the_key_of_now_will_do() {
        let (old, new) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut known = Fingerprints::default();
        known.add("nova01", &certificate(&new, "nova01").pem()).unwrap();
        known.add("nova02", &certificate(&old, "nova02").pem()).unwrap();
        let known = Fingerprints::parse(&known.text()).unwrap();
        let check = |name, key| known.check(name, certificate(key, name).der());
        let revoked = Err(Error::InvalidCertificate(CertificateError::Revoked));
        assert_eq!(check("nova01", &new), Ok(()));
        assert_eq!(check("nova01", &old), revoked);
        assert_eq!(check("nova02", &old), Ok(()));
        assert_eq!(check("nova03", &new), revoked);
    }

    #[test]
    fn openssl_finds_the_same() {
        let key = KeyPair::generate().unwrap();
        let mut known = Fingerprints::default();
        known.add("nova01", &certificate(&key, "nova01").pem()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), key.serialize_pem()).unwrap();
        let script = "openssl pkey -pubout -outform DER -in \"$0\" | sha256sum | cut -c 1-64";
        let output = Command::new("sh").args(["-c", script]).arg(file.path()).output().unwrap();
        let digest = String::from_utf8(output.stdout).unwrap();
        assert_eq!(known.text(), format!("{}  nova01\n", digest.trim_end()));
    }

    #[test]
    fn what_is_not_a_fingerprint_is_named() {
        let digest = "0123456789abcdef".repeat(4);
        let twice = format!("{digest}  a\n{digest}  a\n");
        for (text, line) in [
            (format!("{digest} a\n"), 1),
            (format!("{digest}  a\n{}  b\n", digest.to_uppercase()), 2),
            (format!("{}  a\n", &digest[1..]), 1),
            (format!("{digest}  \n"), 1),
            ("\n".to_owned(), 1),
            (twice, 2),
        ] {
            let error = Fingerprints::parse(&text).unwrap_err();
            assert!(error.to_string().starts_with(&format!("line {line}: ")), "{text:?}: {error}");
        }
        assert_eq!(Fingerprints::parse(""), Ok(Fingerprints::default()));
        assert!(Fingerprints::default().add("a", "no PEM").is_err());
    }
}
