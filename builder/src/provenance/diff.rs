//! What differs between two builds: packages, settings, files, and the text of configuration.

mod settings;
mod subject;
mod text;

pub use settings::Setting;
pub use subject::Subject;

use crate::base::error::Result;
use crate::base::progress::Progress;
use crate::image::listing::{self, Change};
use crate::plan::{Plan, PlanPackage};
use crate::provenance::verify::Difference;
use serde::Serialize;
use std::collections::BTreeSet;

/// Schema number of a report.
pub const SCHEMA: u32 = 1;

/// Two builds compared.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DiffReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The first, as the user named it.
    pub old: String,
    /// The second.
    pub new: String,
    /// Whether nothing differs.
    pub same: bool,
    /// Packages, where both are known.
    pub packages: Vec<PackageDifference>,
    /// What the plans decide beyond packages, where both are known.
    pub settings: Vec<Setting>,
    /// Files, where both are known.
    pub files: Vec<File>,
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// A package that only one has, or has in another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageDifference {
    /// `name.arch`.
    pub name: String,
    /// The old versions; several for what may be installed more than once.
    pub old: Vec<String>,
    /// The new versions.
    pub new: Vec<String>,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    /// The node, where both sides have several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Path and what differs.
    #[serde(flatten)]
    pub difference: Difference,
    /// The lines that differ, for text that anybody may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Compares two builds. A file whose time alone differs does not.
///
/// # Errors
/// An input error when something cannot be read.
pub fn diff(old: &Subject, new: &Subject, progress: &mut Progress) -> Result<DiffReport> {
    let mut report = DiffReport {
        schema: SCHEMA,
        old: old.name.clone(),
        new: new.name.clone(),
        ..DiffReport::default()
    };
    match (&old.plan, &new.plan) {
        (Some(a), Some(b)) => {
            (report.packages, report.settings) = diff_plans(a, b);
        }
        _ => report.notes.push("packages are not compared: an image without a manifest".into()),
    }
    if old.nodes.is_empty() || new.nodes.is_empty() {
        report.notes.push("files are not compared: a plan has none".into());
    } else {
        nodes(old, new, &mut report, progress)?;
    }
    report.same =
        report.packages.is_empty() && report.settings.is_empty() && report.files.is_empty();
    Ok(report)
}

/// What a plan changes against another: packages and settings.
pub fn diff_plans(old: &Plan, new: &Plan) -> (Vec<PackageDifference>, Vec<Setting>) {
    (packages(old, new), settings::compare(old, new))
}

fn packages(old: &Plan, new: &Plan) -> Vec<PackageDifference> {
    let keys = |plan: &Plan| -> BTreeSet<(String, String)> {
        plan.packages.iter().map(|p| (p.name.clone(), p.arch.clone())).collect()
    };
    let versions = |plan: &Plan, key: &(String, String)| -> Vec<String> {
        let of = plan.packages.iter().filter(|p| p.name == key.0 && p.arch == key.1);
        of.map(PlanPackage::evr).collect()
    };
    keys(old)
        .union(&keys(new))
        .map(|key| PackageDifference {
            name: format!("{}.{}", key.0, key.1),
            old: versions(old, key),
            new: versions(new, key),
        })
        .filter(|p| p.old != p.new)
        .collect()
}

/// Nodes of one name, or the only ones, are compared with each other.
fn nodes(
    old: &Subject,
    new: &Subject,
    report: &mut DiffReport,
    progress: &mut Progress,
) -> Result<()> {
    if let ([a], [b]) = (old.nodes.as_slice(), new.nodes.as_slice()) {
        return files("", a, b, report, progress);
    }
    for a in &old.nodes {
        match new.nodes.iter().find(|b| b.name == a.name) {
            Some(b) => files(&a.name, a, b, report, progress)?,
            None => report.notes.push(format!("{} has no node {}", new.name, a.name)),
        }
    }
    let only_new = new.nodes.iter().filter(|b| old.nodes.iter().all(|a| a.name != b.name));
    report.notes.extend(only_new.map(|b| format!("{} has no node {}", old.name, b.name)));
    Ok(())
}

fn files(
    node: &str,
    old: &subject::SubjectNode,
    new: &subject::SubjectNode,
    report: &mut DiffReport,
    progress: &mut Progress,
) -> Result<()> {
    let (before, after) = (old.listing(progress)?, new.listing(progress)?);
    let changes = listing::compare(&before, &after);
    let counts = |change: &Change| !matches!(change, Change::Changed(what) if what == &["time"]);
    let mut texts = text::Texts::new(old, new)?;
    for (path, change) in changes.iter().filter(|(_, change)| counts(change)) {
        let text = match change {
            Change::Changed(what) if what.contains(&"content") => {
                texts.of(path, &before[path], &after[path])?
            }
            _ => None,
        };
        let difference = Difference::of_file(path, change);
        report.files.push(File { node: node.to_owned(), difference, text });
    }
    Ok(())
}
