//! What the profile's machine adds to a kickstart's storage commands, or takes out of them.

use crate::base::lab::LabMachine;
use crate::kickstart::{Fate, Kickstart, Line};
use crate::layout::{ENCRYPTED, StorageNote, disk_index, disk_name, settle_boot};

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
    if let Some(machine) = machine.filter(|machine| !machine.more_disks.is_empty()) {
        note_disks(kickstart, machine);
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

/// Has the report say on which of several disks a partition is.
fn note_disks(kickstart: &mut Kickstart, machine: &LabMachine) {
    let count = machine.disks().count();
    for part in &kickstart.storage.partitions {
        let Some(name) = &part.disk else { continue };
        let Some(index) = disk_index(name).filter(|index| *index < count) else { continue };
        let line = kickstart.report.iter_mut().find(|l| l.is_storage() && l.is_at(&part.place));
        if let Some(line) = line.filter(|line| line.fate == Fate::Translated) {
            let disk = disk_name(index);
            let is_named_so = name.trim_start_matches("/dev/") == disk;
            line.fate = if is_named_so { Fate::Honoured } else { Fate::Translated };
            line.why = format!("the partition is created on the disk {disk}");
        }
    }
}
