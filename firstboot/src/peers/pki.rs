//! The node's certificate and key, and TLS with them: version 1.3, both sides show a
//! certificate of the lab's CA, with the key that the image names for it.

use super::fingerprints::Fingerprints;
use super::verifier::Verifier;
use super::{CA_FILE, CERTIFICATE_FILE, FINGERPRINTS_FILE, KEY_FILE, PKI};
use crate::host::Host;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, ConnectionCommon, RootCertStore, ServerConfig};
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use webpki::EndEntityCert;

/// No clock that is right shows a time before this (2001-01-01): a node's may begin in
/// 1970, where no certificate holds yet.
const EARLIEST: Duration = Duration::from_secs(978_307_200);

/// What an announcement's `session` is made from (RFC 8446, 7.5).
const LABEL: &[u8] = b"EXPORTER-firstboot-announce";

/// Both sides of TLS as this node speaks it.
#[derive(Clone)]
pub struct Pki {
    /// As a server.
    pub server: Arc<ServerConfig>,
    /// As a client.
    pub client: Arc<ClientConfig>,
}

/// Whether the image has the keys; without them nodes cannot tell each other anything.
pub fn present(host: &Host) -> bool {
    matches!(host.mode(PKI), Ok(Some(_)))
}

impl Pki {
    /// Reads the node's files.
    ///
    /// # Errors
    /// When one cannot be read, is not what it should be, or the key is open to others;
    /// in words.
    pub fn load(host: &Host) -> Result<Pki, String> {
        let read = |path: &str| {
            let text = host.read(path).map_err(|error| error.to_string())?;
            text.ok_or_else(|| format!("{path} is not there: the image was built without it"))
        };
        let mode = host.mode(KEY_FILE).map_err(|error| error.to_string())?.unwrap_or_default();
        if mode & 0o077 != 0 {
            return Err(format!(
                "{KEY_FILE}: mode {mode:04o} lets others read it; `chmod 600 {KEY_FILE}`"
            ));
        }
        let (ca, certificate, key) = (read(CA_FILE)?, read(CERTIFICATE_FILE)?, read(KEY_FILE)?);
        let known = host.read(FINGERPRINTS_FILE).map_err(|error| error.to_string())?;
        let known = known.map(|text| Fingerprints::parse(&text)).transpose();
        let known = known.map_err(|error| format!("{FINGERPRINTS_FILE}: {error}"))?;
        Pki::from_pem(&ca, &certificate, &key, known)
    }

    /// From the texts (PEM) of the CA's certificate, one's own, and its private key; what
    /// the CA has signed is believed if it has the key that is `known` for its name, or
    /// whatever key if none are known.
    ///
    /// # Errors
    /// When one is not what it should be, or they do not go together; in words, without
    /// anything of the key.
    pub fn from_pem(
        ca: &str,
        certificate: &str,
        key: &str,
        known: Option<Fingerprints>,
    ) -> Result<Pki, String> {
        let about = |what: &'static str| move |error: &dyn Display| format!("{what}: {error}");
        let (of_ca, own) = (about("the CA's certificate"), about("the certificate and its key"));
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(ca.as_bytes()).map_err(|e| of_ca(&e))?;
        roots.add(authority).map_err(|e| of_ca(&e))?;
        let roots = Arc::new(roots);
        let certificate =
            CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|e| own(&e))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| own(&e))?;
        let (provider, clock) = (Arc::new(ring::default_provider()), Arc::new(NotBefore));
        let server = ServerConfig::builder_with_details(provider.clone(), clock.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| own(&e))?
            .with_client_cert_verifier(of_clients(&roots, &provider, known.clone())?)
            .with_single_cert(vec![certificate.clone()], key.clone_key())
            .map_err(|e| own(&e))?;
        let verifier = of_servers(&roots, &provider, known)?;
        let client = ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| own(&e))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(vec![certificate], key)
            .map_err(|e| own(&e))?;
        Ok(Pki { server: Arc::new(single(server)), client: Arc::new(once(client)) })
    }
}

fn of_clients(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    known: Option<Fingerprints>,
) -> Result<Arc<Verifier<dyn ClientCertVerifier>>, String> {
    let by_ca = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
    let by_ca = by_ca.build().map_err(|error| format!("the CA's certificate: {error}"))?;
    Ok(Arc::new(Verifier { by_ca, known }))
}

fn of_servers(
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    known: Option<Fingerprints>,
) -> Result<Arc<Verifier<dyn ServerCertVerifier>>, String> {
    let by_ca = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
    let by_ca = by_ca.build().map_err(|error| format!("the CA's certificate: {error}"))?;
    Ok(Arc::new(Verifier { by_ca, known }))
}

/// Every session begins anew: what is said in one is never older than it.
fn single(mut config: ServerConfig) -> ServerConfig {
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

fn once(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::disabled();
    config
}

/// The name (DNS) in a certificate.
pub(super) fn name(certificate: &CertificateDer) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    certificate.valid_dns_names().next().map(str::to_owned)
}

/// What both ends of a TLS session know, and nobody else: hexadecimal.
pub(super) fn session<D>(connection: &ConnectionCommon<D>) -> Option<String> {
    let bytes = connection.export_keying_material([0u8; 16], LABEL, None).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The clock that certificates are judged by.
#[derive(Debug)]
struct NotBefore;

impl TimeProvider for NotBefore {
    fn current_time(&self) -> Option<UnixTime> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(UnixTime::since_unix_epoch(now.max(EARLIEST)))
    }
}
