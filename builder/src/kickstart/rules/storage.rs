//! Combinations of options on the storage commands.

use super::violation::{Violation, check_excluding, check_one_of};
use crate::kickstart::options::Parsed;
use std::collections::BTreeSet;

/// Commands that lay out a disk by themselves and exclude each other.
pub fn find_conflict(command: &str, seen: &BTreeSet<&str>) -> Option<Violation> {
    let others: &[&str] = match command {
        "autopart" => &["part", "partition", "raid", "volgroup", "logvol", "reqpart"],
        "part" | "partition" | "raid" | "volgroup" | "logvol" | "reqpart" => &["autopart"],
        _ => return None,
    };
    let other = others.iter().find(|s| seen.contains(*s))?;
    let message = format!("{command} and {other} cannot be used in the same kickstart");
    Some((message, "let autopart choose everything, or write every partition"))
}

/// `autopart`.
pub fn autopart(parsed: &Parsed<'_>) -> Option<Violation> {
    let kind = parsed.get("--fstype")?;
    if kind.text == "btrfs" {
        return Some(("--fstype does not take btrfs".into(), "write --type=btrfs"));
    }
    let last = parsed.options.iter().rev().find(|(n, _)| ["--type", "--nolvm"].contains(n));
    let btrfs = last.is_some_and(|(_, v)| v.text.eq_ignore_ascii_case("btrfs"));
    btrfs.then(|| ("--fstype does not go with --type=btrfs".into(), "leave one of them out"))
}

/// `part`.
pub fn part(parsed: &Parsed<'_>) -> Option<Violation> {
    if parsed.text("--fstype").as_deref() == Some("tmpfs") {
        let most = parsed.integer("--maxsize").is_some_and(|n| n != 0);
        let given = [("--grow", parsed.has("--grow")), ("--maxsize", most)];
        if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
            let message = format!("{option} does not go with --fstype=tmpfs");
            return Some((message, "leave it out, or give its size with --fsoptions"));
        }
    }
    resize(parsed, "--onpart").or_else(|| mkfs(parsed))
}

fn resize(parsed: &Parsed<'_>, existing: &'static str) -> Option<Violation> {
    let hint = "name what exists, and its new --size";
    let sized = parsed.integer("--size").is_some_and(|n| n != 0);
    match parsed.has("--resize") {
        true if !parsed.filled(existing) => {
            Some((format!("--resize needs {existing}: something that exists"), hint))
        }
        true if !sized => Some(("--resize needs --size".into(), hint)),
        _ => None,
    }
}

fn mkfs(parsed: &Parsed<'_>) -> Option<Violation> {
    if !parsed.filled("--mkfsoptions") {
        return None;
    }
    if parsed.has("--noformat") {
        return check_excluding(parsed, "--mkfsoptions", "--noformat");
    }
    parsed.filled("--fsprofile").then(|| check_excluding(parsed, "--mkfsoptions", "--fsprofile"))?
}

/// `logvol`.
pub fn logvol(parsed: &Parsed<'_>) -> Option<Violation> {
    let existing = parsed.has("--useexisting") || parsed.has("--noformat");
    let number = |option| parsed.integer(option).filter(|n| *n != 0);
    if parsed.has("--resize") && existing && number("--size").is_none() {
        return Some(("--resize needs --size".into(), "give the new --size"));
    }
    if parsed.has("--resize") && !existing {
        let hint = "add --useexisting, or leave --resize out";
        return Some(("--resize needs --useexisting".into(), hint));
    }
    if let Some(broken) = check_excluding(parsed, "--thin", "--thinpool") {
        return Some(broken);
    }
    if parsed.has("--thin") && !parsed.filled("--poolname") {
        return Some(("--thin needs --poolname".into(), "name the thin pool"));
    }
    let pool = number("--chunksize").or(number("--metadatasize")).is_some();
    if pool && !parsed.has("--thinpool") {
        let message = "--chunksize and --metadatasize are for thin pools".into();
        return Some((message, "add --thinpool, or leave them out"));
    }
    let sized = number("--size").or(number("--percent")).is_some();
    if !existing && !sized && !parsed.has("--recommended") && !parsed.has("--hibernation") {
        let hint = "give one of --size, --percent, --recommended, --hibernation";
        return Some(("the logical volume has no size".into(), hint));
    }
    if number("--percent").is_some_and(|n| !(0..=100).contains(&n)) {
        return Some(("--percent is out of range".into(), "from 1 to 100"));
    }
    if number("--size").is_some() && number("--percent").is_some() {
        return check_excluding(parsed, "--size", "--percent");
    }
    mkfs(parsed)
}

/// `volgroup`.
pub fn volgroup(parsed: &Parsed<'_>) -> Option<Violation> {
    let existing = parsed.has("--useexisting") || parsed.has("--noformat");
    match parsed.arguments.len() {
        0 => return Some(("volgroup needs a name".into(), "as in volgroup vg pv.01")),
        1 if !existing => {
            return Some(("volgroup names no physical volume".into(), "as in volgroup vg pv.01"));
        }
        2.. if existing => return Some(members_of_existing("volume group")),
        _ => {}
    }
    if parsed.integer("--reserved-space").is_some_and(|n| n < 0) {
        return Some(("--reserved-space is out of range".into(), "in MiB, 0 or more"));
    }
    let share = parsed.integer("--reserved-percent");
    share
        .is_some_and(|n| !(1..100).contains(&n))
        .then(|| ("--reserved-percent is out of range".into(), "from 1 to 99"))
}

fn members_of_existing(what: &str) -> Violation {
    (format!("a {what} that exists takes no members"), "leave them out, or --useexisting")
}

/// `raid`.
pub fn raid(parsed: &Parsed<'_>) -> Option<Violation> {
    let levels = ["0", "1", "4", "5", "6", "10"];
    let level = parsed.get("--level").map(|v| v.text.to_ascii_uppercase());
    if let Some(level) = &level
        && !levels.contains(&level.strip_prefix("RAID").unwrap_or(level))
    {
        let message = format!("--level does not take `{level}`");
        return Some((message, "allowed: 0, 1, 4, 5, 6, 10"));
    }
    let existing = parsed.has("--useexisting") || parsed.has("--noformat");
    match parsed.arguments.len() {
        0 => return Some(("raid needs a mount point".into(), "as in raid / --device=0 ...")),
        1 if !existing => {
            return Some(("raid names no members".into(), "as in raid.01 raid.02"));
        }
        2.. if existing => return Some(members_of_existing("RAID device")),
        _ => {}
    }
    if !existing && level.is_none() {
        return Some(("raid needs --level".into(), "allowed: 0, 1, 4, 5, 6, 10"));
    }
    if existing && !parsed.filled("--device") {
        return Some(("raid needs --device".into(), "name the device that exists"));
    }
    mkfs(parsed)
}

/// `btrfs`.
pub fn btrfs(parsed: &Parsed<'_>) -> Option<Violation> {
    for option in ["--data", "--metadata"] {
        let Some(value) = parsed.get(option) else { continue };
        let level = value.text.to_ascii_lowercase();
        let known = ["raid0", "0", "raid1", "1", "raid10", "10", "single"];
        if !known.contains(&level.as_str()) {
            let message = format!("{option} does not take `{}`", value.text);
            return Some((message, "allowed: 0, 1, 10, single"));
        }
    }
    match parsed.arguments.len() {
        0 => return Some(("btrfs needs a mount point".into(), "as in btrfs / btrfs.01")),
        1 => {
            let hint = "partitions of the volume, or the parent of a subvolume";
            return Some(("btrfs names no partitions".into(), hint));
        }
        _ => {}
    }
    if parsed.has("--subvol") && !parsed.filled("--name") {
        return Some(("a subvolume needs --name".into(), "name it"));
    }
    let existing = parsed.has("--useexisting") || parsed.has("--noformat");
    let both = existing && parsed.filled("--mkfsoptions");
    let message = "--mkfsoptions does not go with a volume that exists";
    both.then(|| (message.into(), "leave one of them out"))
}

/// `snapshot`.
pub fn snapshot(parsed: &Parsed<'_>, seen: &BTreeSet<String>) -> Option<Violation> {
    if let Some(name) = parsed.text("--name").filter(|name| seen.contains(name)) {
        return Some((format!("there is another snapshot {name}"), "give each its own name"));
    }
    let origin = parsed.arguments.first()?;
    let whole = origin
        .text
        .split_once('/')
        .is_some_and(|(vg, lv)| !vg.is_empty() && !lv.is_empty() && !lv.contains('/'));
    let message = format!("`{}` is not a logical volume", origin.text);
    (!whole).then_some((message, "write GROUP/VOLUME"))
}

/// `nvdimm`.
pub fn nvdimm(parsed: &Parsed<'_>) -> Option<Violation> {
    let action = parsed.arguments.first().map_or("", |w| w.text.as_str());
    if !["reconfigure", "use"].contains(&action) {
        return Some((format!("nvdimm has no action `{action}`"), "allowed: reconfigure, use"));
    }
    if parsed.filled("--namespace") && parsed.filled("--blockdevs") {
        return check_excluding(parsed, "--namespace", "--blockdevs");
    }
    if action == "use" {
        return check_one_of(parsed, &["--namespace", "--blockdevs"]);
    }
    if !parsed.filled("--namespace") {
        return Some(("nvdimm reconfigure needs --namespace".into(), "name it"));
    }
    let sector = parsed.has("--mode") && parsed.integer("--sectorsize").is_none_or(|n| n == 0);
    sector.then(|| ("--mode=sector needs --sectorsize".into(), "512 or 4096"))
}
