//! Chrony: chronyd is configured with the lab's servers, runs, and has selected one
//! of them as its source.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::{Host, Output, Program};
use crate::services::chrony::{self, CONF, NoSources, TimeSource};
use crate::services::systemd;
use contract::spec::Spec;
use std::net::Ipv4Addr;

/// chronyd's unit on CentOS 7.
const UNIT: &str = "chronyd";

/// The servers in words.
pub(super) fn servers(spec: &Spec) -> String {
    let servers: Vec<String> = spec.network.ntp.iter().map(Ipv4Addr::to_string).collect();
    servers.join(" or ")
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    let conf = host.read(CONF)?.unwrap_or_default();
    if !chrony::conf_holds(&conf, &spec.network.ntp) {
        return Ok(CheckOutcome::Unmet(format!("{CONF} does not name exactly {}", servers(spec))));
    }
    if !host.live() {
        return Ok(CheckOutcome::Skipped(format!(
            "{CONF} is right; only a running node has a clock"
        )));
    }
    let sources = match ask_sources(host)? {
        Ok(sources) => sources,
        Err(refusal) => {
            let unit = systemd::show_one(host, UNIT)?;
            return Ok(if unit.running() || unit.changing() {
                CheckOutcome::Waiting(format!("chronyd to answer chronyc ({refusal})"))
            } else {
                CheckOutcome::Unmet(format!("chronyd is {}", unit.state()))
            });
        }
    };
    Ok(judge(&sources, spec))
}

fn judge(sources: &[TimeSource], spec: &Spec) -> CheckOutcome {
    let ours = |source: &TimeSource| {
        source.name.parse().is_ok_and(|address: Ipv4Addr| spec.network.ntp.contains(&address))
    };
    let known: Vec<&TimeSource> = sources.iter().filter(|source| ours(source)).collect();
    if known.len() < spec.network.ntp.len() {
        let count = sources.len();
        return CheckOutcome::Unmet(format!(
            "the running chronyd does not ask {} (it has {count} sources): it has not read its \
             configuration",
            servers(spec)
        ));
    }
    match sources.iter().find(|source| source.selected()) {
        Some(source) => CheckOutcome::Met(format!(
            "the clock follows {} (stratum {}), offset {:+.6} s",
            source.name, source.stratum, source.offset
        )),
        None => {
            let answers: Vec<String> = sources.iter().map(TimeSource::to_string).collect();
            let answers = answers.join("; ");
            CheckOutcome::Waiting(format!("chronyd to select a source ({answers})"))
        }
    }
}

/// Asks chronyd for its sources; the inner error is chronyc's refusal.
fn ask_sources(host: &Host) -> Result<Result<Vec<TimeSource>, NoSources>, Fault> {
    let output = chronyc(host, &["-c", "-n", "sources"])?;
    if output.ok() {
        return Ok(chrony::parse_csv(&output.stdout));
    }
    // chronyc before 2.3 does not know -c and shows how it is used.
    let old = format!("{}{}", output.stdout, output.stderr).to_ascii_lowercase();
    if old.contains("usage") || old.contains("option") {
        let output = chronyc(host, &["-n", "sources"])?;
        return Ok(if output.ok() {
            chrony::parse_table(&output.stdout)
        } else {
            Err(NoSources(output.summary()))
        });
    }
    Ok(Err(NoSources(output.summary())))
}

fn chronyc(host: &Host, args: &[&str]) -> Result<Output, Fault> {
    host.run(&Program::new("chronyc").args(args.iter().copied()))
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    let conf = host.read(CONF)?.unwrap_or_default();
    if !chrony::conf_holds(&conf, &spec.network.ntp) {
        let new = chrony::conf_with(&conf, &spec.network.ntp);
        host.write(CONF, new.as_bytes(), 0o644)?;
        changes.push(CONF.to_owned());
    }
    if host.live() {
        changes.push(systemd::change(host, "restart", UNIT)?);
    }
    Ok(changes)
}
