//! A run of packstack under way: its progress, that it hangs, its end.

use super::places::{IN_USE, JOB, KEPT, LOG, RESULT};
use super::puppets::{self, Puppet};
use crate::host::followed::plain_lines;
use crate::host::{Fault, Host};
use crate::peers::computes::list_silent_computes;
use crate::services::answer_file::AnswerFile;
use crate::services::packstack::evidence::{describe_host, name_host};
use crate::services::packstack::failure::is_success;
use crate::services::packstack::logs;
use crate::steps::outcome::CheckOutcome;
use contract::spec::Spec;
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// puppet's words of so many hosts fit into a status.
const MAX_NOTICES: usize = 3;

/// The record of a finished run.
#[derive(Serialize, Deserialize)]
pub(super) struct RunResult {
    /// When (RFC 3339, UTC).
    ended: String,
}

/// A run as it is now.
struct Progress {
    /// What it printed.
    lines: Vec<String>,
    /// Its exit code, `None` if that is not known; the outer `None` while it runs.
    ended: Option<Option<i32>>,
    /// For how long there has been no news.
    silent: Duration,
    /// puppet on the hosts at work.
    puppets: Vec<Puppet>,
}

/// Takes over a run that an earlier firstboot started: one that goes on is watched, one that
/// has succeeded since is recorded. What is waited for, if it cannot be taken over.
pub(super) fn adopt(host: &Host) -> Result<Option<CheckOutcome>, Fault> {
    let known = host.job_runs(JOB);
    if known == Some(true) {
        return Ok(None);
    }
    let argument = format!("--answer-file={IN_USE}");
    let running = logs::find_process(host, &argument)?;
    let ours = host.mode(LOG)?.is_some();
    if let Some(id) = running {
        keep_secrets(host)?;
        // It may just have ended.
        if known.is_some() || !ours || host.adopt_job(JOB, id, LOG).is_err() {
            let text = format!("another packstack to end (process {id})");
            return Ok(Some(CheckOutcome::Waiting(text)));
        }
        host.note_output(JOB, &format!("process {id} of an earlier firstboot is taken over"));
    } else if known.is_none() && ours && host.mode(RESULT)?.is_none() {
        let printed = host.read_end(LOG)?.unwrap_or_default();
        if is_success(&plain_lines(printed.as_bytes()), None) {
            host.note_output(JOB, "it succeeded while firstboot was away");
            record_success(host)?;
        }
    }
    Ok(None)
}

/// Keeps the values of the answer files from being shown.
pub(super) fn keep_secrets(host: &Host) -> Result<(), Fault> {
    for path in [KEPT, IN_USE] {
        let text = host.read(path)?.unwrap_or_default();
        let secrets = AnswerFile::parse(text.as_bytes()).secrets();
        secrets.iter().for_each(|secret| host.keep_secret(secret));
    }
    Ok(())
}

fn record_success(host: &Host) -> Result<(), Fault> {
    let ended = contract::time::rfc3339(host.clock().wall());
    let text = serde_json::to_string(&RunResult { ended }).unwrap_or_default();
    Ok(host.write(RESULT, text.as_bytes(), 0o600)?)
}

/// The status of a run under way; `None` if there is none, or it has ended.
pub(super) fn watch(
    host: &Host,
    spec: &Spec,
    stall: Duration,
) -> Result<Option<CheckOutcome>, Fault> {
    let Some(progress) = look(host, spec, stall)? else { return Ok(None) };
    if let Some(code) = progress.ended {
        if is_success(&progress.lines, code) {
            host.end_job(JOB);
            record_success(host)?;
        }
        return Ok(None);
    }
    // A host that goes away makes packstack wait indefinitely, as does a puppet that ends
    // without leaving its log.
    let silent = progress.silent;
    let lost = if silent >= stall / 8 { list_silent_computes(host, spec) } else { Vec::new() };
    let idle = progress.list_idle_hosts(spec);
    let sure = (!lost.is_empty() || !idle.is_empty()) && silent >= stall / 4;
    if sure || silent >= stall {
        let why = [lost, idle].concat();
        end_hanging(host, spec, &progress, &why)?;
        return Ok(None);
    }
    let mut notices = progress.list_notices(spec);
    notices.truncate(MAX_NOTICES);
    let more = [notices, lost].concat();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
    let at = progress.last_line();
    Ok(Some(CheckOutcome::Waiting(format!("packstack, which is at `{at}`{more}"))))
}

/// The run under way, if there is one.
fn look(host: &Host, spec: &Spec, stall: Duration) -> Result<Option<Progress>, Fault> {
    let latest = logs::fingerprint(host)?;
    let mut puppets = Vec::new();
    let fingerprint = |lines: &[String]| {
        puppets = puppets::look_at_work(host, spec, lines, stall);
        let mut hasher = DefaultHasher::new();
        latest.hash(&mut hasher);
        puppets.iter().for_each(|puppet| puppet.text.hash(&mut hasher));
        hasher.finish()
    };
    let seen =
        host.follow_job(JOB, fingerprint, |job, silent| (job.lines.clone(), job.ended, silent))?;
    Ok(seen.map(|(lines, ended, silent)| Progress { lines, ended, silent, puppets }))
}

impl Progress {
    fn last_line(&self) -> &str {
        self.lines.last().map_or("its beginning", String::as_str)
    }

    /// The hosts at work on which no puppet runs, in words; none while one is at work.
    fn list_idle_hosts(&self, spec: &Spec) -> Vec<String> {
        let is_idle = |puppet: &Puppet| {
            puppet.report.as_ref().is_some_and(|report| report.processes.is_empty())
        };
        if !self.puppets.iter().all(is_idle) {
            return Vec::new();
        }
        let place = |puppet: &Puppet| describe_host(spec, puppet.address);
        self.puppets.iter().map(|p| format!("no puppet runs on {} any more", place(p))).collect()
    }

    /// What puppet said last on each host at work.
    fn list_notices(&self, spec: &Spec) -> Vec<String> {
        let notice = |puppet: &Puppet| {
            let notice = puppet.report.as_ref()?.notice.as_ref()?;
            Some(format!("puppet on {}: `{notice}`", name_host(spec, puppet.address)))
        };
        self.puppets.iter().filter_map(notice).collect()
    }
}

/// Ends a run that hangs, with what it left on the hosts.
fn end_hanging(host: &Host, spec: &Spec, progress: &Progress, why: &[String]) -> Result<(), Fault> {
    let notices = progress.list_notices(spec);
    let why: Vec<String> = why.iter().chain(&notices).map(|why| format!("; {why}")).collect();
    let line = format!(
        "ERROR : it hangs: nothing new for {} s after `{}`{}; ended by firstboot",
        progress.silent.as_secs(),
        progress.last_line(),
        why.concat()
    );
    host.note_output(JOB, &line);
    host.follow_job(
        JOB,
        |_| 0,
        |job, _| {
            job.kill();
            job.lines.push(line);
        },
    )?;
    end_puppets(host, spec, &progress.puppets);
    Ok(())
}

/// Ends puppet where it was last seen running.
fn end_puppets(host: &Host, spec: &Spec, puppets: &[Puppet]) {
    for puppet in puppets {
        if puppet.report.as_ref().is_some_and(|report| !report.processes.is_empty()) {
            puppets::end(host, spec, puppet.address, "belongs to a run that was ended");
        }
    }
}

/// Ends a run that takes too long.
pub(super) fn give_up(host: &Host, spec: &Spec, stall: Duration) {
    let progress = look(host, spec, stall);
    host.end_job(JOB);
    if let Ok(Some(progress)) = progress {
        end_puppets(host, spec, &progress.puppets);
    }
}
