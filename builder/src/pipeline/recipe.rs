//! The recipe: Spec → Catalog → Plan → Tree → Disk → Outputs.

use super::context::BuildContext;
use super::log::Log;
use super::options::BuildOptions;
use super::outputs::{self, BuiltRole, Outputs};
use super::overlay::{self, Firstboot};
use super::planned_roles::{self, PlannedRole};
use super::reporter::Reporter;
use super::{disks, installed, lab_secrets, role};
use crate::base::error::Result;
use crate::base::progress::Progress;
use crate::lab::secrets::NodeSecrets;
use crate::packages::cache::{self, CacheDirectory, CacheKind, Selection};
use crate::plan::Plan;
use crate::spec::{Spec, show_size};
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

/// A role that is planned, and whose place is reserved.
struct RoleJob {
    role: PlannedRole,
    outputs: Outputs,
}

fn prepare(options: &BuildOptions, progress: &mut Progress) -> Result<Vec<RoleJob>> {
    let mut jobs = Vec::new();
    for role in planned_roles::plan_with_checks(&options.select, options.plan.as_ref(), progress)? {
        let outputs = Outputs::reserve(options, &role.context, progress)?;
        jobs.push(RoleJob { role, outputs });
    }
    outputs::check_space(options, jobs.iter().map(|job| &job.role.context))?;
    Ok(jobs)
}

/// Builds the images of one role: each stage's result is the next one's input.
fn build_role(
    options: &BuildOptions,
    job: RoleJob,
    firstboot: &Firstboot,
    secrets: &BTreeMap<String, NodeSecrets>,
    reporter: &mut Reporter<'_>,
) -> Result<BuiltRole> {
    let started = Instant::now();
    let RoleJob { role: PlannedRole { context, checks, notes }, outputs } = job;
    reporter.log.begin_role()?;
    notes.iter().for_each(|note| reporter.log.line(note));
    let tree = installed::install(options, &context, &checks, reporter)?;
    let made = role::make(options, &context, &tree.directory, firstboot, reporter)?;
    let disks =
        disks::write(&context, &made, secrets, outputs.staging(), options.full_sums, reporter)?;
    let directory = options.output.of_role(&context.plan.profile);
    let images = outputs.publish(&context, firstboot.sha256.clone(), tree, disks, reporter)?;
    let Plan { profile, practice, .. } = context.plan;
    Ok(BuiltRole { role: profile, directory, images, time: started.elapsed(), practice })
}

/// Stages of the progress of one role's build; those for which the cache has the result are
/// skipped.
fn stages(options: &BuildOptions, context: &BuildContext) -> u64 {
    installed::stages(options) + role::stages(context) + disks::stages(&context.plan)
}

/// Builds the images of every role asked for, one after the other. A role that is built stays,
/// whatever happens to the next.
fn build_roles(options: &BuildOptions, reporter: &mut Reporter<'_>) -> Result<Vec<BuiltRole>> {
    let firstboot = overlay::firstboot_binary(options.firstboot.as_deref())?;
    let jobs = prepare(options, reporter.progress)?;
    // Before the long work: who cannot keep them hears of it at once.
    let specs: Vec<&Spec> = jobs.iter().map(|job| &job.role.context.spec).collect();
    let secrets = lab_secrets::of_lab(&options.state, &specs, reporter.progress)?;
    let stages = jobs.iter().map(|job| stages(options, &job.role.context));
    reporter.progress.count_stages(stages.sum());
    let count = jobs.len();
    let mut built: Vec<BuiltRole> = Vec::new();
    for (index, job) in jobs.into_iter().enumerate() {
        let role = job.role.context.plan.profile.clone();
        if count > 1 {
            reporter.progress.note(&format!("role {role}, {} of {count}", index + 1));
        }
        let result = build_role(options, job, &firstboot, &secrets, reporter);
        if result.is_err() {
            reporter.progress.stop();
            for BuiltRole { role, directory, .. } in &built {
                let place = directory.display();
                reporter.progress.note(&format!("the role {role} is complete, in {place}"));
            }
        }
        built.push(result?);
    }
    Ok(built)
}

/// Builds the images of every role and node asked for.
///
/// # Errors
/// See [`crate::base::error::Error`]; nothing of the role that failed and of those after it is left
/// in the output directory then.
pub fn build(options: &BuildOptions, progress: &mut Progress) -> Result<Vec<BuiltRole>> {
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
    let result = build_roles(options, &mut Reporter { progress: &mut *progress, log: &mut log });
    match result {
        Ok(built) => {
            progress.finish();
            trim(options, started, progress);
            log.remove()?;
            Ok(built)
        }
        Err(mut error) => {
            progress.stop();
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
