//! rpm's database, where it is BerkeleyDB's (rpm 4.11 of EL7): every header in it has the
//! time of its installation, and every file of it a random identifier. Newer rpms take the
//! time from `SOURCE_DATE_EPOCH` themselves.
//!
//! The tree's own `db_dump` and `db_load` (rpm of EL7 needs their package) take the headers
//! out and put them back with the build's time, and its own `rpm --rebuilddb` makes the
//! indexes again. Sources: db_dump(1) for the text form, rpm's `lib/header.c` for the blobs.

use super::job::Listener;
use crate::base::error::{Context, Error, Result};
use crate::tree;
use crate::tree::sandbox::Sandbox;
use formats::berkeley;
use sha1::{Digest, Sha1};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;

const DIRECTORY: &str = "var/lib/rpm";
/// Where the dump is for a moment, in the tree.
const WORK: &str = "imgbuild-rpmdb";

/// Bytes of one database file; that of a thousand packages has 100 MB.
const LARGEST: u64 = 1 << 30;

const INSTALL_TIME: u32 = 1008;
const INSTALL_TID: u32 = 1128;
const INT32: u32 = 4;

/// Settles the database of the tree in `root` to `time`, if it is one of BerkeleyDB's.
///
/// # Errors
/// A build error with the message of the tree's own tools.
pub fn settle(root: &Path, time: i64, listener: &mut dyn Listener) -> Result<()> {
    let packages = format!("{DIRECTORY}/Packages");
    let Some(path) = tree::inside(root, &packages)? else { return Ok(()) };
    if !is_berkeley(&path)? {
        return Ok(());
    }
    let work = root.join(WORK);
    let what = || format!("cannot write to {}", work.display());
    fs::create_dir(&work).or_build(what)?;
    let loaded = dump(root, &work, time).and_then(|()| {
        let script = format!(
            "set -e
            db_load -f /{WORK}/dump /{WORK}/Packages
            chown --reference=/{packages} /{WORK}/Packages
            chmod --reference=/{packages} /{WORK}/Packages
            mv /{WORK}/Packages /{packages}
            rpm --rebuilddb
            rm -f /{DIRECTORY}/__db.*"
        );
        Sandbox::new(root, ["/bin/sh", "-c", &script]).must(&mut |line| listener.log(line))
    });
    fs::remove_dir_all(&work).or_build(what)?;
    loaded?;
    identify(root)
}

fn is_berkeley(path: &Path) -> Result<bool> {
    let what = || format!("cannot read {}", path.display());
    if !fs::symlink_metadata(path).or_build(what)?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    let limit = berkeley::START as u64;
    File::open(path).or_build(what)?.take(limit).read_to_end(&mut start).or_build(what)?;
    Ok(berkeley::is_database(&start))
}

/// Gives each file an identifier by its name (different for each, the same in every build),
/// and removes what the pages do not use.
fn identify(root: &Path) -> Result<()> {
    // The tree's own programs have run: whatever is there now is checked again.
    let Some(directory) = tree::inside(root, DIRECTORY)? else { return Ok(()) };
    let what = || format!("cannot settle {}", directory.display());
    for entry in fs::read_dir(&directory).or_build(what)? {
        let path = entry.or_build(what)?.path();
        if !is_berkeley(&path)? {
            continue;
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let file = format!("{DIRECTORY}/{name}");
        let Some(mut bytes) = tree::read_file(root, &file, LARGEST)? else { continue };
        let identifier: [u8; 20] = Sha1::digest(name.as_bytes()).into();
        berkeley::identify(&mut bytes, &identifier);
        berkeley::clear_unused(&mut bytes);
        tree::rewrite_file(root, &file, &bytes)?;
    }
    Ok(())
}

/// Writes `work/dump`: what `db_dump` prints of the headers, with `time` in them.
fn dump(root: &Path, work: &Path, time: i64) -> Result<()> {
    let path = work.join("dump");
    let what = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create_new(&path).or_build(what)?);
    let mut failed = None;
    let command = ["db_dump".to_owned(), format!("/{DIRECTORY}/Packages")];
    let mut sandbox = Sandbox::new(root, command);
    sandbox.data = true;
    sandbox.must(&mut |line| {
        let settled = header_at(line, time).unwrap_or_else(|| line.to_owned());
        if failed.is_none() {
            failed = writeln!(file, "{settled}").err();
        }
    })?;
    match failed.or_else(|| file.flush().err()) {
        Some(e) => Err(Error::build(format!("{}: {e}", what()))),
        None => Ok(()),
    }
}

/// A line of the dump with the header on it installed at `time`; `None` when there is none
/// on it (a key, or what describes the database).
fn header_at(line: &str, time: i64) -> Option<String> {
    let mut blob = hex::decode(line.strip_prefix(' ')?).ok()?;
    let stamp = u32::try_from(time).ok()?.to_be_bytes();
    let number = |blob: &[u8], at: usize| {
        Some(u32::from_be_bytes(blob.get(at..at.checked_add(4)?)?.try_into().ok()?))
    };
    let entries = number(&blob, 0)? as usize;
    let data = entries.checked_mul(16)?.checked_add(8)?;
    if data.checked_add(number(&blob, 4)? as usize)? != blob.len() {
        return None;
    }
    for entry in (8..data).step_by(16) {
        let (tag, kind) = (number(&blob, entry)?, number(&blob, entry + 4)?);
        if kind == INT32 && matches!(tag, INSTALL_TIME | INSTALL_TID) {
            let at = data.checked_add(number(&blob, entry + 8)? as usize)?;
            blob.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&stamp);
        }
    }
    Some(format!(" {}", hex::encode(blob)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header blob with a name and both times.
    fn blob(time: u32) -> String {
        let entries = [[1000, 6, 0, 1], [INSTALL_TIME, INT32, 4, 1], [INSTALL_TID, INT32, 8, 1]];
        let mut blob: Vec<u8> = [3u32, 12].iter().flat_map(|n| n.to_be_bytes()).collect();
        blob.extend(entries.concat().iter().flat_map(|n: &u32| n.to_be_bytes()));
        blob.extend(b"rpm\0");
        blob.extend(time.to_be_bytes());
        blob.extend(time.to_be_bytes());
        format!(" {}", hex::encode(blob))
    }

    #[test]
    fn headers_get_the_time_and_nothing_else_changes() {
        assert_eq!(header_at(&blob(1_700_000_000), 1000), Some(blob(1000)));
        for other in ["VERSION=3", " 01000000", " 00000000", "", "DATA=END", " zz"] {
            assert_eq!(header_at(other, 1000), None, "{other}");
        }
    }
}
