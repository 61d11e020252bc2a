//! libvirt (computes): libvirtd is enabled, runs and answers for QEMU guests, and what
//! kind of guests nova can have here is reported.

use super::outcome::CheckOutcome;
use crate::host::Fault;
use crate::host::{Host, Program};
use crate::services::systemd;

/// libvirt's unit.
const UNIT: &str = "libvirtd";
/// Where QEMU is: CentOS 7's, and others'.
const QEMU: [&str; 3] =
    ["/usr/libexec/qemu-kvm", "/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-kvm"];
/// Whether guests can have guests, by the kernel's module.
const NESTED: [&str; 2] =
    ["/sys/module/kvm_intel/parameters/nested", "/sys/module/kvm_amd/parameters/nested"];

pub(super) fn check(host: &Host) -> Result<CheckOutcome, Fault> {
    if !host.live() {
        return Ok(CheckOutcome::Skipped("libvirtd runs on the running node".to_owned()));
    }
    let unit = systemd::show_one(host, UNIT)?;
    if !unit.present() {
        let fault = Fault::new("there is no libvirtd on this node");
        return Ok(CheckOutcome::Impossible(
            fault.hint("install libvirt-daemon and its QEMU driver"),
        ));
    }
    if !unit.running() {
        return Ok(if unit.changing() {
            CheckOutcome::Waiting("libvirtd to start".to_owned())
        } else {
            CheckOutcome::Unmet(format!("libvirtd is {}", unit.state()))
        });
    }
    if !systemd::enabled(host, UNIT)? {
        return Ok(CheckOutcome::Unmet("libvirtd does not start at boot".to_owned()));
    }
    let program = Program::new("virsh").args(["-c", "qemu:///system", "list", "--all"]);
    let output = host.run(&program)?;
    if !output.ok() {
        return Ok(CheckOutcome::Waiting(format!("`{program}` to succeed ({})", output.summary())));
    }
    // A heading, a rule, one line a guest.
    let guests = output.stdout.lines().filter(|line| !line.trim().is_empty()).skip(2).count();
    Ok(CheckOutcome::Met(format!("libvirtd answers, {guests} guests defined; {}", kind(host)?)))
}

/// What nova's guests run on here: the processor (kvm) or emulation (qemu).
fn kind(host: &Host) -> Result<String, Fault> {
    if !QEMU.iter().any(|path| host.mode(path).is_ok_and(|mode| mode.is_some())) {
        return Ok("there is no QEMU, so no guest can start".to_owned());
    }
    let cpu = host.read("/proc/cpuinfo")?.unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let able = flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm");
    if !able || host.mode("/dev/kvm")?.is_none() {
        let why =
            if able { "/dev/kvm does not exist" } else { "the processor shows no vmx or svm" };
        return Ok(format!("nova's guests run by qemu, slowly: {why}"));
    }
    let nested = NESTED.iter().filter_map(|path| host.read(path).ok().flatten());
    let nested = nested.into_iter().any(|text| ["Y", "1"].contains(&text.trim()));
    let nested = if nested { "on" } else { "off" };
    Ok(format!("nova's guests run by kvm, nested virtualisation is {nested}"))
}

pub(super) fn apply(host: &Host) -> Result<Vec<String>, Fault> {
    let mut changes = Vec::new();
    if !systemd::enabled(host, UNIT)? {
        changes.push(systemd::change(host, "enable", UNIT)?);
    }
    if !systemd::show_one(host, UNIT)?.running() {
        changes.push(systemd::change(host, "start", UNIT)?);
    }
    Ok(changes)
}
