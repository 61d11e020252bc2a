//! packstack's logs and processes on this node.

use crate::host::Host;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;

/// A link to the directory of the last run.
const LATEST: &str = "/var/tmp/packstack/latest";
/// Of a run's directory at most so many files are read, and so many directories deep.
const MAX_FILES_AND_DEPTH: (usize, u32) = (2000, 4);

/// A number that changes whenever a file of the last run's directory does.
///
/// # Errors
/// When symbolic links go in a circle.
pub fn fingerprint(host: &Host) -> io::Result<u64> {
    let mut hasher = DefaultHasher::new();
    let (mut left, deepest) = MAX_FILES_AND_DEPTH;
    let mut directories = vec![(host.path(LATEST)?, 0)];
    while let Some((directory, depth)) = directories.pop() {
        // What does not exist, or is removed meanwhile, does not count as news.
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && depth < deepest {
                directories.push((entry.path(), depth + 1));
            }
            (entry.file_name(), meta.len(), meta.mtime(), meta.mtime_nsec()).hash(&mut hasher);
            left -= 1;
            if left == 0 {
                return Ok(hasher.finish());
            }
        }
    }
    Ok(hasher.finish())
}

/// A process that was started with the argument `argument`, by its number.
///
/// # Errors
/// When symbolic links go in a circle.
pub fn find_process(host: &Host, argument: &str) -> io::Result<Option<u32>> {
    for entry in std::fs::read_dir(host.path("/proc")?).into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|byte| *byte == 0).any(|arg| arg == argument.as_bytes()) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
