//! `imgbuild smoke`: proves the lab's cloud, from here.

use super::common::{StateArguments, print};
use super::reach::Identity;
use crate::base::error::{Context, Error, Result};
use crate::lab::vm;
use clap::Args;
use contract::proof::{Line, LineOutcome};
use std::io::{BufRead, BufReader, Write};
use std::process::{ExitStatus, Stdio};

/// ssh's port.
const SSH: u16 = 22;
/// ssh ends with this code when it fails itself.
const NO_LOGIN: i32 = 255;
/// A shell's exit code where the program does not exist.
const NO_PROGRAM: i32 = 127;

#[derive(Args)]
pub struct Smoke {
    /// Print each line as JSON, as `firstboot prove --json` does.
    #[arg(short, long)]
    json: bool,
    /// Leave what was made in the cloud.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    identity: Identity,
    /// The lab, if there are several.
    #[arg(long, value_name = "NAME")]
    lab: Option<String>,
    #[command(flatten)]
    place: StateArguments,
}

pub fn run(a: Smoke) -> Result<()> {
    let (base, lab) = (a.place.directory()?, a.lab.as_deref());
    let (_, way) = vm::way(&base, lab, None, SSH)?;
    let mut words: Vec<String> = ["firstboot", "prove", "--json"].map(str::to_owned).into();
    words.extend(a.keep.then(|| "--keep".to_owned()));
    let mut ssh = vm::ssh(&base, lab, &way.node, a.identity.path(), &words)?;
    let mut child = ssh
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .or_environment(|| "cannot start ssh (package openssh-client)".to_owned())?;
    let mut outcomes = Vec::new();
    if let Some(lines) = child.stdout.take() {
        for text in BufReader::new(lines).lines() {
            let text = text.or_environment(|| "cannot read what ssh prints".to_owned())?;
            outcomes.extend(show(&text, a.json)?);
        }
    }
    let status = child.wait().or_environment(|| "cannot wait for ssh".to_owned())?;
    conclude(&way.node, status, &outcomes)
}

/// Prints a line, and says how it ended; what is not a line of a proof is printed as it is.
fn show(text: &str, json: bool) -> Result<Option<LineOutcome>> {
    let line: Option<Line> = serde_json::from_str(text).ok();
    match &line {
        Some(line) if !json => print(&line.to_text())?,
        _ => print(&format!("{text}\n"))?,
    }
    // Each is waited for.
    std::io::stdout().flush().or_environment(|| "cannot write to standard output".to_owned())?;
    Ok(line.map(|line| line.outcome))
}

fn conclude(node: &str, status: ExitStatus, outcomes: &[LineOutcome]) -> Result<()> {
    let failed = outcomes.iter().filter(|one| **one == LineOutcome::Failed).count();
    match status.code() {
        Some(0) if !outcomes.is_empty() => Ok(()),
        Some(1) if failed > 0 => {
            Err(Error::build(format!("{failed} of {} lines of the proof failed", outcomes.len()))
                .hint("each has its own hint above"))
        }
        Some(NO_LOGIN) | None => Err(Error::environment(format!(
            "{node} does not let us in by ssh, or the connection broke"
        ))
        .hint(format!("`imgbuild status`, and `imgbuild ssh {node}`"))),
        Some(NO_PROGRAM) => Err(Error::environment(format!("{node} has no firstboot"))
            .hint("its image has none: build it with firstboot, the default")),
        Some(2 | 64) => Err(Error::environment(format!(
            "the firstboot of {node} cannot prove a cloud: it is older than this imgbuild"
        ))
        .hint("build the images again")),
        Some(_) => Err(Error::environment(format!("{node} has no cloud that can be proven"))
            .hint("`imgbuild watch` shows how far it is")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_end_is_told_by_lines_and_exit_code() {
        let conclude = |code: i32, outcomes: &[LineOutcome]| {
            let ended = conclude("openstack", ExitStatus::from_raw(code << 8), outcomes);
            ended.map_err(|error| error.to_string())
        };
        use LineOutcome::{Failed, Ok as Good};
        assert_eq!(conclude(0, &[Good]), Ok(()));
        let said = |code, outcomes| conclude(code, outcomes).unwrap_err();
        assert!(said(1, &[Good, Failed]).contains("1 of 2 lines"));
        assert!(said(255, &[]).contains("does not let us in"));
        assert!(said(127, &[]).contains("has no firstboot"));
        assert!(said(65, &[]).contains("no cloud"));
        assert!(said(0, &[]).contains("no cloud"));
    }
}
