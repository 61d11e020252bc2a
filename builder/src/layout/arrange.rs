//! Storage commands → places on one disk.

use super::arrangement::Arrangement;
use super::arranger::Arranger;
use super::groups::{arrange_group, group_grows};
use super::partitions::arrange_partitions;
use super::request::StorageRequest;
use super::shortcomings::{find_far_boot, find_small};
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;

/// Lays out the machine's disk.
///
/// # Errors
/// Everything that does not fit. How large volume groups are that grow is not known where the
/// partitions do not fit; those are not judged then.
pub fn arrange(
    storage: &StorageRequest,
    machine: &LabMachine,
) -> Result<Arrangement, Vec<Diagnostic>> {
    let mut arranger = Arranger::new(storage, machine);
    let partitions = arrange_partitions(&mut arranger);
    let fits = arranger.errors.is_empty();
    let mut groups = Vec::new();
    for group in &arranger.storage.volume_groups.clone() {
        if fits || !group_grows(group, &arranger.storage) {
            groups.extend(arrange_group(&mut arranger, group, &partitions));
        }
    }
    // What grows is small where nothing is left for it, which is reported already.
    let judged = partitions.iter().filter(|p| fits || !p.request.size.grow);
    arranger.errors.extend(find_small(judged, &groups));
    if !machine.more_disks.is_empty() {
        arranger.errors.extend(find_far_boot(&partitions, &groups, machine.disk));
    }
    match arranger.errors.is_empty() {
        true => Ok(Arrangement {
            size_bytes: machine.disk,
            further_bytes: machine.more_disks.clone(),
            label: arranger.label(),
            partitions,
            groups,
            tmpfs: arranger.storage.tmpfs,
        }),
        false => Err(arranger.errors),
    }
}
