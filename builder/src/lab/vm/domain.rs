//! One machine under libvirt: its description, what QEMU may read, its start.

use super::access::{self, Access};
use super::directory;
use super::images::Machine;
use super::options::Firmware;
use super::state::CONSOLE;
use super::virsh::{Connection, Domain, Network};
use crate::base::error::{Context, Error, Result};
use crate::image;
use crate::image::output::libvirt;
use crate::plan::Lab;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How a machine is to be started.
pub struct Start<'a> {
    /// Where.
    pub connection: &'a Connection,
    /// The machine.
    pub machine: &'a Machine,
    /// The lab's name.
    pub lab: &'a str,
    /// The directory of the lab's state.
    pub state: &'a Path,
    /// The node's directory in it, absolute, with its disk.
    pub directory: &'a Path,
    /// Whether the processor is emulated.
    pub emulated: bool,
    /// Memory in bytes.
    pub memory: u64,
    /// Firmware.
    pub firmware: Firmware,
}

/// Starts the machine.
///
/// # Errors
/// An environment error with libvirt's message, or when its log cannot be created.
pub fn start(options: &Start<'_>) -> Result<Domain> {
    let Start { connection, machine, directory, emulated, .. } = *options;
    let further = machine.further.iter().map(|disk| directory::overlay(&disk.name));
    let names = [directory::OVERLAY.to_owned()].into_iter().chain(further);
    let disks: Vec<PathBuf> = names.map(|name| directory.join(name)).collect();
    let log = directory.join(CONSOLE);
    // virtlogd would make it root's, not the user's, alone.
    let created = File::options().append(true).create(true).mode(0o600).open(&log);
    created.or_environment(|| format!("cannot write {}", log.display()))?;
    // The disks first: they are written.
    let mut files = disks.clone();
    for disk in &disks {
        files.extend(image::files(disk)?.into_iter().skip(1));
    }
    let domain = libvirt::Domain {
        owner: &owner(options.state)?,
        lab: options.lab,
        node: &machine.name,
        address: machine.address,
        mac: &machine.mac,
        // A second emulated processor costs more than it gives.
        cpus: if emulated { 1 } else { machine.cpus },
        memory: options.memory,
        images: &disks,
        format: "qcow2",
        relabel: !open_to(connection.qemu_user()?, &files, disks.len(), options),
        emulated,
        uefi: options.firmware == Firmware::Uefi,
        log: Some(&log),
    };
    let user = connection.qemu_user().ok().flatten();
    Domain::start(connection, domain.uuid(), &domain.xml()).map_err(|e| explain(e, &files, user))
}

/// Starts the lab's network.
///
/// # Errors
/// An environment error with libvirt's message.
pub fn network(
    connection: &Connection,
    lab: &Lab,
    machines: &[Machine],
    state: &Path,
) -> Result<Network> {
    let owner = owner(state)?;
    let nodes = machines.iter().map(|m| (m.name.as_str(), m.address));
    let xml = libvirt::network(&owner, lab, nodes);
    Network::start(connection, libvirt::network_uuid(&owner, lab), &xml)
}

/// Two labs of one name are told apart by the directories that they are kept in.
fn owner(state: &Path) -> Result<String> {
    let what = || format!("cannot use {}", state.display());
    Ok(state.canonicalize().or_environment(what)?.to_string_lossy().into_owned())
}

/// Lets QEMU's user at the disks, the first of the files, and at what is below them, through the
/// state's directories, which are closed to others. Whether that could be done; if not, libvirt
/// has to make them that user's own.
fn open_to(user: Option<u32>, files: &[PathBuf], disks: usize, options: &Start<'_>) -> bool {
    if let Some(user) = user.filter(|user| *user != 0) {
        let state = std::path::absolute(options.state).unwrap_or_default();
        let above = options.directory.ancestors().take_while(|d| d.starts_with(&state));
        let directories: Vec<&Path> = above.chain(state.parent()).collect();
        // What still keeps QEMU out is reported when it cannot be started.
        let _ = access::let_pass(&directories, user);
    }
    let grant = |user: u32, (number, file): (usize, &PathBuf)| {
        let access = if number < disks { Access::Write } else { Access::Read };
        access::grant(file, user, access).is_ok()
    };
    match user {
        // Root may read everything.
        Some(0) => true,
        Some(user) => files.iter().enumerate().all(|file| grant(user, file)),
        None => false,
    }
}

/// A file that cannot be read often is in a home directory that nobody else may enter.
fn explain(error: Error, files: &[PathBuf], user: Option<u32>) -> Error {
    if !error.message.contains("Permission denied") {
        return error;
    }
    error.hint(match files.iter().find_map(|file| access::barrier(file, user)) {
        Some(directory) => format!(
            "libvirt's QEMU runs as a user of its own, who may not pass {}: `chmod o+x` lets it, \
             or build to another --output and give --state a directory like /var/lib/imgbuild",
            directory.display()
        ),
        None => "libvirt's QEMU runs as a user of its own, who must be able to read the images \
                 and the directory of the machines"
            .to_owned(),
    })
}
