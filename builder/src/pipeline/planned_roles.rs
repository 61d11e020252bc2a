//! Every role that is asked for, planned before the long work: what is wrong with the last one is
//! known before the first is built.

use super::context::BuildContext;
use super::inputs;
use super::keys::{self, Check};
use super::options::Select;
use super::planning::{self, Planned};
use crate::base::error::{Error, Result};
use crate::base::progress::Progress;
use crate::plan::Plan;
use std::collections::BTreeSet;

/// A role that is planned, with how its packages are checked.
pub struct PlannedRole {
    pub context: BuildContext,
    pub checks: Vec<Check>,
    /// What the user was shown, for the log.
    pub notes: Vec<String>,
}

/// Plans the roles, and shows what the user should know of them.
///
/// # Errors
/// As [`inputs::load`], [`inputs::read_media`] and [`planning::plan`].
pub fn plan(select: &Select, progress: &mut Progress) -> Result<Vec<Plan>> {
    let planned = planned(select, None, progress)?;
    show(planned.iter().flat_map(|role| &role.notes), progress);
    Ok(planned.into_iter().map(|role| role.context.plan).collect())
}

/// Plans the roles, or takes up `replay`, and finds the keys of their packages.
///
/// # Errors
/// As [`plan`] and [`keys::checks`].
pub fn plan_with_checks(
    select: &Select,
    replay: Option<&Plan>,
    progress: &mut Progress,
) -> Result<Vec<PlannedRole>> {
    let mut roles = Vec::new();
    for Planned { context, mut notes } in planned(select, replay, progress)? {
        let (checks, found) =
            keys::checks(select, context.package_set(), &context.spec.repositories)?;
        notes.extend(found);
        roles.push(PlannedRole { context, checks, notes });
    }
    show(roles.iter().flat_map(|role| &role.notes), progress);
    Ok(roles)
}

/// An installer gets the one disk that the profile's `install-disk` means.
///
/// # Errors
/// An input error for a role whose machines have more.
pub fn refuse_several_disks(roles: &[PlannedRole]) -> Result<()> {
    let specs = roles.iter().map(|role| &role.context.spec);
    let Some(spec) = specs.into_iter().find(|spec| !spec.machine.more_disks.is_empty()) else {
        return Ok(());
    };
    let role = spec.role.as_str();
    Err(Error::input(format!(
        "the profile of the role {role} has more-disks, and install media install on one disk"
    ))
    .hint("leave more-disks and --ondisk out, and lay other disks out once it runs"))
}

fn planned(
    select: &Select,
    replay: Option<&Plan>,
    progress: &mut Progress,
) -> Result<Vec<Planned>> {
    let mut inputs = inputs::load(select, replay, progress)?;
    let media = inputs::read_media(&mut inputs, select, progress)?;
    let roles = inputs.into_iter().zip(media);
    let planned: Result<_> =
        roles.map(|(role, media)| planning::plan(role, media, progress)).collect();
    progress.finish();
    planned
}

/// Shows each note once, whatever the roles share.
fn show<'a>(notes: impl Iterator<Item = &'a String>, progress: &Progress) {
    let mut shown = BTreeSet::new();
    notes.filter(|note| shown.insert(*note)).for_each(|note| progress.note(note));
}
