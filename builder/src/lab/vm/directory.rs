//! What a machine's directory holds.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The serial console's socket in a node's directory.
pub const SERIAL: &str = "serial";

/// QEMU's log in a node's directory: what it writes after its start.
pub const LOG: &str = "qemu.log";

/// The first disk's file in a node's directory.
pub const OVERLAY: &str = "overlay.qcow2";

/// The file there of a further disk of this name.
pub fn overlay(disk: &str) -> String {
    format!("overlay.{disk}.qcow2")
}

/// Connects to a socket of a node's directory, however long the directory's path is.
///
/// # Errors
/// When there is no socket or nobody listens.
pub fn connect(directory: &Path, name: &str) -> io::Result<UnixStream> {
    let directory = File::open(directory)?;
    let place: PathBuf =
        ["/proc/self/fd", &directory.as_raw_fd().to_string(), name].iter().collect();
    UnixStream::connect(place)
}
