//! Disks and records → the files of a build, published together.

use super::context::BuildContext;
use super::disks::{self, Disks};
use super::installed::Installed;
use super::options::BuildOptions;
use super::planning;
use super::record;
use super::reporter::Reporter;
use crate::base::error::{Context as _, Result};
use crate::base::private;
use crate::base::progress::Progress;
use crate::image::disk;
use crate::image::output::{Staging, require_space, sha256};
use crate::packages::cache;
use crate::provenance::manifest::{self, Manifest};
use crate::provenance::{inventory, sbom};
use std::path::PathBuf;

/// The software bill of materials.
const SBOM: &str = "sbom.spdx.json";

/// The file of checksums, over all others.
const SUMS: &str = "SHA256SUMS";

/// The files of a build, under construction.
pub struct Outputs {
    staging: Staging,
    names: Vec<String>,
    /// How many of the names, the first, are images and what goes with them.
    images: usize,
    directory: PathBuf,
}

impl Outputs {
    /// Makes sure that there is space for them and that nothing is in their way.
    ///
    /// # Errors
    /// An environment error when there is not, an input error when their names are taken.
    pub fn reserve(
        options: &BuildOptions,
        context: &BuildContext,
        progress: &Progress,
    ) -> Result<Self> {
        let plan = &context.plan;
        let mut names: Vec<String> = plan.nodes.iter().flat_map(|n| n.outputs.clone()).collect();
        names.extend(disks::shared(plan));
        let images = names.len();
        names.extend(plan.nodes.iter().map(|n| record::listing_name(&n.name)));
        names.extend(["manifest.json", SBOM, "packages.txt", "build.log", SUMS].map(str::to_owned));
        let staging = Staging::new(&options.output, names.clone(), options.force)?;
        for left in staging.leftovers() {
            progress.note(&format!("removed {}, which a killed build left", left.display()));
        }
        check_space(options, context)?;
        disk::check(&plan.disk)?;
        Ok(Self { staging, names, images, directory: options.output.clone() })
    }

    /// Where they are until they are put out.
    pub fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Adds the records of the build and puts everything out.
    ///
    /// # Errors
    /// When something cannot be written; nothing is put out then.
    pub fn publish(
        self,
        context: &BuildContext,
        firstboot: String,
        tree: Installed,
        disks: Disks,
        reporter: &mut Reporter<'_>,
    ) -> Result<()> {
        let Self { staging, names, images, directory } = self;
        let plan = &context.plan;
        let about = inventory::read(&tree.directory, &plan.packages)?;
        let manifest =
            Manifest::new(plan, &about, firstboot, tree.trust, disks.nodes, disks.outputs);
        write(&staging, "manifest.json", manifest.to_json().as_bytes())?;
        write(&staging, SBOM, sbom::spdx(plan, &about).as_bytes())?;
        write(&staging, "packages.txt", manifest::package_list(plan).as_bytes())?;
        reporter.log.line("done");
        write(&staging, "build.log", &reporter.log.bytes()?)?;
        write(&staging, SUMS, sums(&staging, &names, &manifest)?.as_bytes())?;
        for name in names.iter().filter(|name| is_public(name)) {
            staging.publish(name)?;
        }
        staging.commit()?;
        reporter.progress.finish();
        if plan.practice {
            reporter
                .progress
                .note("these are PRACTICE images, made from Debian packages; they are not CentOS");
        }
        for name in &names[..images] {
            reporter.progress.note(&format!("created {}", directory.join(name).display()));
        }
        Ok(())
    }
}

/// Whether others may read an output: it holds no account's password hash, no key, no digest
/// of either, and nothing that a kickstart's script printed.
fn is_public(name: &str) -> bool {
    let public = ["manifest.json", SBOM, "packages.txt", SUMS];
    public.contains(&name) || name.ends_with(".xml")
}

/// `SHA256SUMS` over everything else in the output directory.
fn sums(staging: &Staging, names: &[String], manifest: &Manifest) -> Result<String> {
    let mut sums = Vec::new();
    for name in names.iter().filter(|name| *name != SUMS) {
        let known = manifest.files.iter().find(|f| f.file == *name).map(|f| f.sha256.clone());
        let digest = match known {
            Some(digest) => digest,
            None => sha256(&staging.path(name), &mut |_| ())?,
        };
        sums.push((name.clone(), digest));
    }
    Ok(manifest::sums(&sums))
}

fn write(staging: &Staging, name: &str, bytes: &[u8]) -> Result<()> {
    let path = staging.path(name);
    private::write(&path, bytes).or_build(|| format!("cannot write {}", path.display()))
}

/// Room for the tree (with a bootstrap root) if it does not exist yet, and for the images: a
/// sparse raw one at a time and what is kept of each.
fn check_space(options: &BuildOptions, context: &BuildContext) -> Result<()> {
    let installed = planning::installed(&context.catalog, &context.plan);
    let cached = options.select.trees().has(&context.plan.tree_digest());
    if !cached {
        cache::require_writable(&options.select.cache, "the installed tree")?;
        let packages: u64 = context.plan.packages.iter().map(|p| p.size).sum();
        let what = "the packages and the installed tree";
        require_space(&options.select.cache, packages + installed * 2, what)?;
    }
    let images = context.plan.nodes.len() as u64 * context.plan.outputs.len() as u64;
    require_space(&options.output, installed + images * installed, "the images")
}
