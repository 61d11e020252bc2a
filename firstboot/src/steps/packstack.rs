//! packstack, on the controller: OpenStack is installed by it once every compute is
//! ready. Its input is kept, so that it runs again only when that changes or
//! when it did not finish.

mod places;
mod puppets;
mod watch;

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::{Host, Program};
use crate::peers::computes::list_unready_computes;
use crate::services::answer_file::AnswerFile;
use crate::services::packstack::failure::explain;
use crate::services::packstack::wanted;
use contract::spec::{Spec, SpecPackstack};
pub(crate) use places::DIRECTORY;
use places::{GENERATED, IN_USE, JOB, KEPT, LOG, RC_FILE, RESULT};
use puppets::{find_stall, list_leftovers, log_in_everywhere};
use std::time::Duration;
use watch::RunResult;

/// Directories with programs, as seen from the node's root.
const BIN: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];
/// How long generating an answer file may take.
const GENERATE: Duration = Duration::from_secs(300);

/// The program that is packstack here, if there is one.
fn program(host: &Host, packstack: &SpecPackstack) -> Option<String> {
    let there = |path: &str| host.mode(path).ok().flatten().is_some_and(|mode| mode & 0o111 != 0);
    match &packstack.program {
        Some(path) => Some(path.clone()).filter(|path| there(path)),
        None => {
            BIN.iter().map(|directory| format!("{directory}/packstack")).find(|path| there(path))
        }
    }
}

/// Whether packstack is to run on this node.
pub(super) fn present(host: &Host, spec: &Spec) -> bool {
    spec.packstack.as_ref().is_some_and(|packstack| program(host, packstack).is_some())
}

/// The answer file of the last run, if one finished.
pub(crate) fn installed(host: &Host) -> Result<Option<AnswerFile>, Fault> {
    let ended =
        host.read(RESULT)?.is_some_and(|text| serde_json::from_str::<RunResult>(&text).is_ok());
    if !ended || host.mode(RC_FILE)?.is_none() {
        return Ok(None);
    }
    let Some(text) = host.read(KEPT)? else { return Ok(None) };
    let file = AnswerFile::parse(text.as_bytes());
    file.secrets().iter().for_each(|secret| host.keep_secret(secret));
    Ok(Some(file))
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let Some(packstack) = &spec.packstack else {
        return Ok(CheckOutcome::Skipped("the spec has no [packstack]".to_owned()));
    };
    if !host.live() {
        return Ok(CheckOutcome::Skipped("packstack runs on the running node".to_owned()));
    }
    let Some(program) = program(host, packstack) else {
        let medium = if spec.image.practice { "the practice medium has" } else { "there is" };
        let missing = packstack.program.as_deref().unwrap_or("packstack");
        return Ok(CheckOutcome::Skipped(format!(
            "{medium} no {missing}, so OpenStack is not installed on this node"
        )));
    };
    let wanted = wanted(host, packstack)?;
    if let Some(other) = watch::adopt(host)? {
        return Ok(other);
    }
    let stall = find_stall(packstack);
    if let Some(state) = watch::watch(host, spec, stall)? {
        return Ok(state);
    }
    if installed(host)?.is_some_and(|file| file.holds(&wanted)) {
        let double =
            packstack.program.as_ref().map_or("", |_| ", which stands in packstack's place");
        return Ok(CheckOutcome::Met(format!("OpenStack was installed by {program}{double}")));
    }
    let missing = list_unready_computes(host, spec);
    if !missing.is_empty() {
        return Ok(CheckOutcome::Waiting(format!(
            "every compute to be ready: {}",
            missing.join("; ")
        )));
    }
    let leftovers = list_leftovers(host, spec, stall);
    if !leftovers.is_empty() {
        let text = format!("puppet of an earlier packstack to end: {}", leftovers.join("; "));
        return Ok(CheckOutcome::Waiting(text));
    }
    let last = host.follow_job(JOB, |_| 0, |job, _| (job.lines.clone(), job.ended.flatten()))?;
    if let Some((lines, code)) = last {
        // packstack has put passwords of its own into the file in use.
        watch::keep_secrets(host)?;
        return Ok(CheckOutcome::Failed(explain(host, spec, &lines, code)));
    }
    Ok(CheckOutcome::Unmet(match host.mode(RC_FILE)? {
        None if host.mode(RESULT)?.is_some() => {
            format!("packstack succeeded, but {RC_FILE} does not exist")
        }
        _ => "OpenStack is not installed as the spec says".to_owned(),
    }))
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    let Some((packstack, program)) =
        spec.packstack.as_ref().and_then(|p| Some((p, program(host, p)?)))
    else {
        return Err(Fault::new("there is no packstack on this node"));
    };
    let wanted = wanted(host, packstack)?;
    host.end_job(JOB);
    host.make_private(DIRECTORY)?;
    host.forget_answers();
    let reached = log_in_everywhere(host, spec, packstack.program.is_none())?;
    host.note_output(JOB, &format!("{reached} hosts accept root's key, and no puppet runs there"));
    // From here until its end the last result does not hold, nor does the last output.
    host.remove(LOG)?;
    host.remove(RESULT)?;
    let mut file = match host.read(KEPT)? {
        // Its passwords are those of the databases that already exist.
        Some(text) => AnswerFile::parse(text.as_bytes()),
        None => generate(host, &program)?,
    };
    let changed = file.apply(&wanted);
    file.secrets().iter().for_each(|secret| host.keep_secret(secret));
    host.write(KEPT, &file.to_bytes(), 0o600)?;
    host.write(IN_USE, &file.to_bytes(), 0o600)?;
    let run = Program::new(&program).arg(&format!("--answer-file={IN_USE}"));
    host.start_job(JOB, &run, LOG)?;
    let keys = if changed.is_empty() { "no key".to_owned() } else { changed.join(", ") };
    Ok(vec![format!("answer file: {keys}"), "packstack was run".to_owned()])
}

/// Has packstack make an answer file with passwords of its own.
fn generate(host: &Host, program: &str) -> Result<AnswerFile, Fault> {
    let option = format!("--gen-answer-file={GENERATED}");
    host.run_checked(&Program::new(program).arg(&option).time_limit(GENERATE))?;
    let text = host.read(GENERATED)?.unwrap_or_default();
    let file = AnswerFile::parse(text.as_bytes());
    file.check_readable().map_err(|why| {
        Fault::new(format!("`{program} {option}` wrote no answer file: {why}"))
            .hint("it needs a running sshd; run it by hand to see its output")
    })?;
    Ok(file)
}

/// Ends a run that takes too long, with what it left on the hosts.
pub(super) fn give_up(host: &Host, spec: &Spec) {
    if let Some(packstack) = &spec.packstack {
        watch::give_up(host, spec, find_stall(packstack));
    }
}
