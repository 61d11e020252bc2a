//! What a build leaves next to the images: `manifest.json`, `packages.txt`, `SHA256SUMS`.

use crate::base::error::{Context, Error, Result};
use crate::base::files::read_named;
use crate::image::checksum;
use crate::layout::DiskRange;
use crate::packages::trust::report::TrustReport;
use crate::plan::Plan;
use crate::provenance::inventory::About;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Larger files are not read as manifests.
const MAX_BYTES: u64 = 256 << 20;

/// Schema number of `manifest.json`.
pub const SCHEMA: u32 = 4;

/// One installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPackage {
    /// Name.
    pub name: String,
    /// `name-[epoch:]version-release.arch`.
    pub nevra: String,
    /// The digest of its file; another kind where the plan's `checksum` names one.
    pub sha256: String,
    /// Repository id.
    pub repository: String,
    /// Licence as the packager wrote it.
    pub license: String,
    /// Who distributes it, else empty.
    pub vendor: String,
    /// File name of the source package.
    pub source: String,
    /// Fingerprint of the key that it is signed by; absent where signatures were not checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signing_key: Option<String>,
}

/// One image file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// File name in the output directory.
    pub file: String,
    /// The node it is for.
    pub node: String,
    /// Its size in bytes, as `ls` shows it.
    pub size: u64,
    /// Its SHA-256; of a raw image only where it was asked for, as its block map, a file of its
    /// own, says what is in it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

impl Output {
    /// Whether it holds a node's disk or tree, and does not describe one.
    pub fn is_image(&self) -> bool {
        ![".xml", ".bmap"].iter().any(|end| self.file.ends_with(end))
    }
}

/// A part of the disk outside all filesystems that the machine starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// What it is.
    pub name: String,
    /// Its first byte on the disk.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// What one node's images hold, whatever their format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestNode {
    /// Its name.
    pub name: String,
    /// The file in the output directory that lists every path of its filesystems.
    pub listing: String,
    /// The boot loader outside the filesystems.
    pub boot: Vec<Region>,
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Program and version that created it.
    pub generator: String,
    /// [`Plan::digest`].
    pub plan_sha256: String,
    /// Names the installed tree in the cache that the images were created from.
    pub tree_sha256: String,
    /// SHA-256 of the firstboot program in the images.
    pub firstboot_sha256: String,
    /// Said aloud, so that nobody takes a practice image for CentOS.
    pub practice_media: bool,
    /// Who vouches for the packages.
    pub trust: TrustReport,
    /// The packages, in the plan's order.
    pub packages: Vec<ManifestPackage>,
    /// The nodes.
    pub nodes: Vec<ManifestNode>,
    /// The image files.
    pub files: Vec<Output>,
    /// The plan, which `imgbuild build --plan` replays.
    pub plan: Plan,
}

impl Manifest {
    /// Of a build of `plan`; `about` is in the order of its packages.
    pub fn new(
        plan: &Plan,
        about: &[About],
        firstboot_sha256: String,
        trust: TrustReport,
        nodes: Vec<ManifestNode>,
        files: Vec<Output>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            generator: concat!("imgbuild ", env!("CARGO_PKG_VERSION")).to_owned(),
            plan_sha256: plan.digest(),
            tree_sha256: plan.tree_digest(),
            firstboot_sha256,
            practice_media: plan.practice,
            packages: packages(plan, about, &trust),
            trust,
            nodes,
            files,
            plan: plan.clone(),
        }
    }

    /// As indented JSON.
    pub fn to_json(&self) -> String {
        // Maps with non-string keys are what JSON cannot hold; there are none in a manifest.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// An input error when it cannot be read or has another schema.
    pub fn read(path: &Path) -> Result<Self> {
        let what = || format!("cannot read the manifest {}", path.display());
        let text = read_named(path, MAX_BYTES, what).map_err(|e| {
            e.hint(
                "a build leaves manifest.json next to its images; name another by --manifest FILE",
            )
        })?;
        let value: serde_json::Value = serde_json::from_slice(&text).or_input(what)?;
        match value["schema"].as_u64() {
            Some(schema) if schema == u64::from(SCHEMA) => {}
            schema => {
                let found =
                    schema.map_or_else(|| "no schema number".into(), |s| format!("schema {s}"));
                return Err(Error::input(format!(
                    "{}: it has {found}, this imgbuild reads schema {SCHEMA}",
                    what()
                )));
            }
        }
        let manifest: Self = serde_json::from_value(value).or_input(what)?;
        manifest.check().or_input(what)?;
        Ok(manifest)
    }

    /// What a manifest read from a file must not do: name files outside of its directory.
    fn check(&self) -> Result<(), String> {
        let files = self.files.iter().map(|file| &file.file);
        for name in files.chain(self.nodes.iter().map(|node| &node.listing)) {
            if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
                return Err(format!("`{}` is not the name of an output", name.escape_debug()));
            }
        }
        Ok(())
    }

    /// The digest of the block map of the raw image `output`.
    pub fn block_map(&self, output: &Output) -> Option<(&str, &str)> {
        let name = checksum::block_map_name(&output.file)?;
        let map = self.files.iter().find(|f| f.file == name)?;
        Some((&map.file, map.sha256.as_deref()?))
    }

    /// The images of further disks of the machine whose first disk's is at `image`.
    pub fn further_images(&self, image: &Path) -> Vec<PathBuf> {
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        let file = self.files.iter().find(|f| f.file == name);
        let Some((file, extension)) =
            file.and_then(|f| Some((f, f.file.strip_prefix(&f.node)?.strip_prefix('.')?)))
        else {
            return Vec::new();
        };
        let disks = self.plan.disk.disks();
        let is_first = disks.first().is_some_and(|d| d.file(&file.node, extension) == file.file);
        let further = disks.iter().skip(1).filter(|_| is_first);
        further.map(|disk| image.with_file_name(disk.file(&file.node, extension))).collect()
    }

    /// Whether a file is the image of a further disk, which is read with the first one's.
    pub fn is_further(&self, output: &Output) -> bool {
        let rest = output.file.strip_prefix(&output.node).and_then(|rest| rest.strip_prefix('.'));
        let disks = self.plan.disk.disks();
        let prefix = |disk: &DiskRange<'_>| {
            rest.and_then(|rest| rest.strip_prefix(&disk.name)).is_some_and(|r| r.starts_with('.'))
        };
        disks.iter().skip(1).any(prefix)
    }

    /// The node that an image file is of: by the file's name, or because there is only one.
    ///
    /// # Errors
    /// An input error when it is unknown.
    pub fn node_of(&self, image: &Path) -> Result<&ManifestNode> {
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        let stem = image.file_stem().unwrap_or_default().to_string_lossy();
        let known = self.files.iter().find(|f| f.file == name).map(|f| f.node.as_str());
        let wanted = known.unwrap_or(&stem);
        match (self.nodes.iter().find(|n| n.name == wanted), self.nodes.as_slice()) {
            (Some(node), _) => Ok(node),
            (None, [only]) => Ok(only),
            (None, nodes) => {
                let names: Vec<&str> = nodes.iter().map(|n| n.name.as_str()).collect();
                Err(Error::input(format!("{}: of which node is it?", image.display()))
                    .hint(format!("name the file after its node: {}", names.join(", "))))
            }
        }
    }
}

fn packages(plan: &Plan, about: &[About], trust: &TrustReport) -> Vec<ManifestPackage> {
    let all = plan.packages.iter().zip(about).zip(&trust.packages);
    all.map(|((planned, about), trust)| ManifestPackage {
        name: planned.name.clone(),
        nevra: planned.nevra(),
        sha256: planned.checksum.hex().to_owned(),
        repository: planned.repo.clone(),
        license: about.license.clone(),
        vendor: about.vendor.clone(),
        source: about.source.clone(),
        signing_key: trust.signature.as_ref().map(|s| s.key.clone()),
    })
    .collect()
}

/// `packages.txt`: one NEVRA and its repository a line, sorted.
pub fn package_list(plan: &Plan) -> String {
    let mut lines: Vec<String> =
        plan.packages.iter().map(|p| format!("{} {}\n", p.nevra(), p.repo)).collect();
    lines.sort();
    lines.concat()
}

/// `SHA256SUMS` in the form that `sha256sum -c` reads.
pub fn sums(files: &[(String, String)]) -> String {
    files.iter().fold(String::new(), |mut text, (name, digest)| {
        let _ = writeln!(text, "{digest}  {name}");
        text
    })
}
