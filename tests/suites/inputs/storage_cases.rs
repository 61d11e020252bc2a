//! Storage and boot loader lines → the report, the disk, fstab and kernel arguments, or what is
//! wrong with them: case directories.

use crate::shipped::{Lab, request};
use builder::base::diagnostic::Diagnostics;
use builder::layout::{Device, DeviceContent, Layout};
use builder::plan::boot_config;
use builder::spec::{Request, Spec, load};
use lab_tests::{cases, oracle};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The storage commands of the shipped kickstart, from one of these to the other.
const SHIPPED: (&str, &str) = ("zerombr\n", "%packages\n");
const MIB: u64 = 1 << 20;

/// The shipped controller with the case's `lines.ks` as its storage commands and, where the
/// case has such a file, its `machine` as further keys of the machine; `ignore-encryption` in it
/// is the option.
fn read(case: &Path) -> Result<Spec, Diagnostics> {
    let lab = Lab::new();
    let kickstart = lab.path().join("kickstart/controller.ks");
    let text = fs::read_to_string(&kickstart).expect("kickstart");
    let (before, rest) = text.split_once(SHIPPED.0).expect("storage commands");
    let (_, after) = rest.split_once(SHIPPED.1).expect("the end of storage commands");
    let lines = fs::read_to_string(case.join("lines.ks")).expect("lines.ks");
    fs::write(kickstart, format!("{before}{lines}\n{}{after}", SHIPPED.1)).expect("kickstart");
    if let Ok(machine) = fs::read_to_string(case.join("machine")) {
        lab.edit("profiles/controller.toml", "cpus   = 2\n", &format!("cpus = 2\n{machine}"));
    }
    let ignore_encryption = case.join("ignore-encryption").exists();
    load(&Request { ignore_encryption, ..request("controller", lab.path()) })
}

fn show(case: &Path) -> String {
    let spec = match read(case) {
        Ok(spec) => spec,
        Err(errors) => return format!("{errors}\n"),
    };
    let mut text = String::new();
    for line in &spec.kickstart.report {
        let others = ["bootloader", "clearpart", "zerombr"];
        if line.is_storage() || others.contains(&line.command.as_str()) || line.place.line == 0 {
            let (place, command) = (&line.place, &line.command);
            let _ = writeln!(text, "{place}: {command}: {}: {}", line.fate.as_str(), line.why);
        }
    }
    let layout = spec.arrangement.identify("a seed");
    text += &disk(&layout);
    let fstab = boot_config::fstab(&layout);
    judge(&fstab);
    text += &without_identifiers(&fstab);
    let arguments = boot_config::arguments(&layout, &spec.kickstart.bootloader.append);
    let defaults = boot_config::default_grub(&arguments, 5);
    let line = defaults.lines().find(|line| line.starts_with("GRUB_CMDLINE_LINUX="));
    let _ = writeln!(text, "{}", line.expect("kernel arguments"));
    let _ = writeln!(text, "needs {}", spec.needs.join(" "));
    text
}

fn disk(layout: &Layout) -> String {
    let mut text = format!("disk {} {} MiB\n", layout.label.as_str(), layout.size / MIB);
    let content = |content: &DeviceContent| match content {
        DeviceContent::BiosBoot => "GRUB".to_owned(),
        DeviceContent::Physical { group, .. } => format!("volume group {group}"),
        DeviceContent::Swap { .. } => "swap".to_owned(),
        DeviceContent::Files(files) => format!("{} {}", files.format.as_str(), files.mount),
    };
    for disk in layout.disks() {
        if disk.offset > 0 {
            let _ = writeln!(text, "disk {} {} MiB", disk.name, disk.size / MIB);
        }
        for (number, p) in layout.numbered(&disk) {
            let (start, size) = ((p.offset - disk.offset) / MIB, p.size / MIB);
            let active = if p.active { " active" } else { "" };
            let _ = writeln!(text, "  {number}: {start} + {size} {}{active}", content(&p.content));
        }
    }
    for Device { size, volume, content: inside, .. } in layout.devices() {
        if let Some((group, name)) = volume {
            let _ = writeln!(text, "  {group}/{name}: {} {}", size / MIB, content(inside));
        }
    }
    text
}

/// util-linux reads every line.
fn judge(fstab: &str) {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(file.path(), fstab).expect("temporary file");
    let path = file.path().to_str().expect("UTF-8");
    let read = oracle::ok("findmnt", ["--tab-file", path, "--noheadings", "--raw", "-o", "TARGET"]);
    let lines = fstab.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(read.lines().count(), lines, "{fstab}: {read}");
}

fn without_identifiers(fstab: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((source, rest)) if source.starts_with("UUID=") => format!("UUID=… {rest}\n"),
        _ => format!("{line}\n"),
    };
    fstab.lines().filter(|line| !line.starts_with('#')).map(line).collect()
}

/// `UPDATE_EXPECTED=1` rewrites what is shown; read the difference.
#[test]
fn storage_lines_have_their_effect() {
    cases::check("storage", show);
}
