//! The boot loader's password, in GRUB's own form: hashed at once, never shown.

use super::password::check_clear;
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha512};
use std::fmt;

/// What GRUB's `password_pbkdf2` takes: `grub.pbkdf2.sha512.ROUNDS.SALT.HASH`, both in
/// hexadecimal digits (GRUB manual, "password_pbkdf2"). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct LoaderPassword(String);

impl fmt::Debug for LoaderPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoaderPassword(...)")
    }
}

const PREFIX: &str = "grub.pbkdf2.sha512.";
/// The defaults of grub2-mkpasswd-pbkdf2, by which Anaconda hashes.
const ROUNDS: u32 = 10_000;
const BYTES: usize = 64;
/// More would keep a machine from starting; GRUB computes slowly.
const MAX_ROUNDS: u32 = 10_000_000;

impl LoaderPassword {
    /// Takes what grub2-mkpasswd-pbkdf2 printed.
    ///
    /// # Errors
    /// When GRUB would not take it. The text does not repeat it.
    pub fn from_hash(hash: &str) -> Result<Self, &'static str> {
        let fields: Option<Vec<&str>> = hash.strip_prefix(PREFIX).map(|f| f.split('.').collect());
        let hexadecimal = |text: &str| {
            !text.is_empty()
                && text.len().is_multiple_of(2)
                && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let good = matches!(fields.as_deref(), Some([rounds, salt, hash])
            if rounds.parse().is_ok_and(|n: u32| (1..=MAX_ROUNDS).contains(&n))
                && hexadecimal(salt)
                && hexadecimal(hash));
        if good { Ok(Self(hash.to_owned())) } else { Err("this is not a password hash of GRUB 2") }
    }

    /// Hashes a password in clear. The salt comes from `seed`, which must not depend on the
    /// password, so that the same input makes the same image.
    ///
    /// # Errors
    /// When the password is empty or too long.
    pub fn from_clear(password: &str, seed: &str) -> Result<Self, &'static str> {
        check_clear(password)?;
        let salt = Sha512::digest(seed.as_bytes());
        let mut hash = [0; BYTES];
        pbkdf2_hmac::<Sha512>(password.as_bytes(), &salt, ROUNDS, &mut hash);
        let (salt, hash) = (hex::encode_upper(salt), hex::encode_upper(hash));
        Ok(Self(format!("{PREFIX}{ROUNDS}.{salt}.{hash}")))
    }

    /// The word after `password_pbkdf2 root`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn clear_passwords_hash_as_openssl_does() {
        let password = LoaderPassword::from_clear("s3cret pässword", "lab boot loader").unwrap();
        let fields: Vec<&str> = password.expose().split('.').collect();
        let [.., rounds, salt, hash] = fields[..] else { panic!("six fields") };
        let option = |text: String| ["-kdfopt".to_owned(), text];
        let openssl = Command::new("openssl")
            .args(["kdf", "-keylen", "64"])
            .args(option("digest:SHA512".into()))
            .args(option("pass:s3cret pässword".into()))
            .args(option(format!("hexsalt:{salt}")))
            .args(option(format!("iter:{rounds}")))
            .arg("PBKDF2")
            .output()
            .expect("openssl starts (tests/setup installs it)");
        let expected = String::from_utf8(openssl.stdout).unwrap().trim().replace(':', "");
        assert_eq!((rounds, hash), ("10000", expected.as_str()));
        assert_eq!(format!("{password:?}"), "LoaderPassword(...)");
        assert_eq!(LoaderPassword::from_hash(password.expose()), Ok(password));
    }

    #[test]
    fn hashes_are_checked() {
        assert!(LoaderPassword::from_hash("grub.pbkdf2.sha512.10000.AB.CD").is_ok());
        for bad in [
            "",
            "secret",
            "$6$salt$hash",
            "grub.pbkdf2.sha512.10000.AB",
            "grub.pbkdf2.sha512.0.AB.CD",
            "grub.pbkdf2.sha512.10000.AB.CD.EF",
            "grub.pbkdf2.sha512.10000.AB.C",
            "grub.pbkdf2.sha512.10000.AB.C\nset x=1",
        ] {
            assert!(LoaderPassword::from_hash(bad).is_err(), "{bad}");
        }
    }
}
