//! The lab's yum repositories.

use std::fmt;
use std::path::PathBuf;

/// A yum repository of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabRepository {
    /// yum's id.
    pub id: String,
    /// Where the build finds it without `--media`.
    pub source: RepositorySource,
    /// The directory within the source that holds `repodata/`.
    pub directory: Option<String>,
    /// Where nodes find it; absent when they do not get it.
    pub baseurl: Option<String>,
    /// The keys that its packages may be signed by; none for those found on the medium.
    pub gpgkey: Vec<GpgKey>,
    /// Whether packages have to be signed.
    pub gpgcheck: bool,
    /// How many packages it must hold, when the lab file says.
    pub packages: Option<u64>,
    /// Whether a build fails when the source does not exist.
    pub required: bool,
    /// yum's priority, 1 to 99: a name that a repository of a lower number has is not taken
    /// from one of a higher number. Absent is 99.
    pub priority: Option<u32>,
    /// Packages that are not taken from it: names or globs.
    pub exclude: Vec<String>,
}

/// A file of public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpgKey {
    /// Where yum on a node finds it: http, https, ftp or `file:///`.
    Url(String),
    /// A file on this machine, for the build alone.
    Path(PathBuf),
}

/// Where a repository comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositorySource {
    /// An http or https address, or `mirrorlist=` or `metalink=` with one.
    Url(String),
    /// A directory, an ISO file or a yum `.repo` file.
    Path(PathBuf),
}

impl RepositorySource {
    /// An address if `text` starts like one, else the path that `resolve` makes of it.
    pub fn parse(text: &str, resolve: impl Fn(&str) -> PathBuf) -> Self {
        if ["http://", "https://", "mirrorlist=", "metalink="].iter().any(|s| text.starts_with(s)) {
            return Self::Url(text.to_owned());
        }
        Self::Path(resolve(text.strip_prefix("file://").unwrap_or(text)))
    }
}

impl fmt::Display for RepositorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}
