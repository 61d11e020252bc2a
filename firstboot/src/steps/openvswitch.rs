//! Open vSwitch, on nodes whose services name it: its database and switch answer.

use super::{Fault, State};
use crate::host::{Host, Output, Program};
use crate::spec::Spec;
use crate::systemd;

/// Units that start Open vSwitch: CentOS's (SysV or native) and Debian's.
const UNITS: [&str; 4] = ["openvswitch", "openvswitch-switch", "ovs-vswitchd", "ovsdb-server"];

/// Whether the spec's services name Open vSwitch.
pub(super) fn wanted(spec: &Spec) -> bool {
    unit(spec).is_some()
}

fn unit(spec: &Spec) -> Option<&str> {
    let bare = |unit: &str| unit.strip_suffix(".service").unwrap_or(unit).to_owned();
    let known = |unit: &&String| UNITS.contains(&bare(unit).as_str());
    spec.services.enabled.iter().find(known).map(String::as_str)
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<State, Fault> {
    if !host.live() {
        return Ok(State::Skipped("Open vSwitch runs on the running node".to_owned()));
    }
    let bridges = ask(host, &["list-br"])?;
    if !bridges.ok() {
        let unit = systemd::show_one(host, unit(spec).unwrap_or(UNITS[0]))?;
        return Ok(if unit.running() || unit.changing() {
            State::Waiting(format!("the OVS database to answer ({})", bridges.summary()))
        } else {
            State::Unmet(format!("{} is {}", unit.name, unit.state()))
        });
    }
    let program = Program::new("ovs-appctl").args(["--timeout=5", "version"]);
    let switch = Fault::of_run(host, &program)?;
    if !switch.ok() {
        return Ok(State::Waiting(format!("ovs-vswitchd to answer ({})", switch.summary())));
    }
    let version = switch.stdout.lines().next().unwrap_or("ovs-vswitchd");
    let names: Vec<&str> = bridges.stdout.split_whitespace().collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Ok(State::Met(format!("{version} answers, bridges: {names}")))
}

fn ask(host: &Host, args: &[&str]) -> Result<Output, Fault> {
    let program = Program::new("ovs-vsctl").arg("--timeout=5").args(args.iter().copied());
    Fault::of_run(host, &program)
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    Ok(vec![systemd::change(host, "start", unit(spec).unwrap_or(UNITS[0]))?])
}
