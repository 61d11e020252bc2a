//! What an image cannot have of a kickstart, once lab file and profile have decided.

use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;
use crate::kickstart::{Fate, Kickstart};
use crate::layout::{Arrangement, arrange, find_shortcomings};

/// Checks a kickstart as lab file and profile leave it. Returns where everything is on the
/// machine's disk, if the machine is known.
///
/// # Errors
/// Everything in `kickstart` that an image for this node cannot have.
pub fn check_consistency(
    kickstart: &Kickstart,
    file: &str,
    machine: Option<&LabMachine>,
) -> Result<Option<Arrangement>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    for line in kickstart.report.iter().filter(|l| l.fate == Fate::Refused) {
        let message = format!("{} cannot be carried out in an image", line.command);
        errors.push(Diagnostic::error(line.place.clone(), message).hint(&line.why));
    }
    let mut arrangement = None;
    // A refused layout has been reported; do not ask for its parts as well.
    if !kickstart.report.iter().any(|l| l.fate == Fate::Refused && l.is_storage()) {
        errors.extend(find_shortcomings(&kickstart.storage, file));
        match machine.map(|machine| arrange(&kickstart.storage, machine)).transpose() {
            Ok(arranged) => arrangement = arranged,
            Err(found) => errors.extend(found),
        }
    }
    errors.extend(check_excluded_packages(kickstart, file));
    if errors.is_empty() { Ok(arrangement) } else { Err(errors) }
}

/// Packages without which the installer stops, or the system that it leaves does not work; others
/// that a command needs are left out where `%packages` excludes them, as Anaconda does it.
const INDISPENSABLE: [(&str, &str); 4] = [
    ("authconfig", "`authconfig` runs it, and the installer stops without it"),
    ("firewalld", "`firewall` sets it up, and the installer stops without it"),
    ("lvm2", "the system does not find its logical volumes without it"),
    ("teamd", "`network --teamslaves` makes no interface without it"),
];

/// Packages that `%packages` excludes, and that a command cannot do without.
fn check_excluded_packages(kickstart: &Kickstart, file: &str) -> Vec<Diagnostic> {
    let needed = kickstart.required_packages();
    let excluded = |name: &str| kickstart.packages.excluded.iter().any(|e| e == name);
    let error = |(name, why): &(&str, &str)| {
        let message = format!("%packages excludes {name}, and {why}");
        Diagnostic::of_file(file, message).hint(format!("remove the line -{name}, or that command"))
    };
    let missing = |(name, _): &&(&str, &str)| needed.contains(name) && excluded(name);
    INDISPENSABLE.iter().filter(missing).map(error).collect()
}
