//! Connection settings of one server, in yum's terms.

use std::path::PathBuf;
use std::time::Duration;

/// New bytes that make an attempt worth another one: a connection that brings less before it
/// is lost is one that failed.
pub const PROGRESS: u64 = 16 << 10;

/// Which proxy requests go through.
#[derive(Clone, PartialEq, Eq)]
pub enum ProxyChoice {
    /// By `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the environment.
    Environment,
    /// None, whatever the environment has (`proxy=_none_`).
    None,
    /// This one, `http://[user:password@]host:port`.
    Url(String),
}

/// The options of a repository that concern fetching. It may hold passwords, so there is no
/// `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The proxy.
    pub proxy: ProxyChoice,
    /// How long a connection may take, and how long it may be silent (`timeout`).
    pub timeout: Duration,
    /// Bytes a second that a server has to send on average over each `timeout` (`minrate`); 0
    /// switches this off.
    pub least_rate: u64,
    /// Attempts that bring [little](PROGRESS) or nothing new before giving up (`retries`).
    pub attempts: u32,
    /// HTTP basic authentication (`username`, `password`).
    pub login: Option<(String, String)>,
    /// Certificates to trust in place of the built-in ones (`sslcacert`), PEM.
    pub authorities: Option<PathBuf>,
    /// Whether certificates are checked (`sslverify`).
    pub verify: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxy: ProxyChoice::Environment,
            timeout: Duration::from_secs(30),
            least_rate: 1000,
            attempts: 5,
            login: None,
            authorities: std::env::var_os("SSL_CERT_FILE").map(PathBuf::from),
            verify: true,
        }
    }
}
