//! A package of a plan, and how a plan's text writes it.

use crate::base::malformed::Malformed;
use crate::packages::checksum::Checksum;
use serde::{Deserialize, Serialize};

/// A package to install, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct PlanPackage {
    /// Name.
    pub name: String,
    /// Epoch, 0 when the package has none.
    pub epoch: u32,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture.
    pub arch: String,
    /// Repository id.
    pub repo: String,
    /// Path of the RPM within its medium.
    pub location: String,
    /// The checksum of the whole RPM file, SHA-256 on CentOS media.
    pub checksum: Checksum,
    /// Size of the RPM file in bytes.
    pub size: u64,
    /// Whether it is in the closure of `rpm`, which is unpacked before rpm can run.
    pub bootstrap: bool,
}

impl PlanPackage {
    /// `[epoch:]version-release`.
    pub fn evr(&self) -> String {
        let epoch = if self.epoch == 0 { String::new() } else { format!("{}:", self.epoch) };
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// `name-[epoch:]version-release.arch`.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr(), self.arch)
    }
}

/// The fields as a plan's text has them. `checksum` is the kind by its repodata name, and
/// `sha256` the value of whatever kind it is.
#[derive(Serialize, Deserialize)]
struct Text {
    name: String,
    epoch: u32,
    version: String,
    release: String,
    arch: String,
    repo: String,
    location: String,
    checksum: String,
    sha256: String,
    size: u64,
    bootstrap: bool,
}

impl From<PlanPackage> for Text {
    fn from(package: PlanPackage) -> Self {
        let PlanPackage { name, epoch, version, release, arch, repo, location, .. } = package;
        let PlanPackage { checksum, size, bootstrap, .. } = package;
        Self {
            name,
            epoch,
            version,
            release,
            arch,
            repo,
            location,
            checksum: checksum.kind().to_string(),
            sha256: checksum.hex().to_owned(),
            size,
            bootstrap,
        }
    }
}

impl TryFrom<Text> for PlanPackage {
    type Error = Malformed;

    fn try_from(text: Text) -> Result<Self, Malformed> {
        let checksum = Checksum::parse(&text.checksum, &text.sha256)
            .map_err(|e| format!("package {:?}: {e}", text.name))?;
        let Text { name, epoch, version, release, arch, repo, location, .. } = text;
        let Text { size, bootstrap, .. } = text;
        Ok(Self { name, epoch, version, release, arch, repo, location, checksum, size, bootstrap })
    }
}
