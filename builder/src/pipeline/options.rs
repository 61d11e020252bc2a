//! What a build is to do.

use crate::packages::cache::CacheDirectory;
use crate::packages::media::{Access, Network, Variables};
use crate::plan::Plan;
use crate::tree::Cache;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to build from what.
#[derive(Default)]
pub struct Select {
    /// Profiles by name or path; empty for those of all roles of the lab.
    pub profiles: Vec<String>,
    /// Lab file, if not next to the profile.
    pub lab: Option<PathBuf>,
    /// One node only.
    pub node: Option<String>,
    /// Whether what the kickstart wants encrypted is created without it.
    pub ignore_encryption: bool,
    /// Paths as `%include` writes them, and the files that they stand for.
    pub includes: Vec<(String, PathBuf)>,
    /// Whether `%pre` scripts run for files that are included: with these arguments of the
    /// installer's kernel.
    pub run_pre: Option<String>,
    /// How long one script of the kickstart may run, and the installation of packages print
    /// nothing.
    pub script_limit: Option<Duration>,
    /// Whether a kickstart that says otherwise than the lab file is refused, and not translated.
    pub strict_lab: bool,
    /// Media in the user's words; empty for the lab file's sources.
    pub media: Vec<String>,
    /// Formats in place of the profile's.
    pub formats: Vec<String>,
    /// Key files that packages of any repository may be signed by.
    pub gpgkeys: Vec<PathBuf>,
    /// Repositories whose packages need not be signed.
    pub no_gpgcheck: Vec<String>,
    /// Whether packages that no medium has are left out.
    pub ignore_missing_packages: bool,
    /// Where relative paths of the profile and the media begin.
    pub directory: PathBuf,
    /// The cache directory.
    pub cache: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// What `$releasever` stands for in `.repo` files, if not CentOS 7's.
    pub releasever: Option<String>,
}

impl Select {
    /// The installed trees of the cache.
    pub(super) fn trees(&self) -> Cache {
        Cache::new(self.cache.join("trees"))
    }

    /// How long one script of the kickstart may run.
    pub(super) fn script_limit(&self) -> Duration {
        self.script_limit.unwrap_or(SCRIPT_LIMIT)
    }

    /// The way to the media.
    pub(super) fn access(&self) -> Access {
        let mut variables = Variables::default();
        if let Some(releasever) = &self.releasever {
            variables.releasever.clone_from(releasever);
        }
        let cache = Arc::new(CacheDirectory::new(&self.cache));
        Access { network: Network { cache, offline: self.offline }, variables }
    }

    /// The inputs and media of a plan, where it found them.
    pub fn of_plan(plan: &Plan, directory: PathBuf, cache: PathBuf, offline: bool) -> Self {
        Self {
            profiles: vec![plan.sources.profile.clone()],
            lab: plan.sources.lab.clone(),
            ignore_encryption: plan.sources.ignore_encryption,
            includes: plan.sources.includes.clone(),
            run_pre: plan.sources.run_pre.clone(),
            media: plan.sources.media.clone(),
            directory,
            cache,
            offline,
            releasever: plan.sources.releasever.clone(),
            ..Self::default()
        }
    }
}

/// Where the images of a build go.
pub enum Destination {
    /// Into this directory; for one role.
    Directory(PathBuf),
    /// Into a directory below this one, named after the role.
    Below(PathBuf),
}

impl Destination {
    /// The directory for a role's images.
    pub fn of_role(&self, role: &str) -> PathBuf {
        match self {
            Self::Directory(directory) => directory.clone(),
            Self::Below(directory) => directory.join(role),
        }
    }
}

/// A build.
pub struct BuildOptions {
    /// What from what.
    pub select: Select,
    /// The plan to replay; without one, it is created.
    pub plan: Option<Plan>,
    /// Where the images go.
    pub output: Destination,
    /// Whether existing files are replaced.
    pub force: bool,
    /// Whether raw images are hashed as a whole too, with all their zeros.
    pub full_sums: bool,
    /// The static firstboot binary, if not next to imgbuild.
    pub firstboot: Option<PathBuf>,
    /// The directory of all labs' states, with the lab's secrets.
    pub state: PathBuf,
    /// Bytes that the cache may keep after the build, in addition to what the build used.
    pub cache_limit: u64,
}

/// Longer than any script should take that needs no network; Anaconda waits indefinitely.
const SCRIPT_LIMIT: Duration = Duration::from_secs(30 * 60);
