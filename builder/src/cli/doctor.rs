//! `imgbuild doctor`: whether this machine can build and run a lab.

mod checks;
mod finding;

use super::common::{Common, OUTPUT, StateArguments, json, print};
use crate::base::error::{Error, Result};
use crate::base::terminal;
use anstyle::{AnsiColor, Style};
use checks::CheckedPlaces;
use clap::Args;
use finding::{Finding, Grade};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Schema number of the JSON output.
const SCHEMA: u32 = 1;

#[derive(Args)]
pub struct DoctorArguments {
    /// The lab file; by default as for a build.
    #[arg(long, value_name = "FILE")]
    lab_file: Option<PathBuf>,
    /// Where images are to go.
    #[arg(short, long, default_value = OUTPUT, value_name = "DIR")]
    output: PathBuf,
    /// Print the findings as JSON, with a schema number.
    #[arg(short, long)]
    json: bool,
    #[command(flatten)]
    state: StateArguments,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    ok: bool,
    findings: &'a [Finding],
}

pub fn run(a: DoctorArguments) -> Result<()> {
    let places = CheckedPlaces {
        cache: a.common.cache()?,
        output: a.output,
        state: a.state.directory()?,
        lab_file: a.lab_file,
    };
    let findings = checks::all(&places)?;
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (failed, warned) = (count(Grade::Fail), count(Grade::Warn));
    let report = Report { schema: SCHEMA, ok: failed == 0, findings: &findings };
    print(&if a.json { json(&report) } else { text(&findings) })?;
    match failed {
        0 => Ok(()),
        _ => Err(Error::environment(format!(
            "{failed} of {} checks fail, {warned} warn",
            findings.len()
        ))),
    }
}

fn text(findings: &[Finding]) -> String {
    let coloured = terminal::has_colour(&std::io::stdout());
    let mut text = String::new();
    for Finding { name, grade, found, remedy } in findings {
        let colour = match grade {
            Grade::Ok => AnsiColor::Green,
            Grade::Warn => AnsiColor::Yellow,
            Grade::Fail => AnsiColor::Red,
        };
        let word = format!("{:<5}", grade.word());
        let word =
            terminal::styled(&word, Style::new().bold().fg_color(Some(colour.into())), coloured);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word} {name:<12} {}", terminal::printable(found));
        for line in remedy.iter().flat_map(|remedy| remedy.lines()) {
            let _ = writeln!(text, "{:19}{}", "", terminal::printable(line.trim_start()));
        }
    }
    text
}
