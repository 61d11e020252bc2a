//! libvirt (computes): libvirtd runs and answers for QEMU guests.

use super::{Fault, State};
use crate::host::{Host, Program};
use crate::systemd;

/// libvirt's unit.
const UNIT: &str = "libvirtd";

pub(super) fn check(host: &Host) -> Result<State, Fault> {
    if !host.live() {
        return Ok(State::Skipped("libvirtd runs on the running node".to_owned()));
    }
    let unit = systemd::show_one(host, UNIT)?;
    if !unit.present() {
        let fault = Fault::new("there is no libvirtd on this node");
        return Ok(State::Impossible(fault.remedy("install libvirt-daemon and its QEMU driver")));
    }
    if !unit.running() {
        return Ok(if unit.changing() {
            State::Waiting("libvirtd to start".to_owned())
        } else {
            State::Unmet(format!("libvirtd is {}", unit.state()))
        });
    }
    let program = Program::new("virsh").args(["-c", "qemu:///system", "list", "--all"]);
    let output = Fault::of_run(host, &program)?;
    if !output.ok() {
        return Ok(State::Waiting(format!("`{program}` to succeed ({})", output.summary())));
    }
    // A heading, a rule, one line a guest.
    let guests = output.stdout.lines().filter(|line| !line.trim().is_empty()).skip(2).count();
    Ok(State::Met(format!("libvirtd answers, {guests} guests defined")))
}

pub(super) fn apply(host: &Host) -> Result<Vec<String>, Fault> {
    Ok(vec![systemd::change(host, "start", UNIT)?])
}
