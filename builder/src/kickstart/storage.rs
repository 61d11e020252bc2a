//! `bootloader`, `part`, `reqpart`.

use super::options::Parsed;
use super::parse::State;
use super::report::Fate;
use super::sections::Item;
use super::{Mount, Partition};

/// Options of `bootloader` that mean other boot loaders or other disks.
const BOOTLOADER_REFUSED: [(&str, &str); 7] = [
    ("--password", "a GRUB password is not set in images"),
    ("--iscrypted", "a GRUB password is not set in images"),
    ("--md5pass", "a GRUB password is not set in images"),
    ("--extlinux", "the boot loader is GRUB 2"),
    ("--disabled", "an image without a boot loader does not start"),
    ("--nombr", "an image without a boot loader does not start"),
    ("--default", "which kernel starts is GRUB's rule: the newest"),
];

/// `bootloader`.
pub fn bootloader(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    if let Some((_, why)) = BOOTLOADER_REFUSED.into_iter().find(|(option, _)| parsed.has(option)) {
        return state.report(item, Fate::Refused, why);
    }
    if let Some(location @ ("none" | "partition")) = parsed.get("--location").map(|v| v.text) {
        let why = format!("--location={location}: an image starts from its own disk: write mbr");
        return state.report(item, Fate::Refused, why);
    }
    let loader = &mut state.kickstart.bootloader;
    loader.append = parsed.text("--append").unwrap_or_default();
    match parsed.get("--timeout").map(|v| (v, v.text.trim().parse::<u32>())) {
        Some((_, Ok(seconds))) => loader.timeout = Some(seconds),
        Some((value, Err(_))) => {
            let column = value.word.column;
            state.problem(item.line, column, "--timeout is out of range", "seconds, 0 or more");
        }
        None => loader.timeout = None,
    }
    let why = "GRUB 2 for BIOS and for UEFI, with these kernel arguments";
    let drives = ["--driveorder", "--boot-drive", "--leavebootorder", "--upgrade"];
    match drives.into_iter().find(|o| parsed.has(o)) {
        Some(option) => {
            let why = format!("{why}; {option} means nothing on a new image's one disk");
            state.report(item, Fate::Translated, why);
        }
        None => state.report(item, Fate::Honoured, why),
    }
}

/// `reqpart`: what the platforms need.
pub fn reqpart(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    if parsed.has("--add-boot") {
        let why = "a separate /boot is not made in images: write reqpart without --add-boot";
        return state.report(item, Fate::Refused, why);
    }
    // Anaconda's own sizes.
    for (mount, size) in [(Mount::BiosBoot, 1), (Mount::Efi, 200)] {
        if !state.kickstart.partitions.iter().any(|p| p.mount == mount) {
            let line = state.line(item);
            let (fstype, label, options) = (None, None, None);
            let grow = false;
            let max_size = None;
            let disk = None;
            let partition =
                Partition { line, mount, disk, fstype, size, max_size, grow, label, options };
            state.kickstart.partitions.push(partition);
        }
    }
    state.report(item, Fate::Translated, "a BIOS boot partition and an EFI system partition");
}

/// Options of `part` that mean disks with something on them, or encryption.
const PART_REFUSED: [(&str, &str); 10] = [
    ("--noformat", "the image's disk is new: there is nothing to keep"),
    ("--onpart", "the image's disk is new: there is nothing to reuse"),
    ("--resize", "the image's disk is new: there is nothing to resize"),
    ("--encrypted", "encrypted partitions are not made in images"),
    ("--hibernation", "swap is not made in images"),
    ("--recommended", "give the size with --size"),
    ("--fsprofile", "the filesystem's features are those that EL7 reads"),
    ("--mkfsoptions", "the filesystem's features are those that EL7 reads"),
    ("--onbiosdisk", "an image is one disk"),
    ("--passphrase", "encrypted partitions are not made in images"),
];

/// `part`, `partition`.
pub fn part(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) {
    let Some(target) = parsed.arguments.first() else { return };
    if !sizes_hold(state, item, parsed) {
        return;
    }
    if let Some((option, why)) = PART_REFUSED.into_iter().find(|(option, _)| parsed.has(option)) {
        return state.report(item, Fate::Refused, format!("{option}: {why}"));
    }
    let fstype = parsed.text("--fstype");
    let (mount, kinds): (Mount, &[&str]) = match target.text.as_str() {
        "biosboot" => (Mount::BiosBoot, &["biosboot"]),
        "/boot/efi" => (Mount::Efi, &["efi", "vfat"]),
        "/" => (Mount::Root, &["ext4"]),
        other => return state.report(item, Fate::Refused, refusal(other)),
    };
    if let Some(kind) = fstype.as_deref().filter(|kind| !kinds.contains(kind)) {
        let why =
            format!("{} as {kind} is not made in images: write --fstype={}", target.text, kinds[0]);
        return state.report(item, Fate::Refused, why);
    }
    if mount == Mount::BiosBoot && ["--label", "--fsoptions"].into_iter().any(|o| parsed.has(o)) {
        let hint = "it holds GRUB's code and no filesystem";
        return state.problem(
            item.line,
            target.column,
            "biosboot has no label and no options",
            hint,
        );
    }
    if let Some(first) = state.kickstart.partitions.iter().find(|p| p.mount == mount) {
        let hint = format!("first at line {}", first.line);
        return state.problem(
            item.line,
            target.column,
            format!("{} is there already", target.text),
            hint,
        );
    }
    let disk = parsed.text("--ondisk");
    let others = state.kickstart.partitions.iter();
    if let Some(other) =
        others.filter_map(|p| p.disk.clone()).find(|d| disk.as_ref().is_some_and(|e| e != d))
    {
        let why = format!("an image is one disk, and {other} is named already");
        return state.report(item, Fate::Refused, why);
    }
    let line = state.line(item);
    state.kickstart.partitions.push(Partition {
        disk,
        line,
        mount,
        fstype,
        size: parsed.integer("--size").and_then(|s| s.try_into().ok()).unwrap_or(0),
        max_size: parsed.integer("--maxsize").and_then(|s| s.try_into().ok()),
        grow: parsed.has("--grow"),
        label: parsed.text("--label"),
        options: parsed.text("--fsoptions"),
    });
    let ignored = ["--asprimary", "--ondisk", "--active"].into_iter().find(|o| parsed.has(o));
    match ignored {
        Some(option) => {
            let why = format!(
                "the partition is made; {option} means nothing on the image's one GPT disk"
            );
            state.report(item, Fate::Translated, why);
        }
        None => state.report(item, Fate::Honoured, "the partition is made"),
    }
}

/// Checks the numbers; false after a problem.
fn sizes_hold(state: &mut State<'_>, item: &Item<'_>, parsed: &Parsed<'_>) -> bool {
    let mut hold = true;
    for option in ["--size", "--maxsize"] {
        // 16 TiB: the end of ext4 without `64bit`, and of what EL7 takes.
        let fits = |n: i64| (1..=16 << 20).contains(&n);
        if let Some(value) = parsed.get(option)
            && !parsed.integer(option).is_some_and(fits)
        {
            let message = format!("{option}={} is out of range", value.text);
            state.problem(item.line, value.word.column, message, "in MiB, from 1 to 16777216");
            hold = false;
        }
    }
    let (size, most) = (parsed.integer("--size"), parsed.integer("--maxsize"));
    if let (Some(size), Some(most), Some(value)) = (size, most, parsed.get("--maxsize"))
        && most < size
    {
        let message = format!("--maxsize={most} is less than --size={size}");
        let hint = "give a --maxsize of at least --size";
        state.problem(item.line, value.word.column, message, hint);
        hold = false;
    }
    hold
}

fn refusal(target: &str) -> String {
    let kind = target.split('.').next().unwrap_or(target);
    let why = match kind {
        "swap" => "swap is not made in images yet: leave it out, or make a swap file in %post",
        "pv" | "raid" | "btrfs" => "an image holds plain partitions only",
        "/boot" => "a separate /boot is not made in images: GRUB reads the kernels from /",
        "prepboot" | "appleboot" => "it belongs to another kind of machine",
        _ => "only /, /boot/efi and biosboot are made in images: leave it to /",
    };
    format!("{target}: {why}")
}
