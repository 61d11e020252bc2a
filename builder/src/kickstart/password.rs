//! Passwords: hashed at once, never shown.

use sha_crypt::{Sha512Params, sha512_crypt_b64};
use sha2::{Digest, Sha256};
use std::fmt;

/// A crypt(3) hash as in /etc/shadow. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(...)")
    }
}

/// glibc's default number of rounds, which is not written into the hash.
const ROUNDS: usize = 5_000;
/// Longer passwords only cost time.
const MAX_PASSWORD: usize = 512;

/// Refuses a password in clear that no hash is made of.
pub(super) fn check_clear(password: &str) -> Result<(), &'static str> {
    match password.len() {
        1..=MAX_PASSWORD => Ok(()),
        _ => Err("a password has 1 to 512 bytes"),
    }
}

impl PasswordHash {
    /// Takes the field as it is, which is a hash or, by custom, text that matches no
    /// password (`*`, `!!`, `locked`).
    ///
    /// # Errors
    /// When it would break a line of /etc/shadow. The text does not repeat it.
    pub fn from_hash(hash: &str) -> Result<Self, &'static str> {
        if hash.is_empty() || !hash.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
            return Err("this is not a password hash");
        }
        Ok(Self(hash.to_owned()))
    }

    /// Whether a password can match it on EL7: `$1$`, `$5$`, `$6$` or DES.
    pub fn is_usable(&self) -> bool {
        let salted = |b: u8| b.is_ascii_alphanumeric() || b"./".contains(&b);
        if self.0.len() == 13 && self.0.bytes().all(salted) {
            return true;
        }
        let mut parts = self.0.split('$');
        let known =
            parts.next() == Some("") && parts.next().is_some_and(|k| ["1", "5", "6"].contains(&k));
        known && parts.count() >= 2
    }

    /// Hashes a password in clear (`$6$`, SHA-512). The salt comes from `seed`, which
    /// must not depend on the password, so that the same input makes the same image.
    ///
    /// # Errors
    /// When the password is empty or too long.
    pub fn from_clear(password: &str, seed: &str) -> Result<Self, &'static str> {
        check_clear(password)?;
        let salt: String =
            Sha256::digest(seed.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect();
        let params = Sha512Params::new(ROUNDS).map_err(|_| "the password cannot be hashed")?;
        let hash = sha512_crypt_b64(password.as_bytes(), salt.as_bytes(), &params)
            .map_err(|_| "the password cannot be hashed")?;
        Ok(Self(format!("$6${salt}${hash}")))
    }

    /// The field for /etc/shadow.
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
        let hash = PasswordHash::from_clear("s3cret pässword", "openstack-lab root").unwrap();
        let salt = hash.expose().split('$').nth(2).unwrap().to_owned();
        let openssl = Command::new("openssl")
            .args(["passwd", "-6", "-salt", &salt, "s3cret pässword"])
            .output()
            .expect("openssl starts (tests/setup installs it)");
        assert_eq!(String::from_utf8(openssl.stdout).unwrap().trim_end(), hash.expose());
        assert_eq!(format!("{hash:?}"), "PasswordHash(...)");
    }

    #[test]
    fn hashes_are_checked() {
        let usable = |text: &str| PasswordHash::from_hash(text).unwrap().is_usable();
        for good in ["$6$salt$abc/.", "$6$rounds=10000$salt$abc", "$1$x$y", "ab0123456789."] {
            assert!(usable(good), "{good}");
        }
        for bad in ["*", "!!", "locked", "$6$", "$6$salt", "$y$j9T$salt$abc", "!$6$a$b"] {
            assert!(!usable(bad), "{bad}");
        }
        for broken in ["", "$6$a$b:c", "$6$a$b c", "$6$a\n$b"] {
            assert!(PasswordHash::from_hash(broken).is_err(), "{broken}");
        }
    }
}
