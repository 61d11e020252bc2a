//! What the profile's machine adds to a kickstart's storage commands, or takes out of them.

use crate::base::lab::LabMachine;
use crate::kickstart::{Fate, Kickstart, Line};
use crate::layout::{ENCRYPTED, StorageNote, settle_boot};

/// Completes the storage of a kickstart, `file`, for the machine where it is known, and has the
/// report say so. Encryption is left out where it is to be ignored.
pub fn complete_storage(
    kickstart: &mut Kickstart,
    machine: Option<&LabMachine>,
    ignore_encryption: bool,
    file: &str,
) {
    if ignore_encryption {
        for line in kickstart.report.iter_mut().filter(|l| l.why == ENCRYPTED) {
            let why = "it is created without encryption, as --ignore-encryption asks";
            (line.fate, line.why) = (Fate::Translated, why.into());
        }
    }
    // A refused line left nothing behind; what would be missing without it is not.
    if kickstart.report.iter().any(|l| l.fate == Fate::Refused && l.is_storage()) {
        return;
    }
    kickstart.storage.boot = machine.and_then(|m| m.boot);
    for note in settle_boot(&mut kickstart.storage, machine.map(|m| m.disk), file) {
        let StorageNote { place, command, added, why } = note;
        let line = kickstart.report.iter_mut().find(|l| l.is_storage() && l.is_at(&place));
        match line {
            Some(line) => (line.fate, line.why) = (Fate::Translated, why),
            None => {
                let fate = if added { Fate::Added } else { Fate::Translated };
                kickstart.report.push(Line { place, command, fate, why });
            }
        }
    }
}
