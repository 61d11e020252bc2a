//! One package file against a set of keys.

use super::keys::{Key, Keyring, Standing, hexadecimal};
use super::verdict::{Covers, Refusal, Signature};
use formats::digest::DigestKind;
use formats::iso9660::date;
use formats::rpmfile::tag::{self, signature};
use formats::rpmfile::{Contents, Header, LEAD, RpmFile};
use pgp::composed::{Deserializable, DetachedSignature};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature as Packet, SignatureType};
use sha2::{Digest, Sha256};

const HEADER: &str = "the header";
const WHOLE: &str = "header and payload";

/// Checks a package file: all digests that it has of itself, all signatures by `keys`, and that
/// a signature covers header and payload. `now` (seconds since 1970) is when it is asked
/// whether keys have expired.
///
/// # Errors
/// [`Refusal`]: the first reason found not to trust it.
pub fn verify(file: &[u8], keys: &Keyring, now: i64) -> Result<Signature, Refusal> {
    let rpm = RpmFile::read(file)?;
    let header = rpm.header.bytes();
    let padded = rpm.signature.bytes().len().next_multiple_of(8);
    let whole = &file[LEAD + padded..];
    digests(&rpm.signature, header, whole)?;

    let of_header = header_signatures(&rpm.signature, header, keys, now)?;
    let of_whole = [signature::PGP, signature::GPG]
        .into_iter()
        .filter_map(|tag| rpm.signature.binary(tag))
        .map(|bytes| signed(bytes, whole, WHOLE, keys, now))
        .collect::<Result<Vec<Signature>, Refusal>>()?
        .pop();
    let payload_digest = payload_digest(&rpm.header, rpm.rest)?;
    match (of_header, of_whole) {
        (None, None) => Err(Refusal::Unsigned),
        // The payload's digest is not weaker than SHA-256.
        (Some(made), _) if payload_digest && made.weak.is_none() => {
            Ok(Signature { covers: Covers::HeaderWithPayloadDigest, ..made })
        }
        (_, Some(made)) => Ok(Signature { covers: Covers::HeaderAndPayload, ..made }),
        (Some(made), None) if payload_digest => {
            Ok(Signature { covers: Covers::HeaderWithPayloadDigest, ..made })
        }
        (Some(made), None) => {
            Contents::new(&rpm.header, &rpm.package, rpm.rest)
                .and_then(Contents::verify)
                .map_err(|e| Refusal::Payload(e.to_string()))?;
            let weak = match rpm.package.digest {
                DigestKind::Md5 => Some("file digests by MD5".to_owned()),
                DigestKind::Sha1 => Some("file digests by SHA1".to_owned()),
                _ => None,
            };
            let weak = made.weak.clone().or(weak);
            Ok(Signature { covers: Covers::HeaderWithFileDigests, weak, ..made })
        }
    }
}

/// Sizes and digests that the signature header states. They are not proof, as nothing signs
/// them; they tell damage from tampering.
fn digests(stated: &Header, header: &[u8], whole: &[u8]) -> Result<(), Refusal> {
    let compare = |what, found: String, stated: Option<String>| match stated {
        Some(stated) if !stated.eq_ignore_ascii_case(&found) => {
            Err(Refusal::Digest { what, found, stated })
        }
        _ => Ok(()),
    };
    let size = stated.number(signature::LONG_SIZE).or_else(|| stated.number(signature::SIZE));
    compare("size", whole.len().to_string(), size.map(|n| n.to_string()))?;
    let text = |tag| stated.text(tag);
    if stated.has(signature::SHA256_HEADER) {
        let found = hex::encode(Sha256::digest(header));
        compare("header's SHA-256", found, text(signature::SHA256_HEADER))?;
    }
    if stated.has(signature::SHA1_HEADER) {
        let found = hex::encode(sha1::Sha1::digest(header));
        compare("header's SHA-1", found, text(signature::SHA1_HEADER))?;
    }
    if let Some(md5) = stated.binary(signature::MD5) {
        let found = hex::encode(md5::Md5::digest(whole));
        compare("MD5", found, Some(hex::encode(md5)))?;
    }
    Ok(())
}

/// Whether the header has the payload's digest, which then is right.
fn payload_digest(header: &Header, payload: &[u8]) -> Result<bool, Refusal> {
    let Some(stated) = header.text(tag::PAYLOAD_DIGEST) else { return Ok(false) };
    let algorithm = header.number(tag::PAYLOAD_DIGEST_ALGORITHM).unwrap_or(8);
    let found = match DigestKind::from_number(algorithm) {
        Some(DigestKind::Sha256) => hex::encode(Sha256::digest(payload)),
        Some(DigestKind::Sha384) => hex::encode(sha2::Sha384::digest(payload)),
        Some(DigestKind::Sha512) => hex::encode(sha2::Sha512::digest(payload)),
        _ => return Ok(false),
    };
    if found != stated.to_ascii_lowercase() {
        return Err(Refusal::Payload(format!("its digest is {found}, the header says {stated}")));
    }
    Ok(true)
}

/// All signatures of the header; of rpm 6's list of them, one by a known key will do.
fn header_signatures(
    stated: &Header,
    header: &[u8],
    keys: &Keyring,
    now: i64,
) -> Result<Option<Signature>, Refusal> {
    let mut found = None;
    for tag in [signature::RSA_HEADER, signature::DSA_HEADER] {
        if let Some(bytes) = stated.binary(tag) {
            found = Some(signed(bytes, header, HEADER, keys, now)?);
        }
    }
    let mut unknown = None;
    for text in stated.texts(signature::OPENPGP) {
        let armour =
            format!("-----BEGIN PGP SIGNATURE-----\n\n{text}\n-----END PGP SIGNATURE-----\n");
        let packet = DetachedSignature::from_string(&armour)
            .map_err(|e| Refusal::Unusable { of: HEADER, why: e.to_string() })?;
        match checked(&packet.0.signature, header, HEADER, keys, now) {
            Ok(signature) => found = found.or(Some(signature)),
            Err(e @ Refusal::UnknownKey(_)) => unknown = Some(e),
            Err(e) => return Err(e),
        }
    }
    match (found, unknown) {
        (None, Some(unknown)) => Err(unknown),
        (found, _) => Ok(found),
    }
}

/// A binary signature packet over `data`.
fn signed(
    packet: &[u8],
    data: &[u8],
    of: &'static str,
    keys: &Keyring,
    now: i64,
) -> Result<Signature, Refusal> {
    let packet = DetachedSignature::from_bytes(packet)
        .map_err(|e| Refusal::Unusable { of, why: e.to_string() })?;
    checked(&packet.signature, data, of, keys, now)
}

fn checked(
    packet: &Packet,
    data: &[u8],
    of: &'static str,
    keys: &Keyring,
    now: i64,
) -> Result<Signature, Refusal> {
    let unusable = |why: &str| Refusal::Unusable { of, why: why.to_owned() };
    let config = packet.config().ok_or_else(|| unusable("its version is not known"))?;
    if config.typ != SignatureType::Binary {
        return Err(unusable("it is not a signature of data"));
    }
    let made = config.created().ok_or_else(|| unusable("it has no creation time"))?;
    let makers = keys.makers(packet);
    let named = packet
        .issuer_fingerprint()
        .first()
        .map(hexadecimal)
        .or_else(|| packet.issuer_key_id().first().map(hexadecimal));
    let named = || named.clone().unwrap_or_else(|| "that it does not name".to_owned());
    if makers.is_empty() {
        return Err(Refusal::UnknownKey(named()));
    }
    let key = makers
        .into_iter()
        .find(|key| key.verifies(packet, data))
        .ok_or_else(|| Refusal::Bad { of, key: named() })?;
    let made = i64::from(made.as_secs());
    in_time(packet, key, made, now)?;
    let hash = match config.hash_alg {
        HashAlgorithm::Md5 | HashAlgorithm::Sha1 => Some(format!("hash {}", config.hash_alg)),
        _ => None,
    };
    let algorithm = format!("{:?}", config.pub_alg);
    let weak: Vec<String> = hash.into_iter().chain(key.weak.clone()).collect();
    Ok(Signature {
        key: key.fingerprint.clone(),
        user: key.user.clone(),
        algorithm: format!("{}/{}", algorithm.trim_end_matches("Legacy"), config.hash_alg),
        made,
        covers: Covers::HeaderAndPayload,
        weak: (!weak.is_empty()).then(|| weak.join(", ")),
    })
}

/// Keys that were revoked or have expired sign nothing any more.
fn in_time(packet: &Packet, key: &Key, made: i64, now: i64) -> Result<(), Refusal> {
    let expired = |what, at| Refusal::Expired {
        id: key.id.clone(),
        user: key.user.clone(),
        what,
        date: date(at),
    };
    match key.standing {
        Standing::Revoked => {
            return Err(Refusal::Revoked { id: key.id.clone(), user: key.user.clone() });
        }
        Standing::Until(end) if end <= now => return Err(expired("which expired", end)),
        Standing::Good | Standing::Until(_) => {}
    }
    match packet.signature_expiration_time().map(|d| i64::from(d.as_secs())) {
        Some(seconds) if seconds > 0 && made + seconds <= now => {
            Err(expired("and that signature expired", made + seconds))
        }
        _ => Ok(()),
    }
}
