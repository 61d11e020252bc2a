//! `imgbuild validate`.

use super::common::{file_or_stdin, print};
use super::select::{LoadFailure, SpecArguments};
use crate::base::diagnostic::Diagnostic;
use crate::base::error::{Error, Result};
use crate::kickstart::{Fate, Line};
use crate::spec;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Checks a kickstart, or a profile with its lab file and kickstart. What an image cannot have
/// is not an error of a kickstart by itself: it is listed, and a build stops at it.
#[derive(Args)]
pub struct ValidateArguments {
    /// A kickstart by itself, in the RHEL 7 dialect; `-` is standard input.
    #[arg(short, long, value_name = "FILE", value_parser = file_or_stdin, conflicts_with_all = ["profile", "lab", "node"])]
    kickstart: Option<PathBuf>,
    #[command(flatten)]
    spec: SpecArguments,
    /// Shows for each line of the kickstart what becomes of it in an image.
    #[arg(long)]
    report: bool,
    /// Prints everything as JSON.
    #[arg(short, long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct ValidationOutcome<'a> {
    ok: bool,
    errors: Vec<DiagnosticEntry<'a>>,
    warnings: Vec<DiagnosticEntry<'a>>,
    report: &'a [Line],
}

/// A diagnostic with every key, whether it has it or not.
#[derive(Serialize)]
struct DiagnosticEntry<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> DiagnosticEntry<'a> {
    fn all(diagnostics: &'a [Diagnostic]) -> Vec<Self> {
        let entry = |d: &'a Diagnostic| Self {
            file: &d.place.file,
            line: d.place.line,
            column: d.place.column,
            key: d.key.as_deref(),
            message: &d.message,
            hint: d.hint.as_deref(),
        };
        diagnostics.iter().map(entry).collect()
    }
}

/// Warnings and report of what was read, or its errors.
type Checked = std::result::Result<(Vec<Diagnostic>, Vec<Line>), LoadFailure>;

pub fn run(a: ValidateArguments) -> Result<()> {
    let directory = super::common::working_directory()?;
    let (name, checked): (String, Checked) = match &a.kickstart {
        Some(_) if a.spec.inputs.pre.run_pre.is_some() => {
            return Err(Error::input("--run-pre: a kickstart by itself has no machine to install")
                .hint("give the profile that names it: --profile NAME"));
        }
        Some(path) => {
            let read = spec::load_kickstart(path, &directory, &a.spec.inputs.includes.includes);
            (
                path.display().to_string(),
                read.map(|a| (a.kickstart.warnings, a.kickstart.report)).map_err(LoadFailure::from),
            )
        }
        None => {
            let name = a.spec.profile.clone().ok_or_else(|| {
                Error::input("nothing to check: neither --kickstart nor --profile is given")
            })?;
            let read = a.spec.load(&directory)?;
            (name, read.map(|spec| (spec.warnings, spec.kickstart.report)))
        }
    };
    let (warnings, report, failure) = match checked {
        Ok((warnings, report)) => (warnings, report, LoadFailure::default()),
        Err(failure) => (Vec::new(), Vec::new(), failure),
    };
    let errors = &failure.diagnostics.0;
    let ok = errors.is_empty();
    if a.json {
        let outcome = ValidationOutcome {
            ok,
            errors: DiagnosticEntry::all(errors),
            warnings: DiagnosticEntry::all(&warnings),
            report: &report,
        };
        let text = serde_json::to_string_pretty(&outcome)
            .map_err(|e| Error::build(format!("the result cannot be written as JSON: {e}")))?;
        print(&format!("{text}\n"))?;
    } else if ok {
        print(&text(&name, &warnings, &report, a.report))?;
    }
    if ok { Ok(()) } else { Err(failure.into()) }
}

/// The result for people: the whole report, or what stops a build.
fn text(name: &str, warnings: &[Diagnostic], report: &[Line], whole: bool) -> String {
    let mut text = String::new();
    for line in report.iter().filter(|l| whole || l.fate == Fate::Refused) {
        let Line { place, command, fate, why } = line;
        // What no line asks for has none.
        let place = match place.line {
            0 => place.file.clone(),
            line => format!("{}:{line}", place.file),
        };
        text.push_str(&format!("{place}: {command}: {}: {why}\n", fate.as_str()));
    }
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    let stops = report.iter().filter(|l| l.fate == Fate::Refused).count();
    text + &match stops {
        0 => format!("{name}: ok\n"),
        1 => format!("{name}: valid kickstart; 1 line stops a build\n"),
        n => format!("{name}: valid kickstart; {n} lines stop a build\n"),
    }
}
