//! TLS as the nodes and the user's machine speak it: version 1.3, both sides show a
//! certificate of the lab's CA, with the key that the image names for it.

use super::fingerprints::Fingerprints;
use super::verifier::Verifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No clock that is right shows a time before this (2001-01-01): a node's may begin in
/// 1970, where no certificate holds yet.
const EARLIEST: Duration = Duration::from_secs(978_307_200);

/// Why there is no TLS with these keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The CA's certificate is not one.
    #[error("the CA's certificate: {0}")]
    Authority(#[source] KeyError),
    /// The certificate and its key are not what they should be, or do not go together.
    #[error("the certificate and its key: {0}")]
    Own(#[source] KeyError),
}

/// What is wrong with a certificate or key; nothing of the key is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not PEM.
    #[error(transparent)]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// rustls does not take it.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// It cannot verify others' certificates.
    #[error(transparent)]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// Both sides of TLS as this node speaks it.
#[derive(Clone)]
pub struct Pki {
    /// As a server.
    pub server: Arc<ServerConfig>,
    /// As a client.
    pub client: Arc<ClientConfig>,
}

impl Pki {
    /// From the texts (PEM) of the CA's certificate, one's own, and its private key; what
    /// the CA has signed is believed if it has the key that is `known` for its name, or
    /// whatever key if none are known.
    ///
    /// # Errors
    /// When one is not what it should be, or they do not go together.
    pub fn from_pem(
        ca: &str,
        certificate: &str,
        key: &str,
        known: Option<Fingerprints>,
    ) -> Result<Pki, TlsError> {
        let verifiers = Verifiers::from_pem(ca, known).map_err(TlsError::Authority)?;
        Pki::with_verifiers(verifiers, certificate, key).map_err(TlsError::Own)
    }

    fn with_verifiers(verifiers: Verifiers, certificate: &str, key: &str) -> Result<Pki, KeyError> {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let Verifiers { provider, of_clients, of_servers } = verifiers;
        let clock = Arc::new(NotBefore);
        let server = ServerConfig::builder_with_details(provider.clone(), clock.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(of_clients)
            .with_single_cert(vec![certificate.clone()], key.clone_key())?;
        let client = ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(of_servers)
            .with_client_auth_cert(vec![certificate], key)?;
        let (server, client) = (without_tickets(server), without_resumption(client));
        Ok(Pki { server: Arc::new(server), client: Arc::new(client) })
    }
}

/// The verifiers of the other side's certificate.
struct Verifiers {
    provider: Arc<CryptoProvider>,
    of_clients: Arc<Verifier<dyn ClientCertVerifier>>,
    of_servers: Arc<Verifier<dyn ServerCertVerifier>>,
}

impl Verifiers {
    /// By the CA's certificate, and the keys that are known now.
    fn from_pem(ca: &str, known: Option<Fingerprints>) -> Result<Verifiers, KeyError> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
        let roots = Arc::new(roots);
        let by_ca = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
        let of_clients = Arc::new(Verifier { by_ca: by_ca.build()?, known: known.clone() });
        let by_ca = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
        let of_servers: Arc<Verifier<dyn ServerCertVerifier>> =
            Arc::new(Verifier { by_ca: by_ca.build()?, known });
        Ok(Verifiers { provider, of_clients, of_servers })
    }
}

/// No session is resumed: an announcement in one is never older than it.
fn without_tickets(mut config: ServerConfig) -> ServerConfig {
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

fn without_resumption(mut config: ClientConfig) -> ClientConfig {
    config.resumption = Resumption::disabled();
    config
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
