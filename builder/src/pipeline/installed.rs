//! Plan → the role's installed tree, whose packages' signatures are good.

use super::context::BuildContext;
use super::keys::Check;
use super::options::BuildOptions;
use super::reporter::Reporter;
use super::signatures::{self, Signatures};
use super::{fetch, unchanged};
use crate::base::error::Result;
use crate::base::progress::{Progress, Unit};
use crate::packages::trust::report::TrustReport;
use crate::provenance::inventory;
use crate::tree::install::{self, Job, PackageFile};
use std::path::{Path, PathBuf};

/// An installed tree.
pub struct Installed {
    /// Its directory.
    pub directory: PathBuf,
    /// What was found out about its packages' signatures.
    pub trust: TrustReport,
}

/// Stages that [`fetched`] reports.
const FETCHING: u64 = 2;

/// Stages that [`install`] reports or skips.
pub fn stages(options: &BuildOptions) -> u64 {
    let again = if options.plan.is_some() { FETCHING } else { 0 };
    again + FETCHING + install::STAGES
}

/// Installs the plan's packages, unless the cache has their tree.
///
/// # Errors
/// What packages, their signatures or their installation fail with.
pub fn install(
    options: &BuildOptions,
    context: &BuildContext,
    checks: &[Check],
    reporter: &mut Reporter<'_>,
) -> Result<Installed> {
    if options.plan.is_some() {
        // A tree from the cache would hide that a package is no longer what it was.
        fetched(context, checks, true, reporter.progress).map_err(unchanged::unreadable)?;
    }
    let (directory, signatures) = install_tree(options, context, checks, reporter)?;
    let trust = signatures::report(&context.plan, checks, &signatures);
    for warning in signatures::weaknesses(&trust) {
        reporter.report(&warning);
    }
    Ok(Installed { directory, trust })
}

/// The plan's packages, each with the right digest and a good signature; `again` as in
/// [`fetch::packages`].
fn fetched(
    context: &BuildContext,
    checks: &[Check],
    again: bool,
    progress: &mut Progress,
) -> Result<(Vec<PathBuf>, Signatures)> {
    let files = fetch::packages(context.package_set(), again, progress)?;
    progress.stage("checking signatures", Unit::Steps);
    let signatures = signatures::check(&context.plan.packages, &files, checks)?;
    Ok((files, signatures))
}

/// The role's tree: from the cache, or installed by the target's own rpm; with the signatures
/// of its packages, which are asked for again when the cached tree was created on other terms.
fn install_tree(
    options: &BuildOptions,
    context: &BuildContext,
    checks: &[Check],
    reporter: &mut Reporter<'_>,
) -> Result<(PathBuf, Signatures)> {
    let plan = &context.plan;
    let digest = plan.tree_digest();
    let trees = options.select.trees();
    if trees.has(&digest) {
        reporter.progress.note("installed tree from the cache; rpm does not run");
    }
    context.access.network.cache.use_entry(&trees.place(&digest))?;
    let mut installed = false;
    let tree = trees.get(&digest, |directory| {
        installed = true;
        let (files, signatures) = fetched(context, checks, false, reporter.progress)?;
        signatures::keep(&signatures, directory)?;
        let packages: Vec<PackageFile> = files
            .into_iter()
            .zip(&plan.packages)
            .map(|(path, package)| PackageFile { path, bootstrap: package.bootstrap })
            .collect();
        let job = Job {
            packages: &packages,
            left_out: &plan.left_out,
            enable: &plan.enable,
            disable: &plan.disable,
            target: &plan.target,
            initial_setup: plan.initial_setup,
            time: plan.time,
            silence: options.select.script_limit(),
        };
        install::install(&job, directory, reporter)?;
        let files: Vec<&Path> = packages.iter().map(|p| p.path.as_path()).collect();
        inventory::write(directory, &files)
    })?;
    if let Some(signatures) = signatures::kept(&plan.packages, checks, &tree) {
        if !installed {
            reporter.progress.skip(FETCHING + install::STAGES);
        }
        return Ok((tree, signatures));
    }
    let (_, signatures) = fetched(context, checks, false, reporter.progress)?;
    reporter.progress.skip(install::STAGES);
    // Without the record the next build checks them again.
    if !context.access.network.cache.is_read_only() {
        signatures::keep(&signatures, &tree)?;
    }
    Ok((tree, signatures))
}
