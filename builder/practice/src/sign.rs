//! The practice medium's key and its packages' signatures, as CentOS's packages have them: one
//! of the header, one of header and payload.
//!
//! The key shows how signatures are checked and proves nothing, as the medium that is checked
//! brings it along. So it is derived from a fixed seed: the same Debian packages give the same
//! medium everywhere. Nodes never get it.

use crate::error::{Context, Result};
use formats::rpmfile::{EntryValue, UnsignedRpm, tag::signature, with_signatures};
use pgp::composed::{ArmorOptions, KeyType, SignedKeyDetails, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Error;
use pgp::packet::{
    KeyFlags, PacketTrait, PubKeyInner, PublicKey, SecretKey, SignatureConfig, SignatureType,
    Subpacket, SubpacketData, UserId,
};
use pgp::types::{KeyDetails, KeyVersion, Password, SignedUser, Tag, Timestamp};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};

/// The key file's name on the medium.
pub const KEY_FILE: &str = "RPM-GPG-KEY-practice";

const OWNER: &str = "imgbuild practice medium (not CentOS) <practice@invalid>";
const BITS: u32 = 2048;

/// A key that signs packages.
pub struct Signer {
    secret: SecretKey,
    public: PublicKey,
    made: Timestamp,
}

impl Signer {
    /// The key, created at `time` (seconds since 1970).
    ///
    /// # Errors
    /// A build error when the OpenPGP library cannot create it.
    pub fn new(time: u32) -> Result<Self> {
        make(time).or_build(|| "cannot create the practice medium's signing key".to_owned())
    }

    /// The public key for the medium, armoured.
    ///
    /// # Errors
    /// As [`Signer::new`].
    pub fn public(&self) -> Result<String> {
        self.certificate()
            .and_then(|key| key.to_armored_string(ArmorOptions::default()))
            .or_build(|| "cannot write the practice medium's key".to_owned())
    }

    /// The package file with signatures created at `time`.
    ///
    /// # Errors
    /// A build error when the OpenPGP library cannot sign.
    pub fn sign(&self, rpm: &UnsignedRpm, time: u32) -> Result<Vec<u8>> {
        let header = rpm.header.as_slice();
        let whole = [header, &rpm.payload].concat();
        let time = Timestamp::from_secs(time.max(self.made.as_secs()));
        let sign =
            |data: &[u8]| self.packet(data, time).or_build(|| "cannot sign a package".to_owned());
        let entries = vec![
            (signature::RSA_HEADER, EntryValue::Binary(sign(header)?)),
            (signature::SHA1_HEADER, EntryValue::Text(hex::encode(sha1::Sha1::digest(header)))),
            (signature::SHA256_HEADER, EntryValue::Text(hex::encode(Sha256::digest(header)))),
            (signature::SIZE, EntryValue::Numbers(vec![whole.len() as u32])),
            (signature::PGP, EntryValue::Binary(sign(&whole)?)),
            (signature::MD5, EntryValue::Binary(md5::Md5::digest(&whole).to_vec())),
        ];
        Ok(with_signatures(&rpm.lead, entries, &whole))
    }

    fn packet(&self, data: &[u8], time: Timestamp) -> Result<Vec<u8>, Error> {
        let mut config = SignatureConfig::v4(
            SignatureType::Binary,
            PublicKeyAlgorithm::RSA,
            HashAlgorithm::Sha256,
        );
        config.hashed_subpackets = self.subpackets(time)?;
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(self.public.legacy_key_id()))?];
        let signature = config.sign(&self.secret, &Password::empty(), data)?;
        let mut packet = Vec::new();
        signature.to_writer_with_header(&mut packet)?;
        Ok(packet)
    }

    fn subpackets(&self, time: Timestamp) -> Result<Vec<Subpacket>, Error> {
        Ok(vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(time))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(self.public.fingerprint()))?,
        ])
    }

    fn certificate(&self) -> Result<SignedPublicKey, Error> {
        let user = UserId::from_str(Default::default(), OWNER)?;
        let mut config = SignatureConfig::v4(
            SignatureType::CertPositive,
            PublicKeyAlgorithm::RSA,
            HashAlgorithm::Sha256,
        );
        config.hashed_subpackets = self.subpackets(self.made)?;
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        config.hashed_subpackets.push(Subpacket::regular(SubpacketData::KeyFlags(flags))?);
        config.unhashed_subpackets =
            vec![Subpacket::regular(SubpacketData::IssuerKeyId(self.public.legacy_key_id()))?];
        let own = config.sign_certification(
            &self.secret,
            &self.public,
            &Password::empty(),
            Tag::UserId,
            &user,
        )?;
        let users = vec![SignedUser::new(user, vec![own])];
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
        Ok(SignedPublicKey::new(self.public.clone(), details, Vec::new()))
    }
}

fn make(time: u32) -> Result<Signer, Error> {
    let seed = Sha256::digest("imgbuild practice medium: key that proves nothing");
    let (params, secret) = KeyType::Rsa(BITS).generate(ChaCha20Rng::from_seed(seed.into()))?;
    let made = Timestamp::from_secs(time);
    let inner = PubKeyInner::new(KeyVersion::V4, PublicKeyAlgorithm::RSA, made, None, params)?;
    let public = PublicKey::from_inner(inner)?;
    let secret = SecretKey::new(public.clone(), secret)?;
    Ok(Signer { secret, public, made })
}
