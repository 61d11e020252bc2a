//! One directory takes another's place at once.

use crate::base::durable;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::path::Path;
use std::{fs, io};

/// What the replaced one is called where the two cannot be exchanged at once.
const OLD: &str = ".secrets-old";

/// Exchanges two directories' names.
pub fn exchange(copy: &Path, place: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, copy, AT_FDCWD, place, RenameFlags::RENAME_EXCHANGE) {
        Err(Errno::ENOSYS | Errno::EINVAL) => exchange_in_steps(copy, place),
        result => Ok(result?),
    }
}

/// For Linux before 3.15 and filesystems without that call. Where it is cut off,
/// [`restore_interrupted`] puts the old directory back.
fn exchange_in_steps(copy: &Path, place: &Path) -> io::Result<()> {
    let old = place.with_file_name(OLD);
    fs::rename(place, &old)?;
    fs::rename(copy, place)?;
    fs::rename(&old, copy)
}

/// Puts the directory `place` back where an exchange in steps was cut off.
pub fn restore_interrupted(place: &Path) -> io::Result<()> {
    let old = place.with_file_name(OLD);
    if !place.exists() && old.is_dir() {
        durable::rename(&old, place)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_exchanged_without_the_call_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        for (path, name) in [(&a, "old"), (&b, "new")] {
            fs::create_dir(path).unwrap();
            fs::write(path.join(name), "").unwrap();
        }
        exchange_in_steps(&b, &a).unwrap();
        assert!(a.join("new").exists() && b.join("old").exists());
        exchange(&b, &a).unwrap();
        assert!(a.join("old").exists() && b.join("new").exists());
    }
}
