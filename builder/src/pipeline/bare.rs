//! Packages for a bare request: without profile, disk and nodes.

use super::options::Select;
use super::{planned_packages, sources};
use crate::base::error::Result;
use crate::base::progress::{Progress, Unit};
use crate::packages::solve::{self, Request};
use crate::plan::{self, PlanPackage, Repository};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a bare request installs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// [`plan::SCHEMA`].
    pub schema: u32,
    /// Whether the packages come from practice media.
    pub practice: bool,
    /// Repositories by id.
    pub repositories: Vec<Repository>,
    /// Packages by name.
    pub packages: Vec<PlanPackage>,
    /// Asked for but not on the media, and why that is not an error.
    pub skipped: Vec<String>,
}

/// Chooses packages from the media of `select`, whose profile plays no part; notes what the
/// user may not expect.
///
/// # Errors
/// Input errors of media and packages, verification errors of metadata.
pub fn choose(select: &Select, request: &Request, progress: &mut Progress) -> Result<Selection> {
    let mut notes = Vec::new();
    progress.stage("reading repositories", Unit::Steps);
    let (catalog, practice) =
        sources::on_media(&select.access(), &select.media, progress, &mut notes)?;
    progress.stage("choosing packages", Unit::Steps);
    let solution = solve::solve(&catalog, request)?;
    progress.finish();
    notes.iter().chain(&solution.notes).for_each(|note| progress.note(note));
    let closure = solve::closure(&catalog, &solution.packages, "rpm");
    let bootstrap: BTreeSet<solve::Id> = closure.into_iter().collect();
    let package = |id: &solve::Id| planned_packages::package(&catalog, *id, bootstrap.contains(id));
    Ok(Selection {
        schema: plan::SCHEMA,
        practice,
        repositories: planned_packages::repositories(&catalog),
        packages: solution.packages.iter().map(package).collect::<Result<_>>()?,
        skipped: solution.skipped,
    })
}
