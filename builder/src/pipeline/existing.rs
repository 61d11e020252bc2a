//! The build that an output directory holds already. Its manifest is what `verify` and `up` know
//! its images by, so only a build of the same nodes may replace it.

use crate::base::error::{Context as _, Error, Result};
use crate::base::files::read_regular;
use crate::plan::Plan;
use serde::Deserialize;
use std::io;
use std::path::Path;

/// Larger files are not read as manifests.
const MAX_BYTES: u64 = 256 << 20;

/// The part of `manifest.json`, of any schema, that says whose images are there.
#[derive(Deserialize)]
struct Existing {
    plan: ExistingPlan,
}

#[derive(Deserialize)]
struct ExistingPlan {
    profile: String,
    lab: Named,
    nodes: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Refuses a directory whose build has nodes that this plan does not build.
///
/// # Errors
/// An input error that names the directory to use.
pub fn refuse_other(directory: &Path, plan: &Plan) -> Result<()> {
    let path = directory.join("manifest.json");
    let what = || format!("cannot read {}, which says whose images are there", path.display());
    let text = match read_regular(&path, MAX_BYTES) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text.or_input(what)?,
    };
    let Existing { plan: old } = serde_json::from_slice(&text)
        .or_input(what)
        .map_err(|e| elsewhere(e.message, &directory.join(&plan.profile)))?;
    let place = directory.display();
    // Next to the directory of a role, below one of any other name: `up` finds both.
    let free = |name: &str| match directory.ends_with(&old.profile) {
        true => directory.with_file_name(name),
        false => directory.join(name),
    };
    if (&old.lab.name, &old.profile) != (&plan.lab.name, &plan.profile) {
        let message = format!(
            "{place} holds the build of the role {} of {}, which one of the role {} of {} would \
             make useless",
            old.profile, old.lab.name, plan.profile, plan.lab.name
        );
        return Err(elsewhere(message, &free(&plan.profile)));
    }
    let kept = |name: &&str| !plan.nodes.iter().any(|node| node.name == *name);
    let lost: Vec<&str> = old.nodes.iter().map(|n| n.name.as_str()).filter(kept).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{place} holds images of {}, which this build does not create and would make useless",
        lost.join(", ")
    );
    let name = plan.nodes.first().map_or(&plan.profile, |node| &node.name);
    Err(elsewhere(message, &free(name)))
}

fn elsewhere(message: String, directory: &Path) -> Error {
    Error::input(message).hint(format!("use another directory: --output {}", directory.display()))
}
