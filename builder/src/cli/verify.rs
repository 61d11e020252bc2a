//! `imgbuild verify`.

use super::common::{Common, OUTPUT, StateArguments, json, print};
use crate::base::error::{Error, Result};
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use crate::image::output;
use crate::pipeline::{Rebuild, rebuild};
use crate::provenance::install_iso;
use crate::provenance::verify::{self, VerifyReport};
use crate::tree::sandbox::userns;
use clap::Args;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Differences that are shown to people; `--json` has all.
const SHOWN: usize = 100;

#[derive(Args)]
pub struct VerifyArguments {
    /// An image, raw or qcow2, an install medium of `iso`, or a directory of builds, whose images are all compared.
    #[arg(default_value = OUTPUT, value_name = "IMAGE|DIR")]
    image: PathBuf,
    /// The manifest of its build; by default `manifest.json` next to it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Print the result as JSON, with a schema number.
    #[arg(short, long)]
    json: bool,
    /// Build the image again from its manifest's plan, and compare bit by bit.
    #[arg(long)]
    rebuild: bool,
    /// With --rebuild: media in place of those that the plan names. May be repeated.
    #[arg(short, long, value_name = "PATH|URL|practice", requires = "rebuild")]
    media: Vec<String>,
    /// With --rebuild: fetch nothing.
    #[arg(long, requires = "rebuild")]
    offline: bool,
    /// With --rebuild: the static firstboot binary; by default the one next to imgbuild.
    #[arg(long, value_name = "FILE", env = "IMGBUILD_FIRSTBOOT")]
    firstboot: Option<PathBuf>,
    #[command(flatten)]
    state: StateArguments,
    #[command(flatten)]
    common: Common,
}

pub fn run(a: VerifyArguments) -> Result<()> {
    if a.rebuild {
        // Before anything starts a thread.
        userns::become_root()?;
    }
    let mut progress = a.common.messages.progress()?;
    if install_iso::is_iso(&a.image) {
        return iso(&a, &mut progress);
    }
    if a.image.is_dir() || a.image == Path::new(OUTPUT) {
        if a.rebuild || a.manifest.is_some() {
            return Err(Error::input(format!("{} is a directory", a.image.display()))
                .hint("--rebuild and --manifest are for one image"));
        }
        return directory(&a.image, a.json, &mut progress);
    }
    let report = if a.rebuild {
        let request = Rebuild {
            directory: super::common::working_directory()?,
            cache: a.common.cache()?,
            image: a.image,
            manifest: a.manifest,
            media: a.media,
            offline: a.offline,
            firstboot: a.firstboot,
            state: a.state.directory()?,
        };
        rebuild(&request, &mut progress)?
    } else {
        verify::verify(&a.image, a.manifest.as_deref(), &mut progress)?
    };
    print(&if a.json { json(&report) } else { text(&report) })?;
    judge(&[report])
}

/// An install medium against what it says of itself.
fn iso(a: &VerifyArguments, progress: &mut Progress) -> Result<()> {
    if a.rebuild || a.manifest.is_some() {
        return Err(Error::input(format!("{} is an ISO file", a.image.display()))
            .hint("it has its manifest inside; --rebuild and --manifest are for disk images"));
    }
    progress.stage("comparing the install medium", Unit::Bytes);
    let differences = install_iso::verify(&a.image, &mut |done, total| {
        progress.at(done, total, "");
        !interrupt::requested()
    })?;
    progress.finish();
    let image = a.image.display();
    print(&match a.json {
        true => json(&serde_json::json!({
            "schema": verify::SCHEMA,
            "image": a.image,
            "equal": differences.is_empty(),
            "differences": differences,
        })),
        false if differences.is_empty() => format!("{image}: as it was made (every added file)\n"),
        false => differences.iter().map(|difference| format!("{difference}\n")).collect(),
    })?;
    match differences.len() {
        0 => Ok(()),
        count => {
            Err(Error::verification(format!("{image} is not as it was made: {count} differences")))
        }
    }
}

/// All images of the builds in a directory or directly below it.
fn directory(place: &Path, as_json: bool, progress: &mut Progress) -> Result<()> {
    let directories = [place.to_owned()];
    let manifests = output::manifests(&directories)?;
    if manifests.is_empty() {
        return Err(output::no_build(&directories));
    }
    let mut reports = Vec::new();
    for manifest in manifests {
        reports.extend(verify::verify_build(&manifest, progress)?);
    }
    print(&match as_json {
        true => json(&serde_json::json!({ "schema": verify::SCHEMA, "images": reports })),
        false => reports.iter().map(text).collect(),
    })?;
    judge(&reports)
}

/// Fails unless all are as they were built.
fn judge(reports: &[VerifyReport]) -> Result<()> {
    let changed = reports.iter().filter(|report| !report.equal).map(|report| {
        format!(
            "{} is not as it was built: {} differences, {} parts not read",
            report.image.display(),
            report.differences.len(),
            report.unread.len()
        )
    });
    match changed.collect::<Vec<_>>() {
        changed if changed.is_empty() => Ok(()),
        changed => Err(Error::verification(changed.join("\n"))),
    }
}

fn text(report: &VerifyReport) -> String {
    let mut text = String::new();
    for difference in report.differences.iter().take(SHOWN) {
        let _ = writeln!(text, "{difference}");
    }
    if report.differences.len() > SHOWN {
        let _ = writeln!(text, "and {} more (--json)", report.differences.len() - SHOWN);
    }
    for unread in &report.unread {
        let _ = writeln!(text, "not compared: {unread}");
    }
    if report.equal {
        let how = if report.untouched { "bit by bit" } else { "every file was compared" };
        let _ = writeln!(text, "{}: as it was built ({how})", report.image.display());
    }
    text
}
