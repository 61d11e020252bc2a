//! What is read from certificates and TLS sessions.

use rustls::ConnectionCommon;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// What an announcement's `session` is made from (RFC 8446, 7.5).
const LABEL: &[u8] = b"EXPORTER-firstboot-announce";

/// The name (DNS) in a certificate.
pub fn certificate_name(certificate: &CertificateDer) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    certificate.valid_dns_names().next().map(str::to_owned)
}

/// What only the two ends of a TLS session know: hexadecimal.
pub fn session_id<D>(connection: &ConnectionCommon<D>) -> Option<String> {
    let bytes = connection.export_keying_material([0u8; 16], LABEL, None).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
