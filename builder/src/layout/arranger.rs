//! State of laying out a disk.

use super::autopart::{expand_automatic, swap_mib};
use super::request::{SizeRequest, StorageRequest};
use super::units::MIB;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;
use crate::base::place::Place;

/// A layout under construction.
pub struct Arranger {
    /// What is asked for, with `autopart` and `reqpart` written out.
    pub storage: StorageRequest,
    /// The disk's size.
    pub disk_mib: u64,
    /// The machine's memory.
    pub memory_mib: u64,
    /// What does not fit so far.
    pub errors: Vec<Diagnostic>,
}

impl Arranger {
    /// Nothing laid out yet.
    pub fn new(storage: &StorageRequest, machine: &LabMachine) -> Self {
        let (disk_mib, memory_mib) = (machine.disk / MIB, machine.memory / MIB);
        let storage = expand_automatic(storage, disk_mib, memory_mib);
        Self { storage, disk_mib, memory_mib, errors: Vec::new() }
    }

    /// Notes what does not fit: need and have, and what to do.
    pub fn push_error(&mut self, place: &Place, message: impl Into<String>, hint: &str) {
        self.errors.push(Diagnostic::error(place.clone(), message).hint(hint));
    }

    /// The minimum size of what is called `name`; 0 where none is asked for, which is an error.
    pub fn min_mib(&mut self, name: &str, place: &Place, size: &SizeRequest) -> u64 {
        if size.recommended || size.hibernation {
            return swap_mib(self.memory_mib, size.hibernation).max(1);
        }
        if size.min_mib.is_none() {
            self.push_error(place, format!("{name} has no size"), "give --size in MiB");
        }
        size.min_mib.unwrap_or(0)
    }
}
