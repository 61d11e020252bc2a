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

impl PasswordHash {
    /// Takes a hash as it is.
    ///
    /// # Errors
    /// When it is not crypt(3) output that EL7 can check: `$1$`, `$5$` or `$6$`, or
    /// it would break a line of /etc/shadow. The text does not repeat it.
    pub fn from_hash(hash: &str) -> Result<Self, &'static str> {
        let ok = |b: u8| b.is_ascii_graphic() && !b":*!\\".contains(&b);
        let mut parts = hash.split('$').skip(1);
        let known = parts.next().is_some_and(|kind| ["1", "5", "6"].contains(&kind));
        if hash.starts_with('$') && known && parts.count() >= 2 && hash.bytes().all(ok) {
            return Ok(Self(hash.to_owned()));
        }
        Err("this is not a password hash that EL7 can check")
    }

    /// Hashes a password in clear (`$6$`, SHA-512). The salt comes from `seed`, which
    /// must not depend on the password, so that the same input makes the same image.
    ///
    /// # Errors
    /// When the password is empty or too long.
    pub fn from_clear(password: &str, seed: &str) -> Result<Self, &'static str> {
        if password.is_empty() || password.len() > MAX_PASSWORD {
            return Err("a password has 1 to 512 bytes");
        }
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
            .expect("openssl is missing: apt-get install openssl");
        assert_eq!(String::from_utf8(openssl.stdout).unwrap().trim_end(), hash.expose());
        assert_eq!(format!("{hash:?}"), "PasswordHash(...)");
    }

    #[test]
    fn hashes_are_checked() {
        assert!(PasswordHash::from_hash("$6$salt$abc/.").is_ok());
        assert!(PasswordHash::from_hash("$6$rounds=10000$salt$abc").is_ok());
        for bad in
            ["", "secret", "$6$", "$6$salt", "$y$j9T$salt$abc", "$6$a$b:c", "$6$a$b c", "!$6$a$b"]
        {
            assert!(PasswordHash::from_hash(bad).is_err(), "{bad}");
        }
    }
}
