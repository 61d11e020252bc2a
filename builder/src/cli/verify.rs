//! `imgbuild verify`.

use super::common::{OutputArguments, print};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::verify::{self, Report};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

/// Differences that are shown to people; `--json` has all.
const SHOWN: usize = 100;

#[derive(Args)]
pub struct Arguments {
    /// The image, raw or qcow2.
    image: PathBuf,
    /// The manifest of its build; by default `manifest.json` beside it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(a: Arguments) -> Result<()> {
    let mut progress = Progress::new(a.output.progress);
    let report = verify::verify(&a.image, a.manifest.as_deref(), &mut progress)?;
    print(&if a.output.json { super::common::json(&report) } else { text(&report) })?;
    if report.equal {
        return Ok(());
    }
    Err(Error::verification(format!(
        "{} is not as it was built: {} differences, {} parts not read",
        report.image.display(),
        report.differences.len(),
        report.unread.len()
    )))
}

fn text(report: &Report) -> String {
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
        let how =
            if report.untouched { "the file is untouched" } else { "every file was compared" };
        let _ = writeln!(text, "{}: as it was built ({how})", report.image.display());
    }
    text
}
