//! The recipe: Spec → Catalog → Plan → Tree → Disk → Outputs.

use super::context::BuildContext;
use super::inputs::Inputs;
use super::log::Log;
use super::options::{BuildOptions, Select};
use super::outputs::Outputs;
use super::planning::{self, Planned};
use super::reporter::Reporter;
use super::{disks, installed, keys, overlay, role};
use crate::base::error::Result;
use crate::base::progress::Progress;
use crate::lab::secrets::{NodeSecrets, Store};
use crate::packages::cache::{self, CacheDirectory, CacheKind, Selection};
use crate::plan::Plan;
use crate::spec::show_size;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Decides what a build would do.
///
/// # Errors
/// Input errors of profile, kickstart, media and packages.
pub fn plan(select: &Select, progress: &mut Progress) -> Result<Plan> {
    let mut inputs = Inputs::load(select, None)?;
    let media = inputs.read_media(select, progress)?;
    let Planned { context, notes } = planning::plan(inputs, media, progress)?;
    progress.finish();
    notes.iter().for_each(|note| progress.note(note));
    Ok(context.plan)
}

/// Builds the images of every node asked for: each stage's result is the next one's input.
fn build_images(options: &BuildOptions, reporter: &mut Reporter<'_>) -> Result<()> {
    let firstboot = overlay::firstboot_binary(options.firstboot.as_deref())?;
    let mut inputs = Inputs::load(&options.select, options.plan.as_ref())?;
    let media = inputs.read_media(&options.select, reporter.progress)?;
    let Planned { context, notes } = planning::plan(inputs, media, reporter.progress)?;
    let (checks, found) = keys::checks(&options.select, &context)?;
    notes.iter().chain(&found).for_each(|note| reporter.report(note));
    let outputs = Outputs::reserve(options, &context, reporter.progress)?;
    // Before the long work: who cannot keep them hears of it at once.
    let secrets = secrets(options, &context, reporter.progress)?;
    let tree = installed::install(options, &context, &checks, reporter)?;
    let role = role::make(options, &context, &tree.directory, &firstboot, reporter)?;
    let disks = disks::write(&context, &role, &secrets, outputs.staging(), reporter)?;
    outputs.publish(&context, firstboot.sha256, tree, disks, reporter)
}

/// Builds the images of every node asked for.
///
/// # Errors
/// See [`crate::base::error::Error`]; nothing is left in the output directory then.
pub fn build(options: &BuildOptions, progress: &mut Progress) -> Result<()> {
    let started = SystemTime::now();
    let cache = CacheDirectory::new(&options.select.cache);
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
    let result = build_images(options, &mut Reporter { progress: &mut *progress, log: &mut log });
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

/// Keeps the cache within bounds. That it cannot be is not a reason for a build to fail.
fn trim(options: &BuildOptions, started: SystemTime, progress: &Progress) {
    let directory = CacheDirectory::new(&options.select.cache);
    if directory.is_read_only() {
        return;
    }
    let selection = Selection {
        kinds: CacheKind::AUTOMATIC.to_vec(),
        keep: options.cache_limit,
        unused_since: Some(started),
    };
    match cache::clean(&directory, &selection, false) {
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

/// The secrets of the lab's nodes; created now, if this is the lab's first build.
fn secrets(
    options: &BuildOptions,
    context: &BuildContext,
    progress: &Progress,
) -> Result<BTreeMap<String, NodeSecrets>> {
    let lab = &context.spec.lab;
    let store = Store::open(&options.state, lab)?;
    let (secrets, made) = store.of_nodes(&context.spec.all_nodes)?;
    if made {
        let directory = Store::directory(&options.state, lab);
        progress
            .note(&format!("created secrets of the lab {lab}, kept in {}", directory.display()));
    }
    Ok(secrets)
}
