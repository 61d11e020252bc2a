//! packstack, on the controller: OpenStack is installed by it once every compute is
//! ready. Its input is kept, so that it runs again only when that changes or
//! when it did not finish.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::{Host, Program};
use crate::peers::computes::{list_silent_computes, list_unready_computes};
use crate::services::answer_file::AnswerFile;
use crate::services::packstack::failure::{explain, is_success};
use crate::services::packstack::{logs, wanted};
use contract::node_files;
use contract::spec::{Spec, SpecPackstack};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The job's name.
const JOB: &str = "packstack";
/// The private directory (mode 0700) of what follows.
pub(crate) const DIRECTORY: &str = "/var/lib/firstboot/packstack";
/// The file as packstack generated it.
const GENERATED: &str = "/var/lib/firstboot/packstack/generated.txt";
/// The file with our keys, as it was before the last run.
const KEPT: &str = "/var/lib/firstboot/packstack/answers.txt";
/// The file that packstack is given, and rewrites.
const IN_USE: &str = "/var/lib/firstboot/packstack/in-use.txt";
/// Its output.
const LOG: &str = "/var/lib/firstboot/packstack/output.log";
/// That it finished.
const RESULT: &str = "/var/lib/firstboot/packstack/result.json";
/// What packstack leaves on the controller.
const RC_FILE: &str = "/root/keystonerc_admin";
/// Directories with programs, as seen from the node's root.
const BIN: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];
/// How long generating an answer file may take.
const GENERATE: Duration = Duration::from_secs(300);
/// How long one host may take to let us in.
const LOGIN: Duration = Duration::from_secs(30);
/// Without news for this long it hangs; one of Newton's manifests can take half an hour
/// on a slow machine.
const STALL: Duration = Duration::from_secs(45 * 60);

/// The record of a finished run.
#[derive(Serialize, Deserialize)]
struct RunResult {
    /// When (RFC 3339, UTC).
    ended: String,
}

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
pub(super) fn installed(host: &Host) -> Result<Option<AnswerFile>, Fault> {
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
    if let Some(state) = watch(host, spec, packstack)? {
        return Ok(state);
    }
    if let Some(process) = logs::process_with(host, IN_USE)? {
        let text = format!("another packstack to end (process {process})");
        return Ok(CheckOutcome::Waiting(text));
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
    let last = host.follow_job(JOB, 0, |job, _| (job.lines.clone(), job.ended.flatten()))?;
    if let Some((lines, code)) = last {
        return Ok(CheckOutcome::Failed(explain(host, spec, &lines, code)));
    }
    Ok(CheckOutcome::Unmet(match host.mode(RC_FILE)? {
        None if host.mode(RESULT)?.is_some() => {
            format!("packstack succeeded, but {RC_FILE} does not exist")
        }
        _ => "OpenStack is not installed as the spec says".to_owned(),
    }))
}

/// The status of a run under way; `None` if there is none, or it failed.
fn watch(
    host: &Host,
    spec: &Spec,
    packstack: &SpecPackstack,
) -> Result<Option<CheckOutcome>, Fault> {
    let stall = packstack.stall_seconds.map_or(STALL, Duration::from_secs);
    let latest = logs::fingerprint(host)?;
    let seen = host.follow_job(JOB, latest, |job, silent| {
        let at = job.lines.last().cloned().unwrap_or_else(|| "its beginning".to_owned());
        let whole = job.ended.is_some_and(|code| is_success(&job.lines, code));
        (job.ended, at, whole, silent)
    })?;
    let Some((ended, at, whole, silent)) = seen else { return Ok(None) };
    if ended.is_some() {
        if whole {
            host.end_job(JOB);
            let ended = contract::time::rfc3339(host.clock().wall());
            let text = serde_json::to_string(&RunResult { ended }).unwrap_or_default();
            host.write(RESULT, text.as_bytes(), 0o600)?;
        }
        return Ok(None);
    }
    // A host that goes away makes packstack wait indefinitely.
    let lost = if silent >= stall / 8 { list_silent_computes(host, spec) } else { Vec::new() };
    if silent >= stall || (!lost.is_empty() && silent >= stall / 4) {
        let why = if lost.is_empty() { String::new() } else { format!("; {}", lost.join("; ")) };
        let line = format!(
            "ERROR : it hangs: nothing new for {} s after `{at}`{why}; ended by firstboot",
            silent.as_secs()
        );
        host.note_output(JOB, &line);
        host.follow_job(JOB, latest, |job, _| {
            job.kill();
            job.lines.push(line);
        })?;
        return Ok(None);
    }
    let lost = if lost.is_empty() { String::new() } else { format!(" ({})", lost.join("; ")) };
    Ok(Some(CheckOutcome::Waiting(format!("packstack, which is at `{at}`{lost}"))))
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
    if packstack.program.is_none() {
        let reached = log_in_everywhere(host, spec)?;
        host.note_output(JOB, &format!("{reached} hosts accept root's key"));
    }
    // From here until its end the last result does not hold.
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

/// Logs in on every host as packstack will; how many there are.
fn log_in_everywhere(host: &Host, spec: &Spec) -> Result<usize, Fault> {
    for one in &spec.hosts {
        let target = format!("root@{}", one.address);
        let program = Program::new("ssh")
            .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"])
            .args(["-o", "StrictHostKeyChecking=no", &target, "true"])
            .time_limit(LOGIN);
        let output = host.run(&program)?;
        if !output.ok() {
            let (key, list) = (node_files::ROOT_KEY, node_files::AUTHORIZED_KEYS);
            return Err(Fault::new(format!(
                "{} does not accept root's key ({})",
                one.name,
                output.summary()
            ))
            .hint(format!("put the public part of {key} into {list} of {}", one.name)));
        }
    }
    Ok(spec.hosts.len())
}

/// Ends a run that takes too long.
pub(super) fn give_up(host: &Host) {
    host.end_job(JOB);
}
