//! Volume groups and logical volumes that a layout does not support.

use super::request::{StorageRequest, Target};
use crate::base::diagnostic::Diagnostic;
use crate::base::place::Place;
use std::collections::{HashMap, HashSet};

/// Volume groups and what refers to them.
pub fn find_group_violations(storage: &StorageRequest) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut add = |place: &Place, why: String| found.push(Diagnostic::error(place.clone(), why));
    find_of_groups(storage, &mut add);
    find_of_volumes(storage, &mut add);
    found
}

type Add<'a> = dyn FnMut(&Place, String) + 'a;

fn find_of_groups(storage: &StorageRequest, add: &mut Add<'_>) {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    let parts: HashSet<&str> = storage.partitions.iter().map(|p| p.target.as_str()).collect();
    let mut names = HashSet::new();
    for group in &storage.volume_groups {
        let name = &group.name;
        if !names.insert(name) {
            add(&group.place, format!("volume group {name} already exists"));
        }
        if !is_lvm_name(name) {
            add(&group.place, format!("`{name}` is not a valid name for a volume group"));
        }
        // LVM's own bounds; the format wants a power of two.
        if group
            .extent_kib
            .is_some_and(|kib| !kib.is_power_of_two() || !(4..=1 << 22).contains(&kib))
        {
            add(&group.place, "--pesize is a power of two in KiB, at least 4".to_owned());
        }
        for member in &group.members {
            if !parts.contains(member.as_str()) {
                add(&group.place, format!("{member} does not exist: add `part {member}`"));
            }
            if let Some(other) = owners.insert(member, name) {
                add(&group.place, format!("{member} belongs to {other} already"));
            }
        }
    }
    for part in &storage.partitions {
        let member = part.target.as_str();
        if matches!(part.target, Target::PhysicalVolume(_)) && !owners.contains_key(member) {
            let why = format!("{member} is in no volume group: add `volgroup NAME {member}`");
            add(&part.place, why);
        }
    }
}

fn find_of_volumes(storage: &StorageRequest, add: &mut Add<'_>) {
    let groups: HashSet<&String> = storage.volume_groups.iter().map(|g| &g.name).collect();
    let mut names = HashSet::new();
    let mut percents: HashMap<&String, u64> = HashMap::new();
    for volume in &storage.logical_volumes {
        let (group, name) = (&volume.group, &volume.name);
        if !names.insert((group, name)) {
            add(&volume.place, format!("{group} has a volume {name} already"));
        }
        if !groups.contains(group) {
            add(&volume.place, format!("the volume group `{group}` does not exist: add volgroup"));
        }
        if !is_lvm_name(name) {
            add(&volume.place, format!("`{name}` is not a valid name for a logical volume"));
        }
        let percent = percents.entry(group).or_default();
        *percent += volume.size.percent.map_or(0, u64::from);
        if volume.size.percent.is_some() && *percent > 100 {
            let why = format!("--percent adds up to {percent} in {group}: 100 is all that is free");
            add(&volume.place, why);
        }
    }
}

/// Names that LVM takes (lvm(8), "Valid names"), short enough for what follows from them.
fn is_lvm_name(name: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"+_.-".contains(&b);
    let reserved = ["snapshot", "pvmove"].iter().any(|r| name.starts_with(r));
    (1..=100).contains(&name.len())
        && name.bytes().all(ok)
        && !name.starts_with('-')
        && ![".", ".."].contains(&name)
        && !reserved
}
