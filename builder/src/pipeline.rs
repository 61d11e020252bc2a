//! The recipe: Spec → Catalog → Plan → Tree → Disk → Outputs.

pub mod bare;
mod disks;
mod fetch;
mod keys;
mod log;
mod overlay;
mod planning;
mod rebuild;
mod record;
mod replay;
mod role;
mod signatures;
mod sources;

use crate::base::error::{Context as _, Result};
use crate::base::private;
use crate::base::progress::{Progress, Unit};
use crate::image::disk;
use crate::image::output::{Staging, require_space};
use crate::lab::secrets::{NodeSecrets, Store};
use crate::packages::cache::{self, Folder, Kind, Selection};
use crate::packages::media::{Access, Network, Variables};
use crate::packages::repo::Catalog;
use crate::plan::{Plan, Script};
use crate::provenance::{inventory, manifest, sbom};
use crate::spec::show_size;
use crate::tree::Cache;
use crate::tree::install::{self, Job, PackageFile};
use keys::Check;
use log::Log;
use manifest::Manifest;
use planning::Planned;
pub use rebuild::{Rebuild, rebuild};
use signatures::Signatures;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The software bill of materials.
const SBOM: &str = "sbom.spdx.json";
/// The file of checksums, over all others.
const SUMS: &str = "SHA256SUMS";

/// What to build from what.
pub struct Select {
    /// Profile name or path.
    pub profile: String,
    /// Lab file, if not beside the profile.
    pub lab: Option<PathBuf>,
    /// One node only.
    pub node: Option<String>,
    /// Media in the user's words; empty for the lab file's sources.
    pub media: Vec<String>,
    /// Formats in place of the profile's.
    pub formats: Vec<String>,
    /// Key files that packages of any repository may be signed by.
    pub gpgkeys: Vec<PathBuf>,
    /// Repositories whose packages need not be signed.
    pub no_gpgcheck: Vec<String>,
    /// The cache folder.
    pub cache: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// What `$releasever` stands for in `.repo` files, if not CentOS 7's.
    pub releasever: Option<String>,
}

impl Select {
    /// The way to the media.
    fn access(&self) -> Access {
        let mut variables = Variables::default();
        if let Some(releasever) = &self.releasever {
            variables.releasever.clone_from(releasever);
        }
        let cache = Arc::new(Folder::new(&self.cache));
        Access { network: Network { cache, offline: self.offline }, variables }
    }

    /// The inputs and media of a plan, where it found them.
    pub fn of_plan(plan: &Plan, cache: PathBuf, offline: bool) -> Self {
        Self {
            profile: plan.sources.profile.clone(),
            lab: plan.sources.lab.clone(),
            node: None,
            media: plan.sources.media.clone(),
            formats: Vec::new(),
            gpgkeys: Vec::new(),
            no_gpgcheck: Vec::new(),
            cache,
            offline,
            releasever: plan.sources.releasever.clone(),
        }
    }
}

/// A build.
pub struct Options {
    /// What from what.
    pub select: Select,
    /// The plan to replay; without one, it is made.
    pub plan: Option<Plan>,
    /// The output folder.
    pub output: PathBuf,
    /// Whether existing files are replaced.
    pub force: bool,
    /// The static firstboot binary, if not beside imgbuild.
    pub firstboot: Option<PathBuf>,
    /// The folder of all labs' states, with the lab's secrets.
    pub state: PathBuf,
    /// Bytes that the cache may keep after the build, beside what the build used.
    pub cache_limit: u64,
    /// How long one script of the kickstart may run.
    pub post_limit: Duration,
}

/// Longer than any script should take that needs no network; Anaconda waits for ever.
pub const POST_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Everything that building needs beyond the plan.
struct Context {
    catalog: Catalog,
    plan: Plan,
    spec: crate::spec::Spec,
    scripts: Vec<(Script, String)>,
    access: Access,
}

/// Decides what a build would do.
///
/// # Errors
/// Input errors of profile, kickstart, media and packages.
pub fn plan(select: &Select, progress: &mut Progress) -> Result<Plan> {
    let Planned { context, notes } = planning::plan(select, progress)?;
    progress.finish();
    notes.iter().for_each(|note| progress.note(note));
    Ok(context.plan)
}

/// Builds the images of every node asked for.
///
/// # Errors
/// See [`Error`]; nothing is left in the output folder then.
pub fn build(options: &Options, progress: &mut Progress) -> Result<()> {
    let started = SystemTime::now();
    let cache = Folder::new(&options.select.cache);
    let mut log = Log::create(&cache)?;
    if let Some(place) = log.elsewhere() {
        progress.note(&format!(
            "the cache {} is read-only: nothing is added to it, and the log of a failed build stays at {}",
            cache.root().display(),
            place.display()
        ));
    }
    for left in cache.remove_dead() {
        progress.note(&format!("removed {}, which a killed build left", left.display()));
    }
    let result = build_logged(options, progress, &mut log);
    progress.finish();
    match result {
        Ok(()) => {
            trim(options, started, progress);
            log.remove()
        }
        Err(mut error) => {
            if let Some(path) = log.keep() {
                error.hint = Some(format!(
                    "{}the log is {}",
                    error.hint.map_or_else(String::new, |h| format!("{h}\n  ")),
                    path.display()
                ));
            }
            Err(error)
        }
    }
}

/// Keeps the cache within bounds. That it cannot be is no reason for a build to fail.
fn trim(options: &Options, started: SystemTime, progress: &Progress) {
    let folder = Folder::new(&options.select.cache);
    if folder.is_read_only() {
        return;
    }
    let selection = Selection {
        kinds: Kind::AUTOMATIC.to_vec(),
        keep: options.cache_limit,
        unused_since: Some(started),
    };
    match cache::clean(&folder, &selection, false) {
        Ok(removals) => {
            let bytes: u64 = removals.iter().filter(|r| r.removed).map(|r| r.entry.bytes).sum();
            if bytes > 0 {
                progress.note(&format!(
                    "the cache is kept to {}: {} of what was not used for longest removed (--cache-size)",
                    show_size(options.cache_limit),
                    show_size(bytes)
                ));
            }
        }
        Err(e) => progress.note(&format!("the cache could not be tidied up: {e}")),
    }
}

fn build_logged(options: &Options, progress: &mut Progress, log: &mut Log) -> Result<()> {
    let firstboot = overlay::firstboot_binary(options.firstboot.as_deref())?;
    let Planned { context, notes } = match &options.plan {
        Some(plan) => replay::plan(&options.select, plan, progress)?,
        None => planning::plan(&options.select, progress)?,
    };
    let (checks, said) = keys::checks(&options.select, &context)?;
    for note in notes.iter().chain(&said) {
        progress.note(note);
        log.line(note);
    }
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
    check_space(options, &context)?;
    disk::check(&plan.disk)?;
    // Before the long work: whoever cannot keep them is told at once.
    let secrets = secrets(options, &context, progress)?;

    if options.plan.is_some() {
        // A tree from the cache would hide that a package is no longer what it was.
        fetched(&context, &checks, true, progress).map_err(replay::unreadable)?;
    }
    let (tree, signatures) = install_tree(options, &context, &checks, progress, log)?;
    let trust = signatures::report(plan, &checks, &signatures);
    for warning in signatures::weaknesses(&trust) {
        progress.note(&warning);
        log.line(&warning);
    }
    let role = role::make(options, &context, &tree, &firstboot, progress, log)?;
    let (nodes, files) = disks::write(&context, &role, &secrets, &staging, progress, log)?;
    let about = inventory::read(&tree, &plan.packages)?;
    let manifest = Manifest::new(plan, &about, firstboot.sha256, trust, nodes, files);
    write(&staging, "manifest.json", manifest.to_json().as_bytes())?;
    write(&staging, SBOM, sbom::spdx(plan, &about).as_bytes())?;
    write(&staging, "packages.txt", manifest::package_list(plan).as_bytes())?;
    log.line("done");
    write(&staging, "build.log", &log.bytes()?)?;
    write(&staging, SUMS, sums(&staging, &names, &manifest)?.as_bytes())?;
    for name in names.iter().filter(|name| is_public(name)) {
        staging.publish(name)?;
    }
    staging.commit()?;
    progress.finish();
    if plan.practice {
        progress.note("these are PRACTICE images, made from Debian packages; they are not CentOS");
    }
    for name in &names[..images] {
        progress.note(&format!("made {}", options.output.join(name).display()));
    }
    Ok(())
}

/// The secrets of the lab's nodes; made now, if this is the lab's first build.
fn secrets(
    options: &Options,
    context: &Context,
    progress: &Progress,
) -> Result<BTreeMap<String, NodeSecrets>> {
    let lab = &context.spec.lab;
    let store = Store::open(&options.state, lab)?;
    let (secrets, made) = store.of_nodes(&context.spec.all_nodes)?;
    if made {
        let folder = Store::folder(&options.state, lab);
        progress.note(&format!("made secrets of the lab {lab}, kept in {}", folder.display()));
    }
    Ok(secrets)
}

/// Whether others may read an output: it holds no account's password hash, no key, no digest
/// of either, and nothing that a kickstart's script printed.
fn is_public(name: &str) -> bool {
    let public = ["manifest.json", SBOM, "packages.txt", SUMS];
    public.contains(&name) || name.ends_with(".xml")
}

/// `SHA256SUMS` over everything else in the output folder.
fn sums(staging: &Staging, names: &[String], manifest: &Manifest) -> Result<String> {
    let mut sums = Vec::new();
    for name in names.iter().filter(|name| *name != SUMS) {
        let known = manifest.files.iter().find(|f| f.file == *name).map(|f| f.sha256.clone());
        let digest = match known {
            Some(digest) => digest,
            None => crate::image::output::sha256(&staging.path(name), &mut |_| ())?,
        };
        sums.push((name.clone(), digest));
    }
    Ok(manifest::sums(&sums))
}

fn write(staging: &Staging, name: &str, bytes: &[u8]) -> Result<()> {
    let path = staging.path(name);
    private::write(&path, bytes).or_build(|| format!("cannot write {}", path.display()))
}

/// Room for the tree (with a bootstrap root) if it is not there yet, and for the images: a
/// sparse raw one at a time and what is kept of each.
fn check_space(options: &Options, context: &Context) -> Result<()> {
    let installed = planning::installed(&context.catalog, &context.plan);
    let cached = trees(&options.select.cache).has(&context.plan.tree_digest());
    if !cached {
        cache::require_writable(&options.select.cache, "the installed tree")?;
        let packages: u64 = context.plan.packages.iter().map(|p| p.size).sum();
        let what = "the packages and the installed tree";
        require_space(&options.select.cache, packages + installed * 2, what)?;
    }
    let images = context.plan.nodes.len() as u64 * context.plan.outputs.len() as u64;
    require_space(&options.output, installed + images * installed, "the images")
}

fn trees(cache: &Path) -> Cache {
    Cache::new(cache.join("trees"))
}

/// The plan's packages, each with the right digest and a good signature; `again` as in
/// [`fetch::packages`].
fn fetched(
    context: &Context,
    checks: &[Check],
    again: bool,
    progress: &mut Progress,
) -> Result<(Vec<PathBuf>, Signatures)> {
    let files = fetch::packages(context, again, progress)?;
    progress.stage("checking signatures", Unit::Steps);
    let signatures = signatures::check(&context.plan, &files, checks)?;
    Ok((files, signatures))
}

/// The role's tree: from the cache, or installed by the target's own rpm; with the signatures
/// of its packages, which are asked for again when the cached tree was made on other terms.
fn install_tree(
    options: &Options,
    context: &Context,
    checks: &[Check],
    progress: &mut Progress,
    log: &mut Log,
) -> Result<(PathBuf, Signatures)> {
    let plan = &context.plan;
    let digest = plan.tree_digest();
    let trees = trees(&options.select.cache);
    if trees.has(&digest) {
        progress.note("installed tree from the cache; rpm does not run");
    }
    context.access.network.cache.use_entry(&trees.place(&digest))?;
    let tree = trees.get(&digest, |folder| {
        let (files, signatures) = fetched(context, checks, false, progress)?;
        signatures::keep(&signatures, folder)?;
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
            time: plan.time,
            silence: options.post_limit,
        };
        progress.stage("installing packages by the image's own rpm", Unit::Packages);
        install::install(&job, folder, &mut Listener { progress, log })?;
        let files: Vec<&Path> = packages.iter().map(|p| p.path.as_path()).collect();
        inventory::write(folder, &files)
    })?;
    if let Some(signatures) = signatures::kept(plan, checks, &tree) {
        return Ok((tree, signatures));
    }
    let (_, signatures) = fetched(context, checks, false, progress)?;
    // Without the record the next build checks them again.
    if !context.access.network.cache.is_read_only() {
        signatures::keep(&signatures, &tree)?;
    }
    Ok((tree, signatures))
}

struct Listener<'a> {
    progress: &'a mut Progress,
    log: &'a mut Log,
}

impl install::Listener for Listener<'_> {
    fn log(&mut self, line: &str) {
        self.log.line(line);
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text);
    }

    fn at(&mut self, done: u64, total: u64, what: &str) {
        self.progress.at(done, total, what);
    }
}
