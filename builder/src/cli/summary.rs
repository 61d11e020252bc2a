//! Plans for people to read.

use crate::layout::SECTOR;
use crate::pipeline::bare::Selection;
use crate::plan::{Plan, PlanPackage, Repository};
use crate::spec::show_size as size;
use std::fmt::Write as _;

/// A plan: what is built, then from what; with every package where they are asked for.
pub fn plan(plan: &Plan, packages: bool) -> String {
    let mut text = format!(
        "Plan of {}: {} packages, {} to read{}\n",
        plan.profile,
        plan.packages.len(),
        size(plan.packages.iter().map(|p| p.size).sum()),
        practice(plan.practice)
    );
    let _ = writeln!(text, "  digest {}", plan.digest());
    text.push_str("\nNodes\n");
    for node in &plan.nodes {
        let outputs = node.outputs.join(", ");
        let _ = writeln!(text, "  {:<16} {:<15}  {}  {outputs}", node.name, node.address, node.mac);
    }
    let _ = writeln!(text, "\nDisk, {}, sectors of {SECTOR} bytes", size(plan.disk.size));
    for disk in plan.disk.disks() {
        if disk.offset > 0 {
            let _ = writeln!(text, "Disk {}, {}", disk.name, size(disk.size));
        }
        for (_, partition) in plan.disk.numbered(&disk) {
            let at = format!("at {}", size(partition.offset - disk.offset));
            let _ = writeln!(text, "  {:<20} {:>10}  {at}", partition.name, size(partition.size));
        }
    }
    sources(&mut text, &plan.repositories, &plan.packages, packages);
    not_installed(&mut text, &plan.skipped);
    if !packages {
        text.push_str("\n--packages lists the packages, --json is the whole plan\n");
    }
    text
}

/// The packages of a bare request.
pub fn selection(selection: &Selection) -> String {
    let mut text = format!(
        "{} packages, {} to read{}\n",
        selection.packages.len(),
        size(selection.packages.iter().map(|p| p.size).sum()),
        practice(selection.practice)
    );
    sources(&mut text, &selection.repositories, &selection.packages, true);
    not_installed(&mut text, &selection.skipped);
    text
}

fn practice(practice: bool) -> &'static str {
    if practice { " (PRACTICE media, made from Debian packages)" } else { "" }
}

/// The repositories, `all` their packages.
fn sources(text: &mut String, repositories: &[Repository], packages: &[PlanPackage], all: bool) {
    if !all {
        text.push('\n');
    }
    for repository in repositories {
        let own: Vec<&PlanPackage> = packages.iter().filter(|p| p.repo == repository.id).collect();
        if all {
            text.push('\n');
        }
        let _ = writeln!(
            text,
            "{}: {} of {} packages, {}",
            repository.id,
            own.len(),
            repository.packages,
            size(own.iter().map(|p| p.size).sum())
        );
        for package in own.into_iter().filter(|_| all) {
            let _ = writeln!(text, "  {:<56} {:>10}", package.nevra(), size(package.size));
        }
    }
}

fn not_installed(text: &mut String, skipped: &[String]) {
    if !skipped.is_empty() {
        text.push_str("\nNot installed\n");
        skipped.iter().for_each(|s| text.push_str(&format!("  {s}\n")));
    }
}
