//! What a machine starts from: the disk's label, and the partitions that hold a boot loader.
//! Anaconda asks the machine that it runs on; an image is asked for by the profile's `boot` and
//! the kickstart, and starts under BIOS and UEFI where neither says otherwise.

use super::label::DiskLabel;
use super::request::{Autopart, PartitionRequest, SizeRequest, StorageRequest, Target};
use super::units::MIB;
use crate::base::lab::BootMode;
use crate::base::place::Place;

const BIOS_BOOT_MIB: u64 = 1;
const EFI_MIB: u64 = 200;
const BOOT_MIB: u64 = 1024;
/// Where an msdos label ends.
pub const MAX_MSDOS_MIB: u64 = 2 << 20;
const EFI: &str = "/boot/efi";

/// What an image has, or has not, though its kickstart does not say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageNote {
    /// The line that is left out, or the file where none asks for it.
    pub place: Place,
    /// The command that would ask for it, or does.
    pub command: String,
    /// Whether it is added; otherwise a line's partition is left out.
    pub added: bool,
    /// Why.
    pub why: String,
}

/// Decides what the disk starts under and has the request say so: its label, the partitions
/// for that, and a layout where none is asked for. Doing it again changes nothing.
pub fn settle_boot(
    storage: &mut StorageRequest,
    disk: Option<u64>,
    file: &str,
) -> Vec<StorageNote> {
    let (mode, label) = choose(storage, disk);
    storage.label = Some(label);
    storage.boot = Some(mode);
    let mut notes = leave_out(storage, mode, label);
    let whole = Place::of_file(file);
    let mut note_added = |command: String, why: &str| {
        let (place, why) = (whole.clone(), why.to_owned());
        notes.push(StorageNote { place, command, added: true, why });
    };
    if storage.is_empty() {
        let (scheme, kind, no_home) = Default::default();
        storage.autopart = Some(Autopart { place: whole.clone(), scheme, kind, no_home });
        note_added("autopart".into(), "nothing lays out the disk: it gets Anaconda's own layout");
    }
    let reqpart = storage.reqpart.take();
    let asked = reqpart.as_ref().map(|r| &r.place).or(storage.autopart.as_ref().map(|a| &a.place));
    let (place, asked) = (asked.cloned().unwrap_or_else(|| whole.clone()), asked.is_some());
    let bios = mode.has_bios() && label == DiskLabel::Gpt;
    for (wanted, target, mib, kind, why) in [
        (bios, Target::BiosBoot, BIOS_BOOT_MIB, "biosboot", "for GRUB under BIOS"),
        (mode.has_uefi(), Target::Mount(EFI.into()), EFI_MIB, "efi", "for GRUB under UEFI"),
    ] {
        if !wanted || storage.partitions.iter().any(|p| p.target == target) {
            continue;
        }
        if !asked {
            let why = format!("{mib} MiB {why}, as reqpart adds it");
            note_added(format!("part {}", target.as_str()), &why);
        }
        storage.partitions.push(PartitionRequest::new(
            &place,
            target,
            SizeRequest::fixed(mib),
            Some(kind),
        ));
    }
    let boot = Target::Mount("/boot".into());
    let separate = reqpart.is_some_and(|r| r.boot) || storage.autopart.is_some();
    if separate && !storage.partitions.iter().any(|p| p.target == boot) {
        let kind = storage.autopart.as_ref().and_then(|a| a.kind.clone());
        let size = SizeRequest::fixed(BOOT_MIB);
        storage.partitions.push(PartitionRequest::new(&place, boot, size, kind.as_deref()));
    }
    notes
}

/// The firmware and the label, as far as profile and kickstart say.
fn choose(storage: &StorageRequest, disk: Option<u64>) -> (BootMode, DiskLabel) {
    let has = |name: &str| storage.partitions.iter().any(|p| p.target.as_str() == name);
    let mode = storage.boot.unwrap_or(match storage.label {
        // Who asks for the label of BIOS machines, and for nothing that UEFI reads, has such one.
        Some(DiskLabel::Msdos) if !has(EFI) => BootMode::Bios,
        _ => BootMode::Both,
    });
    // Anaconda's own choice on such machines.
    let is_small = disk.is_some_and(|bytes| bytes / MIB <= MAX_MSDOS_MIB);
    let label = storage.label.unwrap_or(match mode {
        BootMode::Bios if !has("biosboot") && is_small => DiskLabel::Msdos,
        _ => DiskLabel::Gpt,
    });
    (mode, label)
}

/// Takes out the partitions that nothing would read.
fn leave_out(storage: &mut StorageRequest, mode: BootMode, label: DiskLabel) -> Vec<StorageNote> {
    let mut notes = Vec::new();
    let profile = format!("the profile's boot is \"{}\"", mode.as_str());
    storage.partitions.retain(|part| {
        let why = match part.target.as_str() {
            "biosboot" if label == DiskLabel::Msdos => {
                "on an msdos label GRUB is between the boot record and the first partition"
            }
            "biosboot" if !mode.has_bios() => profile.as_str(),
            EFI if !mode.has_uefi() => profile.as_str(),
            _ => return true,
        };
        let (place, command) = (part.place.clone(), format!("part {}", part.target.as_str()));
        let why = format!("it is left out: {why}");
        notes.push(StorageNote { place, command, added: false, why });
        false
    });
    notes
}
