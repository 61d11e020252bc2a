//! Services: the spec's wanted units run and are enabled, the unwanted ones are
//! neither, if they exist at all.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::Host;
use crate::services::systemd::{self, Unit};
use contract::spec::Spec;

/// What is to be done about a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Enable,
    Start,
    Disable,
    Stop,
}

impl Change {
    fn verb(self) -> &'static str {
        match self {
            Change::Enable => "enable",
            Change::Start => "start",
            Change::Disable => "disable",
            Change::Stop => "stop",
        }
    }
}

/// The units compared with what is wanted.
#[derive(Default)]
struct Findings {
    /// Names with what to do and the state found.
    todo: Vec<(String, Change, String)>,
    /// Units whose state is about to change by itself.
    changing: Vec<String>,
    /// Wanted units that do not exist or are masked.
    absent: Vec<String>,
}

pub(super) fn check(host: &Host, spec: &Spec) -> Result<CheckOutcome, Fault> {
    if !host.live() {
        return Ok(CheckOutcome::Skipped("units run on the running node".to_owned()));
    }
    let findings = compare_units(host, spec)?;
    if !findings.absent.is_empty() {
        let names = findings.absent.join(", ");
        let fault = Fault::new(format!("not on this node or masked: {names}"));
        return Ok(CheckOutcome::Impossible(fault.hint(
            "install the package that holds the unit (or `systemctl unmask` it), then \
             `systemctl restart firstboot`",
        )));
    }
    if !findings.todo.is_empty() {
        let wrong: Vec<String> = findings
            .todo
            .iter()
            .map(|(unit, change, state)| format!("{unit} is {state}: to {}", change.verb()))
            .collect();
        return Ok(CheckOutcome::Unmet(wrong.join("; ")));
    }
    if !findings.changing.is_empty() {
        return Ok(CheckOutcome::Waiting(format!("{} to settle", findings.changing.join(" "))));
    }
    let (on, off) = (spec.services.enabled.len(), spec.services.disabled.len());
    Ok(CheckOutcome::Met(format!("{on} units run and are enabled, {off} are off or absent")))
}

pub(super) fn apply(host: &Host, spec: &Spec) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    let mut failed: Option<Fault> = None;
    // One unit that does not start must not keep the others from being started.
    for (unit, change, _) in compare_units(host, spec)?.todo {
        match systemd::change(host, change.verb(), &unit) {
            Ok(done) => changes.push(done),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    failed.map_or(Ok(changes), Err)
}

fn compare_units(host: &Host, spec: &Spec) -> Result<Findings, Fault> {
    let services = &spec.services;
    let names: Vec<&str> =
        services.enabled.iter().chain(&services.disabled).map(String::as_str).collect();
    let units = systemd::show(host, &names)?;
    let mut findings = Findings::default();
    for (index, unit) in units.iter().enumerate() {
        let name = names[index];
        if index < services.enabled.len() {
            wanted(host, name, unit, &mut findings)?;
        } else {
            unwanted(host, name, unit, &mut findings)?;
        }
    }
    Ok(findings)
}

fn wanted(host: &Host, name: &str, unit: &Unit, findings: &mut Findings) -> Result<(), Fault> {
    if unit.load != "loaded" {
        findings.absent.push(format!("{name} ({})", unit.load));
        return Ok(());
    }
    if !systemd::enabled(host, name)? {
        findings.todo.push((name.to_owned(), Change::Enable, "disabled".to_owned()));
    }
    if unit.changing() {
        findings.changing.push(format!("{name}, which is {},", unit.state()));
    } else if !unit.running() {
        findings.todo.push((name.to_owned(), Change::Start, unit.state()));
    }
    Ok(())
}

fn unwanted(host: &Host, name: &str, unit: &Unit, findings: &mut Findings) -> Result<(), Fault> {
    if !unit.present() || unit.load == "masked" && !unit.running() {
        return Ok(());
    }
    if unit.load != "masked" && systemd::enabled(host, name)? {
        findings.todo.push((name.to_owned(), Change::Disable, "enabled".to_owned()));
    }
    if unit.running() || unit.changing() {
        findings.todo.push((name.to_owned(), Change::Stop, unit.state()));
    }
    Ok(())
}
