//! Disks and records → the files of a build, published together.

use super::context::BuildContext;
use super::disks::{self, Disks};
use super::existing;
use super::image_sums;
use super::installed::Installed;
use super::options::BuildOptions;
use super::planning;
use super::record;
use super::reporter::Reporter;
use crate::base::error::{Context as _, Result};
use crate::base::private;
use crate::base::progress::Progress;
use crate::image::checksum::sha256;
use crate::image::disk;
use crate::image::output::{Staging, require_space};
use crate::packages::cache;
use crate::provenance::manifest::{self, Manifest};
use crate::provenance::{inventory, sbom};
use std::path::PathBuf;
use std::time::Duration;

/// The software bill of materials.
const SBOM: &str = "sbom.spdx.json";

/// The file of checksums, over all others.
const SUMS: &str = "SHA256SUMS";

/// A role that was built.
#[derive(Clone, Debug)]
pub struct BuiltRole {
    /// Its name.
    pub role: String,
    /// Where its files are.
    pub directory: PathBuf,
    /// The image files, with their sizes in bytes.
    pub images: Vec<(PathBuf, u64)>,
    /// How long it took, without planning.
    pub time: Duration,
    /// Whether it is made of practice media.
    pub practice: bool,
}

/// The files of a build, under construction.
pub struct Outputs {
    staging: Staging,
    names: Vec<String>,
    directory: PathBuf,
}

impl Outputs {
    /// Makes sure that nothing is in their way.
    ///
    /// # Errors
    /// An input error when their names are taken, or the directory holds another build.
    pub fn reserve(
        options: &BuildOptions,
        context: &BuildContext,
        progress: &Progress,
    ) -> Result<Self> {
        let plan = &context.plan;
        let mut names: Vec<String> = plan.nodes.iter().flat_map(|n| n.outputs.clone()).collect();
        names.extend(image_sums::block_maps(plan));
        names.extend(disks::shared(plan));
        names.extend(plan.nodes.iter().map(|n| record::listing_name(&n.name)));
        names.extend(["manifest.json", SBOM, "packages.txt", "build.log", SUMS].map(str::to_owned));
        let directory = options.output.of_role(&plan.profile);
        existing::refuse_other(&directory, plan)?;
        let staging = Staging::new(&directory, names.clone(), options.force)?;
        // Nobody else begins in there now; somebody may have ended.
        existing::refuse_other(&directory, plan)?;
        for left in staging.leftovers() {
            progress.note(&format!("removed {}, which a killed build left", left.display()));
        }
        disk::check(&plan.disk)?;
        Ok(Self { staging, names, directory })
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
    ) -> Result<Vec<(PathBuf, u64)>> {
        let Self { staging, names, directory } = self;
        let plan = &context.plan;
        let about = inventory::read(&tree.directory, &plan.packages)?;
        let manifest =
            Manifest::new(plan, &about, firstboot, tree.trust, disks.nodes, disks.outputs);
        write(&staging, "manifest.json", manifest.to_json().as_bytes())?;
        write(&staging, SBOM, sbom::spdx(plan, &about).as_bytes())?;
        write(&staging, "packages.txt", manifest::package_list(plan).as_bytes())?;
        reporter.log.line("done");
        write(&staging, "build.log", &reporter.log.of_role()?)?;
        write(&staging, SUMS, sums(&staging, &names, &manifest)?.as_bytes())?;
        for name in names.iter().filter(|name| is_public(name)) {
            staging.publish(name)?;
        }
        staging.commit()?;
        reporter.progress.finish();
        let images = manifest.files.iter().filter(|file| file.is_image());
        Ok(images.map(|file| (directory.join(&file.file), file.size)).collect())
    }
}

/// Whether others may read an output: it holds no account's password hash, no key, no digest
/// of either, and nothing that a kickstart's script printed.
fn is_public(name: &str) -> bool {
    let public = ["manifest.json", SBOM, "packages.txt", SUMS];
    public.contains(&name) || name.ends_with(".xml")
}

/// `SHA256SUMS` over everything else in the output directory but raw images, unless they were to
/// be hashed too: their block maps are in it.
fn sums(staging: &Staging, names: &[String], manifest: &Manifest) -> Result<String> {
    let mut sums = Vec::new();
    for name in names.iter().filter(|name| *name != SUMS) {
        match manifest.files.iter().find(|f| f.file == *name) {
            Some(known) => sums.extend(known.sha256.clone().map(|digest| (name.clone(), digest))),
            None => sums.push((name.clone(), sha256(&staging.path(name), &mut |_| ())?)),
        }
    }
    Ok(manifest::sums(&sums))
}

fn write(staging: &Staging, name: &str, bytes: &[u8]) -> Result<()> {
    let path = staging.path(name);
    private::write(&path, bytes).or_build(|| format!("cannot write {}", path.display()))
}

/// Makes sure that there is room for the trees (with a bootstrap root) that do not exist yet, and
/// for the images: a sparse raw one at a time and what is kept of each.
///
/// # Errors
/// An environment error when there is not.
pub fn check_space<'a>(
    options: &BuildOptions,
    contexts: impl Iterator<Item = &'a BuildContext>,
) -> Result<()> {
    let (mut trees, mut images, mut directory) = (0, 0, None);
    for BuildContext { catalog, plan, .. } in contexts {
        let installed = planning::installed(catalog, plan);
        if !options.select.trees().has(&plan.tree_digest()) {
            cache::require_writable(&options.select.cache, "the installed tree")?;
            trees += plan.packages.iter().map(|p| p.size).sum::<u64>() + installed * 2;
        }
        images += installed + plan.nodes.len() as u64 * plan.outputs.len() as u64 * installed;
        directory.get_or_insert_with(|| options.output.of_role(&plan.profile));
    }
    require_space(&options.select.cache, trees, "the packages and the installed trees")?;
    directory.map_or(Ok(()), |directory| require_space(&directory, images, "the images"))
}
