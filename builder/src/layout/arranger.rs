//! State of laying out a disk.

use super::autopart::{expand_automatic, swap_mib};
use super::disk_names::disk_index;
use super::label::DiskLabel;
use super::request::{PartitionRequest, SizeRequest, StorageRequest};
use super::units::MIB;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;
use crate::base::place::Place;

/// blivet's size of a partition that has none (`PartitionDevice.defaultSize`).
const DEFAULT_MIB: u64 = 500;

/// A layout under construction.
pub struct Arranger {
    /// What is asked for, with `autopart` and `reqpart` written out.
    pub storage: StorageRequest,
    /// The size of the first disk.
    pub disk_mib: u64,
    /// Sizes of all disks.
    pub disks_mib: Vec<u64>,
    /// The machine's memory.
    pub memory_mib: u64,
    /// What does not fit so far.
    pub errors: Vec<Diagnostic>,
}

impl Arranger {
    /// Nothing laid out yet.
    pub fn new(storage: &StorageRequest, machine: &LabMachine) -> Self {
        let (disk_mib, memory_mib) = (machine.disk / MIB, machine.memory / MIB);
        let mut storage = storage.clone();
        storage.boot = storage.boot.or(machine.boot);
        let storage = expand_automatic(&storage, disk_mib, memory_mib);
        let disks_mib = machine.disks().map(|bytes| bytes / MIB).collect();
        Self { storage, disk_mib, disks_mib, memory_mib, errors: Vec::new() }
    }

    /// The number of the disk that a partition is on: the first, unless it names another one of
    /// several. None where there is no such disk.
    pub fn disk_of(&self, part: &PartitionRequest) -> Option<usize> {
        match &part.disk {
            Some(name) if self.disks_mib.len() > 1 => {
                disk_index(name).filter(|index| *index < self.disks_mib.len())
            }
            _ => Some(0),
        }
    }

    /// The kind of the disk's partition table.
    pub fn label(&self) -> DiskLabel {
        self.storage.label.unwrap_or_default()
    }

    /// Notes what does not fit: need and have, and what to do.
    pub fn push_error(&mut self, place: &Place, message: impl Into<String>, hint: &str) {
        self.errors.push(Diagnostic::error(place.clone(), message).hint(hint));
    }

    /// The size that is asked for before anything grows.
    pub fn min_mib(&self, size: &SizeRequest) -> u64 {
        match (size.recommended || size.hibernation, size.hibernation) {
            (true, true) => swap_mib(self.memory_mib, true).max(1),
            // A tenth of the disk at most.
            (true, false) => swap_mib(self.memory_mib, false).min(self.disk_mib / 10).max(1),
            (false, _) => size.min_mib.unwrap_or(DEFAULT_MIB),
        }
    }
}
