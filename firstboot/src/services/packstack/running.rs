//! puppet's own log while it applies one of packstack's manifests on this node.

use crate::host::Host;
use crate::host::followed::plain;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// The runs of packstack, each with a directory of manifests.
const RUNS: &str = "/var/tmp/packstack";
/// The answer file of the run, whose passwords may be in puppet's log.
pub const ANSWERS: &str = "/var/lib/firstboot/packstack/in-use.txt";
/// At one look at most so many bytes of a log are read, its last ones.
const PIECE: u64 = 64 << 10;

/// The log of a manifest that is being applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningLog {
    /// The manifest, `192.168.1.10_controller.pp`.
    pub manifest: String,
    /// Where the log is.
    pub path: PathBuf,
    /// Bytes that have been read.
    read: u64,
}

impl RunningLog {
    /// The whole lines since the last look, without colours.
    ///
    /// # Errors
    /// As reading a file.
    pub fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let from = self.read.max(length.saturating_sub(PIECE));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
        self.read = from + whole as u64;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().map(plain).filter(|line| !line.is_empty()).collect())
    }
}

/// The logs that are being written; one that puppet left when it was killed is among them.
///
/// # Errors
/// When symbolic links go in a circle.
pub fn list_running(host: &Host) -> io::Result<Vec<RunningLog>> {
    let mut found = Vec::new();
    for run in std::fs::read_dir(host.path(RUNS)?).into_iter().flatten().flatten() {
        // `latest` is a link to one of them.
        if !run.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for entry in std::fs::read_dir(run.path().join("manifests")).into_iter().flatten().flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(manifest) = name.strip_suffix(".running") {
                let manifest = manifest.to_owned();
                found.push(RunningLog { manifest, path: entry.path(), read: 0 });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
