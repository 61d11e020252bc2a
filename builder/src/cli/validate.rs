//! `imgbuild validate`.

use super::common::{SpecArguments, print};
use crate::base::error::{Error, Result};
use crate::kickstart::{Fate, Line};
use crate::problem::{Problem, Problems};
use crate::spec;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Checks a kickstart, or a profile with its lab file and kickstart. A line that an image
/// cannot have is no error of a kickstart by itself: --report shows it, and a build stops
/// at it.
#[derive(Args)]
pub struct Arguments {
    /// A kickstart by itself, in the RHEL 7 dialect.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "lab", "node"])]
    kickstart: Option<PathBuf>,
    #[command(flatten)]
    spec: SpecArguments,
    /// Shows for each line of the kickstart what becomes of it in an image.
    #[arg(long)]
    report: bool,
    /// Prints everything as JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome<'a> {
    ok: bool,
    errors: Vec<Entry<'a>>,
    warnings: Vec<Entry<'a>>,
    report: &'a [Line],
}

/// A problem with every key, whether it has it or not.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn all(problems: &'a [Problem]) -> Vec<Self> {
        let entry = |p: &'a Problem| Self {
            file: &p.file,
            line: p.line,
            column: p.column,
            key: p.key.as_deref(),
            message: &p.message,
            hint: p.hint.as_deref(),
        };
        problems.iter().map(entry).collect()
    }
}

/// Warnings and report of what was read, or its problems.
type Checked = std::result::Result<(Vec<Problem>, Vec<Line>), Problems>;

pub fn run(a: Arguments) -> Result<()> {
    let directory = super::common::working_folder()?;
    let (name, checked): (String, Checked) = match &a.kickstart {
        Some(path) => {
            let read = spec::alone(path, &directory);
            (path.display().to_string(), read.map(|a| (a.kickstart.warnings, a.kickstart.report)))
        }
        None => {
            let name = a.spec.profile.clone().ok_or_else(|| {
                Error::input("nothing to check: neither --kickstart nor --profile is given")
            })?;
            let read = a.spec.load(&directory);
            (name, read.map(|spec| (spec.warnings, spec.kickstart.report)))
        }
    };
    let (warnings, report, problems) = match checked {
        Ok((warnings, report)) => (warnings, report, Problems::default()),
        Err(problems) => (Vec::new(), Vec::new(), problems),
    };
    let ok = problems.0.is_empty();
    if a.json {
        let (errors, warnings) = (Entry::all(&problems.0), Entry::all(&warnings));
        let outcome = Outcome { ok, errors, warnings, report: &report };
        let text = serde_json::to_string_pretty(&outcome)
            .map_err(|e| Error::build(format!("the result cannot be written as JSON: {e}")))?;
        print(&format!("{text}\n"))?;
    } else if ok {
        print(&text(&name, &warnings, a.report.then_some(&report[..])))?;
    }
    if ok { Ok(()) } else { Err(problems.into()) }
}

/// The result for people.
fn text(name: &str, warnings: &[Problem], report: Option<&[Line]>) -> String {
    let mut text = String::new();
    for line in report.unwrap_or_default() {
        let Line { file, line, command, fate, why, .. } = line;
        text.push_str(&format!("{file}:{line}: {command}: {}: {why}\n", fate.as_str()));
    }
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    let refused = report.unwrap_or_default().iter().filter(|l| l.fate == Fate::Refused).count();
    match refused {
        0 => text.push_str(&format!("{name}: ok\n")),
        n => text.push_str(&format!("{name}: ok as a kickstart; {n} of its lines stop a build\n")),
    }
    text
}
