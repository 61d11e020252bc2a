//! Why a connection or an announcement is refused.

use contract::peers::client;
use hyper::StatusCode;
use rustls::CertificateError;
use serde::{Deserialize, Serialize};

/// A reason; each is counted, and logged in the journal now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The connection does not speak TLS 1.3, or was interrupted before it did.
    NoTls,
    /// It shows no certificate.
    NoCertificate,
    /// Its certificate is not of the lab's CA.
    WrongCertificate,
    /// Its certificate is of the lab's CA, and its key is not the one that this node's image
    /// names for it.
    RevokedCertificate,
    /// It had to give way to another one: too many are open.
    TooMany,
    /// What is asked for does not exist, or is not in the form of an announcement.
    Malformed,
    /// The announcement is too long.
    Oversized,
    /// The announcement is about another node than its certificate.
    WrongName,
    /// The node spec does not have this node.
    Unexpected,
    /// It was sent before, or in another session than it was made for.
    Replayed,
    /// It is of a boot that another one has followed.
    OlderBoot,
    /// It came too long after its session began.
    Expired,
}

impl Refusal {
    /// The name that it is counted under.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::NoTls => "no-tls",
            Refusal::NoCertificate => "no-certificate",
            Refusal::WrongCertificate => "wrong-certificate",
            Refusal::RevokedCertificate => "revoked-certificate",
            Refusal::TooMany => "too-many",
            Refusal::Malformed => "malformed",
            Refusal::Oversized => "oversized",
            Refusal::WrongName => "wrong-name",
            Refusal::Unexpected => "unexpected",
            Refusal::Replayed => "replayed",
            Refusal::OlderBoot => "older-boot",
            Refusal::Expired => "expired",
        }
    }

    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Refusal::NoTls => "it is not a TLS 1.3 connection, or was interrupted",
            Refusal::NoCertificate => "it shows no certificate of the lab",
            Refusal::WrongCertificate => "its certificate is not of this lab's CA",
            Refusal::RevokedCertificate => "its key is not the one in this node's image",
            Refusal::TooMany => "too many connections from there are open",
            Refusal::Malformed => "it is not in the form of an announcement",
            Refusal::Oversized => "it is too long for an announcement",
            Refusal::WrongName => "it is about another node than its certificate",
            Refusal::Unexpected => "the lab has no other node of that name",
            Refusal::Replayed => "it was sent before, or in another session",
            Refusal::OlderBoot => "a later boot of that node has already been seen",
            Refusal::Expired => "it came too late",
        }
    }

    /// The status code of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::Oversized => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::WrongName | Refusal::Unexpected => StatusCode::FORBIDDEN,
            Refusal::Replayed | Refusal::OlderBoot => StatusCode::CONFLICT,
            Refusal::Expired => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Why a handshake failed.
    pub fn of_handshake(error: &std::io::Error) -> Refusal {
        match client::tls_error(error) {
            Some(rustls::Error::NoCertificatesPresented) => Refusal::NoCertificate,
            Some(rustls::Error::InvalidCertificate(CertificateError::Revoked)) => {
                Refusal::RevokedCertificate
            }
            Some(rustls::Error::InvalidCertificate(_)) => Refusal::WrongCertificate,
            _ => Refusal::NoTls,
        }
    }
}
