//! What of this machine the lab's machines need, tried.

use super::probe;
use super::processor::KVM;
use super::virsh::Connection;
use crate::base::error::Result;
use std::path::Path;

/// Runs a small guest under KVM by the QEMU at `qemu`; why it does not work, if it does not.
///
/// # Errors
/// An environment error when the probe cannot be started.
pub fn try_kvm(qemu: &Path) -> Result<Result<(), String>> {
    Ok(probe::run(qemu, KVM, probe::LIMIT)?.map_err(|failure| failure.0))
}

/// The address of the libvirt that answers.
///
/// # Errors
/// An environment error when none does.
pub fn try_libvirt() -> Result<String> {
    Connection::find().map(|connection| connection.uri)
}
