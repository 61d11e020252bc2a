//! systemd's units through systemctl, as versions 219 and later understand it.
//! SysV services (openvswitch, network on EL7) go the same way: systemctl hands
//! them to chkconfig and knows their state through generated units.

use crate::host::{Fault, Host, Output, Program};
use contract::spec::units::full_name;
use std::time::Duration;

/// Longest that a unit may take to start or stop.
const CHANGE: Duration = Duration::from_secs(150);
/// How many lines of a unit's journal are looked at, and how many of them a fault has.
const LOOKED_AT: &str = "50";
const SAID: usize = 8;

/// A unit's state as systemd has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Name with its suffix.
    pub name: String,
    /// `loaded`, `not-found`, `masked`, `error`.
    pub load: String,
    /// `active`, `activating`, `inactive`, `failed`, `deactivating`, `reloading`.
    pub active: String,
    /// The state in the unit type's own words, `running`, `exited`, `dead`.
    pub sub: String,
    /// Whether a job for it is queued or running: its start at boot, for instance.
    pub job: bool,
}

impl Unit {
    /// Whether there is such a unit.
    pub fn present(&self) -> bool {
        self.load != "not-found"
    }

    /// Whether it is running (or has done what it had to do).
    pub fn running(&self) -> bool {
        self.active == "active" || self.active == "reloading"
    }

    /// Whether its state is about to change by itself.
    pub fn changing(&self) -> bool {
        self.active == "activating" || self.active == "deactivating" || self.job
    }

    /// Its state as `systemctl status` shows it, `failed (failed)`.
    pub fn state(&self) -> String {
        format!("{} ({})", self.active, self.sub)
    }
}

/// The states of `units`, in their order.
///
/// # Errors
/// When systemctl cannot be run or does not answer for each of them.
pub fn show(host: &Host, units: &[&str]) -> Result<Vec<Unit>, Fault> {
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = units.iter().map(|unit| full_name(unit)).collect();
    let program = Program::new("systemctl")
        .args(["--no-pager", "show"])
        .args(["-p", "LoadState", "-p", "ActiveState", "-p", "SubState", "-p", "Job"])
        .args(names.iter().map(String::as_str));
    let output = host.run(&program)?;
    let blocks: Vec<&str> =
        output.stdout.split("\n\n").filter(|block| !block.trim().is_empty()).collect();
    if blocks.len() != names.len() {
        return Err(Fault::new(format!("`{program}` gave no usable answer: {}", output.summary())));
    }
    Ok(names.into_iter().zip(blocks).map(|(name, block)| parse(name, block)).collect())
}

/// The state of one unit.
///
/// # Errors
/// As [`show`].
pub fn show_one(host: &Host, unit: &str) -> Result<Unit, Fault> {
    // As many units come back as were asked for.
    Ok(show(host, &[unit])?.remove(0))
}

fn parse(name: String, block: &str) -> Unit {
    let mut unit = Unit { name, ..Unit::default() };
    for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "LoadState" => value.clone_into(&mut unit.load),
            "ActiveState" => value.clone_into(&mut unit.active),
            "SubState" => value.clone_into(&mut unit.sub),
            // Absent, empty or 0 without a job.
            "Job" => unit.job = !value.is_empty() && value != "0",
            _ => {}
        }
    }
    unit
}

/// Whether `unit` is started at boot (also when it is static or generated).
///
/// # Errors
/// When systemctl cannot be run.
pub fn enabled(host: &Host, unit: &str) -> Result<bool, Fault> {
    let name = full_name(unit);
    let program = Program::new("systemctl").args(["--no-pager", "is-enabled", &name]);
    Ok(host.run(&program)?.ok())
}

/// Runs `systemctl VERB UNIT` and returns that as the change.
///
/// # Errors
/// When it fails; the text has the command and what the unit said last.
pub fn change(host: &Host, verb: &str, unit: &str) -> Result<String, Fault> {
    let name = full_name(unit);
    let program = Program::new("systemctl").args(["--no-pager", verb, &name]).time_limit(CHANGE);
    let output = host.run_logged(&program)?;
    if output.ok() {
        Ok(format!("systemctl {verb} {unit}"))
    } else {
        let mut text = format!("`systemctl {verb} {unit}` failed: {}", output.summary());
        let said = last_lines(host, &name);
        if !said.is_empty() {
            text.push_str(&format!("; {name} said: {}", said.join(" | ")));
        }
        Err(Fault::new(text)
            .hint(format!("`systemctl status {unit}` and `journalctl -u {unit}` show why")))
    }
}

/// The last lines that the unit's own processes wrote to the journal since the node started, each
/// once; none where the journal cannot be read.
fn last_lines(host: &Host, name: &str) -> Vec<String> {
    let program = Program::new("journalctl")
        .args(["--no-pager", "-b", "-o", "cat", "-n", LOOKED_AT])
        .args([format!("_SYSTEMD_UNIT={name}").as_str()]);
    let output = host.run(&program).ok().filter(Output::ok);
    let text = output.map_or_else(String::new, |output| output.stdout);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line: String = line.trim().chars().filter(|c| !c.is_control()).collect();
        if !line.is_empty() && !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.split_off(lines.len().saturating_sub(SAID))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queued_job_is_seen() {
        let text = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nJob=117";
        let unit = parse("a.service".into(), text);
        assert!(unit.present() && !unit.running() && unit.changing());
        assert_eq!(unit.state(), "inactive (dead)");
        let unit = parse("a.service".into(), "LoadState=not-found\nActiveState=inactive\nJob=");
        assert!(!unit.present() && !unit.changing());
    }
}
