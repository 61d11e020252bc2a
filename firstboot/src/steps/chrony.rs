//! Chrony: chronyd is configured with the lab's servers, runs, and has selected one
//! of them as its source.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::{Host, Output, Program};
use crate::services::chrony::{self, CONF, NoSources, TimeSource};
use crate::services::systemd;
use contract::spec::{Spec, TimeServer};
use std::net::Ipv4Addr;

/// chronyd's unit on CentOS 7.
const UNIT: &str = "chronyd";

/// The servers in words.
pub(super) fn servers(spec: &Spec) -> String {
    let servers: Vec<String> = spec.network.ntp.iter().map(TimeServer::to_string).collect();
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
    let wanted: Vec<Ipv4Addr> = spec.network.ntp.iter().filter_map(TimeServer::address).collect();
    let is_wanted = |source: &&TimeSource| {
        source.name.parse().is_ok_and(|address: Ipv4Addr| wanted.contains(&address))
    };
    let count = sources.len();
    let known = sources.iter().filter(is_wanted).count();
    if known < wanted.len() {
        return CheckOutcome::Unmet(format!(
            "the running chronyd does not ask {} (it has {count} sources): it has not read its \
             configuration",
            servers(spec)
        ));
    }
    // chronyd has no source of a name before the name server answers.
    let mut named = spec.network.ntp.iter().filter(|server| server.address().is_none());
    if let Some(name) = named.next().filter(|_| count == known) {
        return CheckOutcome::Waiting(format!("the name server to know {name}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ntp: &[&str], replies: &str) -> CheckOutcome {
        let spec = include_str!("../../examples/controller.spec.toml");
        let mut spec = Spec::parse(spec).unwrap();
        spec.network.ntp = ntp.iter().map(|server| server.parse().unwrap()).collect();
        judge(&chrony::parse_csv(replies).unwrap(), &spec)
    }

    /// chronyc shows addresses only, and nothing of a name that is not resolved yet.
    #[test]
    fn servers_by_name_are_waited_for() {
        let source = |name: &str, state| format!("^,{state},{name},2,6,377,5,0.0,0.0,0.0\n");
        let names = ["ntp.example.com", "pool 2.centos.pool.ntp.org"];
        assert_eq!(
            judged(&names, ""),
            CheckOutcome::Waiting("the name server to know ntp.example.com".into())
        );
        let selected = source("192.0.2.9", '*');
        assert!(matches!(judged(&names, &selected), CheckOutcome::Met(_)));
        let both = ["192.0.2.1", "ntp.example.com"];
        assert!(matches!(judged(&both, &selected), CheckOutcome::Unmet(_)));
        let one = source("192.0.2.1", '*');
        assert!(matches!(judged(&both, &one), CheckOutcome::Waiting(_)));
        assert!(matches!(judged(&both, &(one + &source("192.0.2.9", '+'))), CheckOutcome::Met(_)));
    }
}
