//! What packages need that no package offers.

use super::record::PackageRecord;
use std::collections::BTreeSet;

/// What `records` need that neither they nor `others` offer, as readable lines.
pub fn unmet(records: &[PackageRecord], others: &[&[PackageRecord]]) -> Vec<String> {
    let mut offered: BTreeSet<&str> = BTreeSet::new();
    for record in others.iter().copied().chain([records]).flatten() {
        offered.extend(record.provides.iter().map(|dep| dep.name.as_str()));
        offered.extend(record.files.iter().map(|(path, _)| path.as_str()));
    }
    let mut lines = Vec::new();
    for record in records {
        for need in &record.requires {
            if !need.name.starts_with("rpmlib(") && !offered.contains(need.name.as_str()) {
                lines.push(format!("{} needs {need}", record.name));
            }
        }
    }
    lines
}
