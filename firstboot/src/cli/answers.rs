//! `firstboot answers`: edits a generated answer file, and does nothing else.

use super::exit_codes::{CONFIG, INPUT, IO, READY};
use super::output::complain;
use super::root::Root;
use crate::host::{Host, files};
use crate::services::answer_file::AnswerFile;
use crate::services::packstack::wanted;
use clap::Args;
use contract::answers::ADMIN_PASSWORD;
use contract::spec::Spec;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Answers {
    /// The controller's node spec.
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// The answer file that packstack generated.
    #[arg(long = "in", value_name = "GENERATED")]
    input: PathBuf,
    /// Where the edited file goes, readable by its owner only; it may be the same file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Below this directory is the password file that the spec names.
    #[command(flatten)]
    root: Root,
}

pub(super) fn edit_file(args: &Answers) -> u8 {
    match edit(&args.root.host(), args) {
        Ok(report) => {
            // A closed pipe takes nothing away from the file.
            let _ = std::io::stdout().write_all(report.as_bytes());
            READY
        }
        Err((code, message)) => {
            complain(&message);
            code
        }
    }
}

fn edit(host: &Host, args: &Answers) -> Result<String, (u8, String)> {
    let spec = Spec::parse(&String::from_utf8_lossy(&read(&args.spec)?))
        .map_err(|error| (CONFIG, format!("{}: {error}", args.spec.display())))?;
    let Some(packstack) = &spec.packstack else {
        let why = "this node does not run packstack: its spec has no [packstack]";
        return Err((CONFIG, format!("{}: {why}", args.spec.display())));
    };
    let wanted = wanted(host, packstack).map_err(|fault| (CONFIG, fault.to_string()))?;
    let mut file = AnswerFile::parse(&read(&args.input)?);
    file.check_readable().map_err(|why| {
        let hint = "packstack cannot read it; `packstack --gen-answer-file=FILE` writes one";
        (INPUT, format!("{}: {why}\n{hint}", args.input.display()))
    })?;
    for oddity in file.list_oddities() {
        complain(&format!("warning: {}: {oddity}", args.input.display()));
    }
    let changed = file.apply(&wanted);
    files::write_atomic(&args.out, &file.to_bytes(), 0o600)
        .map_err(|error| (IO, format!("{}: {error}", args.out.display())))?;
    let mut report: String = changed.iter().map(|key| format!("{key}\n")).collect();
    if !wanted.contains_key(ADMIN_PASSWORD) {
        let path = &packstack.admin_password_file;
        report += &format!("({path} does not exist: {ADMIN_PASSWORD} stays as generated)\n");
    }
    Ok(report)
}

fn read(path: &Path) -> Result<Vec<u8>, (u8, String)> {
    let named = |why: String| (INPUT, format!("{}: {why}", path.display()));
    let bytes = files::read(path).map_err(|error| named(error.to_string()))?;
    bytes.ok_or_else(|| named("it does not exist".to_owned()))
}
