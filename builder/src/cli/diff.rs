//! `imgbuild diff`.

use super::common::{OutputArguments, json, print};
use crate::base::error::{Error, Result};
use crate::provenance::diff::{self, DiffReport, File, PackageDifference, Setting, Subject};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

/// Files that are shown to people; `--json` has all.
const SHOWN: usize = 200;

#[derive(Args)]
pub struct DiffArguments {
    /// The first: an image, a build's output directory or manifest.json, or a plan.
    old: PathBuf,
    /// The second.
    new: PathBuf,
    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(a: DiffArguments) -> Result<()> {
    let mut progress = a.output.messages.progress()?;
    let (old, new) = (Subject::open(&a.old)?, Subject::open(&a.new)?);
    let report = diff::diff(&old, &new, &mut progress)?;
    progress.finish();
    print(&if a.output.json { json(&report) } else { text(&report) })?;
    if report.same {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{} and {} differ: {} packages, {} settings, {} files",
        report.old,
        report.new,
        report.packages.len(),
        report.settings.len(),
        report.files.len()
    )))
}

fn text(report: &DiffReport) -> String {
    let mut text = String::new();
    for line in plan_lines(&report.packages, &report.settings) {
        let _ = writeln!(text, "{line}");
    }
    for file in report.files.iter().take(SHOWN) {
        one_file(file, &mut text);
    }
    if report.files.len() > SHOWN {
        let _ = writeln!(text, "and {} more files (--json)", report.files.len() - SHOWN);
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// What differs between two plans, a line for each.
pub fn plan_lines(packages: &[PackageDifference], settings: &[Setting]) -> Vec<String> {
    let packages = packages.iter().map(|package| {
        let name = &package.name;
        match (package.old.join(", "), package.new.join(", ")) {
            (old, new) if old.is_empty() => format!("package added: {name} {new}"),
            (old, new) if new.is_empty() => format!("package removed: {name} {old}"),
            (old, new) => format!("package changed: {name} {old} -> {new}"),
        }
    });
    let settings = settings.iter().map(|s| format!("setting {}: {} -> {}", s.key, s.old, s.new));
    packages.chain(settings).collect()
}

fn one_file(file: &File, text: &mut String) {
    let node = if file.node.is_empty() { String::new() } else { format!("{}: ", file.node) };
    let _ = writeln!(text, "file {node}{}", file.difference);
    for line in file.text.iter().flat_map(|t| t.lines()) {
        let _ = writeln!(text, "    {line}");
    }
}
