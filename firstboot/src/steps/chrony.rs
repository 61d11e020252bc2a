//! Chrony: chronyd is configured with the lab's servers, runs, and has selected one
//! of them as its source.

use super::{Fault, State};
use crate::chrony::{self, CONF, Source};
use crate::host::{Host, Output, Program};
use crate::systemd;
use contract::spec::Spec;
use std::net::Ipv4Addr;

/// chronyd's unit on CentOS 7.
const UNIT: &str = "chronyd";

/// The servers in words.
pub(super) fn servers(spec: &Spec) -> String {
    let servers: Vec<String> = spec.network.ntp.iter().map(Ipv4Addr::to_string).collect();
    servers.join(" or ")
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<State, Fault> {
    let conf = host.read(CONF)?.unwrap_or_default();
    if !chrony::conf_holds(&conf, &spec.network.ntp) {
        return Ok(State::Unmet(format!("{CONF} does not name exactly {}", servers(spec))));
    }
    if !host.live() {
        return Ok(State::Skipped(format!("{CONF} is right; only a running node has a clock")));
    }
    let sources = match ask(host)? {
        Ok(sources) => sources,
        Err(refusal) => {
            let unit = systemd::show_one(host, UNIT)?;
            return Ok(if unit.running() || unit.changing() {
                State::Waiting(format!("chronyd to answer chronyc ({refusal})"))
            } else {
                State::Unmet(format!("chronyd is {}", unit.state()))
            });
        }
    };
    Ok(judge(&sources, spec))
}

fn judge(sources: &[Source], spec: &Spec) -> State {
    let ours = |source: &Source| {
        source.name.parse().is_ok_and(|address: Ipv4Addr| spec.network.ntp.contains(&address))
    };
    let known: Vec<&Source> = sources.iter().filter(|source| ours(source)).collect();
    if known.len() < spec.network.ntp.len() {
        let count = sources.len();
        return State::Unmet(format!(
            "the running chronyd does not ask {} (it has {count} sources): it has not read its \
             configuration",
            servers(spec)
        ));
    }
    match sources.iter().find(|source| source.selected()) {
        Some(source) => State::Met(format!(
            "the clock follows {} (stratum {}), offset {:+.6} s",
            source.name, source.stratum, source.offset
        )),
        None => {
            let answers: Vec<String> = sources.iter().map(Source::to_string).collect();
            let answers = answers.join("; ");
            State::Waiting(format!("chronyd to select a source ({answers})"))
        }
    }
}

/// Asks chronyd for its sources; the inner error is chronyc's refusal.
fn ask(host: &Host) -> Result<Result<Vec<Source>, String>, Fault> {
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
            Err(output.summary())
        });
    }
    Ok(Err(output.summary()))
}

fn chronyc(host: &Host, args: &[&str]) -> Result<Output, Fault> {
    Fault::of_run(host, &Program::new("chronyc").args(args.iter().copied()))
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
