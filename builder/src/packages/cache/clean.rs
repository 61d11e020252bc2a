//! Removing from the cache: by kind, down to a size, least recently used first.

use super::dead;
use super::directory::CacheDirectory;
use super::survey::{self, CacheEntry, CacheKind};
use crate::base::error::{Context, Result};
use crate::base::interrupt;
use crate::base::private;
use nix::fcntl::FlockArg;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// What may be removed.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Of these kinds.
    pub kinds: Vec<CacheKind>,
    /// Until these kinds together have no more bytes than this.
    pub keep: u64,
    /// Only if not used since.
    pub unused_since: Option<SystemTime>,
}

/// An entry and what became of it.
#[derive(Clone, Debug)]
pub struct Removal {
    /// The entry.
    pub entry: CacheEntry,
    /// Whether it is removed (or would be).
    pub removed: bool,
    /// Why it stays although it was to go.
    pub kept: Option<String>,
    /// Whether it stays because it cannot be removed, and not because somebody uses it.
    pub failed: bool,
}

/// Removes what `selection` names, and what killed programs left; with `dry_run` only reports
/// what would be removed. All entries of the kinds selected are reported, those not used for
/// longest first.
///
/// # Errors
/// An environment error when the cache cannot be read; interruption.
pub fn clean(
    directory: &CacheDirectory,
    selection: &Selection,
    dry_run: bool,
) -> Result<Vec<Removal>> {
    if !directory.root().is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = survey::survey(directory.root())?;
    let dead = |entry: &CacheEntry| entry.kind == CacheKind::Leftovers;
    entries.retain(|entry| dead(entry) || selection.kinds.contains(&entry.kind));
    entries.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    let mut total: u64 = entries.iter().filter(|e| !dead(e)).map(|entry| entry.bytes).sum();
    let mut removals = Vec::new();
    for entry in entries {
        interrupt::check()?;
        let mut removal = Removal { entry, removed: false, kept: None, failed: false };
        if dead(&removal.entry) {
            match remove_dead(directory, &removal.entry.path, dry_run) {
                Ok(()) => removal.removed = true,
                Err(kept) => removal.keep(kept),
            }
            removals.push(removal);
            continue;
        }
        if total > selection.keep || selection.keep == 0 {
            match remove(directory, &removal.entry, selection.unused_since, dry_run) {
                Ok(()) => removal.removed = true,
                Err(kept) => removal.keep(kept),
            }
        }
        if removal.removed {
            total -= removal.entry.bytes;
        }
        removals.push(removal);
    }
    Ok(removals)
}

/// Why an entry stays.
struct Kept {
    why: String,
    /// Whether it should have gone.
    failed: bool,
}

impl Kept {
    fn used(why: &str) -> Self {
        Self { why: why.to_owned(), failed: false }
    }

    fn failed(why: impl ToString) -> Self {
        Self { why: why.to_string(), failed: true }
    }
}

impl Removal {
    fn keep(&mut self, kept: Kept) {
        (self.kept, self.failed) = (Some(kept.why), kept.failed);
    }
}

/// Removes what a killed program left, unless somebody holds it now.
fn remove_dead(directory: &CacheDirectory, path: &Path, dry_run: bool) -> Result<(), Kept> {
    // Marks of running programs are created and locked while nobody has this.
    let lock = directory.lock(FlockArg::LockExclusive).map_err(Kept::failed)?;
    if dry_run {
        return Ok(());
    }
    if path.is_dir() {
        drop(lock);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    private::remove_dead(path.parent().unwrap_or(path), &name);
    match path.exists() {
        true if private::is_locked(path) => Err(Kept::used("in use")),
        true => Err(Kept::failed("cannot be removed")),
        false => Ok(()),
    }
}

/// Removes an entry unless it is in use; the error is why it stays.
fn remove(
    directory: &CacheDirectory,
    entry: &CacheEntry,
    unused_since: Option<SystemTime>,
    dry_run: bool,
) -> Result<(), Kept> {
    let root = directory.root();
    // Nobody starts using anything while this is held.
    let lock = directory.lock(FlockArg::LockExclusive).map_err(Kept::failed)?;
    let meta = fs::symlink_metadata(&entry.path).map_err(Kept::failed)?;
    let used = meta.modified().map_err(Kept::failed)?;
    if entry.busy || directory.others_since().is_some_and(|since| used >= since) {
        return Err(Kept::used("in use by a build that is running"));
    }
    if unused_since.is_some_and(|since| used >= since) {
        return Err(Kept::used("just used"));
    }
    if dry_run {
        return Ok(());
    }
    let failed = |e: std::io::Error| Kept::failed(format!("cannot be removed: {e}"));
    if !meta.is_dir() {
        return fs::remove_file(&entry.path).map_err(failed);
    }
    let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
    let away = entry.path.with_file_name(format!("{}{name}", dead::REMOVING));
    fs::rename(&entry.path, &away).map_err(failed)?;
    // From here on nobody finds it, however long taking it away lasts.
    drop(lock);
    let _ = fs::remove_file(survey::size_file(root, &entry.path));
    take_away(&away).map_err(|e| Kept::failed(e.message))
}

fn take_away(directory: &Path) -> Result<()> {
    fs::remove_dir_all(directory)
        .or_environment(|| format!("cannot remove {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    fn file(root: &Path, path: &str, kib: usize, age: u64) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![1; kib << 10]).unwrap();
        let time = SystemTime::now() - Duration::from_secs(age);
        File::open(&path).unwrap().set_modified(time).unwrap();
    }

    fn digest(letter: char) -> String {
        letter.to_string().repeat(64)
    }

    fn all(keep: u64) -> Selection {
        Selection { kinds: CacheKind::ALL.to_vec(), keep, unused_since: None }
    }

    fn removed(directory: &CacheDirectory, selection: &Selection, dry_run: bool) -> Vec<String> {
        let name = |r: Removal| r.entry.path.file_name().unwrap().to_string_lossy().into_owned();
        let removals = clean(directory, selection, dry_run).unwrap();
        removals.into_iter().filter(|r| r.removed).map(name).collect()
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let directory = CacheDirectory::new(dir.path());
        for (letter, age) in [('a', 300), ('b', 200), ('c', 100)] {
            file(dir.path(), &format!("packages/{}.rpm", digest(letter)), 64, age);
        }
        file(dir.path(), &format!("trees/{}/root/file", digest('d')), 64, 0);
        let tree = dir.path().join("trees").join(digest('d'));
        let old = SystemTime::now() - Duration::from_secs(250);
        File::open(&tree).unwrap().set_modified(old).unwrap();
        let [a, b, d] = ["a.rpm", "b.rpm", "d"]
            .map(|n| n.replacen(&n[..1], &digest(n.chars().next().unwrap()), 1));
        let keep = all(150 << 10);
        assert_eq!(removed(&directory, &keep, true), [a.clone(), d.clone()]);
        assert_eq!(removed(&directory, &keep, false), [a, d]);
        assert!(!tree.exists());
        assert_eq!(removed(&directory, &keep, false), [""; 0]);
        assert!(directory.use_entry(&dir.path().join(format!("packages/{b}"))).unwrap());
        assert_eq!(removed(&directory, &all(100 << 10), false), [digest('c') + ".rpm"]);
    }

    #[test]
    fn foreign_things_stay() {
        let dir = tempfile::tempdir().unwrap();
        for foreign in
            ["packages/mine.rpm", "packages/notes", "trees/holiday/photo", "x", "debs2/y"]
        {
            file(dir.path(), foreign, 1, 100);
        }
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "1").unwrap();
        let link = dir.path().join("trees").join(digest('a'));
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        fs::create_dir_all(dir.path().join("practice/mine")).unwrap();
        assert_eq!(removed(&CacheDirectory::new(dir.path()), &all(0), false), [""; 0]);
        assert!(outside.path().join("precious").exists() && link.is_symlink());
    }

    #[test]
    fn what_a_running_build_uses_stays() {
        let dir = tempfile::tempdir().unwrap();
        let name = |letter| format!("packages/{}.rpm", digest(letter));
        file(dir.path(), &name('a'), 1, 100);
        file(dir.path(), &name('b'), 1, 100);
        let build = CacheDirectory::new(dir.path());
        assert!(build.use_entry(&dir.path().join(name('a'))).unwrap());
        let cleaner = CacheDirectory::new(dir.path());
        let removals = clean(&cleaner, &all(0), false).unwrap();
        let kept = removals.iter().find(|r| !r.removed).unwrap();
        assert_eq!(kept.kept.as_deref(), Some("in use by a build that is running"));
        assert!(dir.path().join(name('a')).exists() && !dir.path().join(name('b')).exists());
        drop(build);
        assert_eq!(removed(&cleaner, &all(0), false).len(), 1);
    }

    #[test]
    fn what_killed_programs_left_always_goes() {
        let dir = tempfile::tempdir().unwrap();
        let dead = ["logs/running-1.log", "running/1-x", "rebuild-x/disk", "trees/partial-x/f"];
        for path in dead.iter().chain(&["trees/removing-x/f", "logs/build-1.log"]) {
            file(dir.path(), path, 1, 100);
        }
        let held = private::Scratch::new(&dir.path().join("trees"), dead::TREE).unwrap();
        let directory = CacheDirectory::new(dir.path());
        let nothing = Selection { kinds: Vec::new(), keep: u64::MAX, unused_since: None };
        let all = ["1-x", "partial-x", "rebuild-x", "removing-x", "running-1.log"];
        for dry_run in [true, false] {
            let mut names = removed(&directory, &nothing, dry_run);
            names.sort();
            assert_eq!(names, all, "{dry_run}");
        }
        assert_eq!(removed(&directory, &nothing, false), [""; 0]);
        assert!(dir.path().join("logs/build-1.log").exists() && held.path().exists());

        file(dir.path(), "trees/partial-y/f", 1, 0);
        file(dir.path(), "running/2-y", 1, 0);
        assert_eq!(directory.remove_dead(), [dir.path().join("trees/partial-y")]);
        assert!(!dir.path().join("running/2-y").exists() && held.path().exists());
    }

    #[test]
    fn what_was_just_used_stays_after_a_build() {
        let dir = tempfile::tempdir().unwrap();
        let since = SystemTime::now() - Duration::from_secs(50);
        file(dir.path(), &format!("packages/{}.rpm", digest('a')), 1, 100);
        file(dir.path(), &format!("packages/{}.rpm", digest('b')), 1, 10);
        let selection = Selection { unused_since: Some(since), ..all(1) };
        assert_eq!(
            removed(&CacheDirectory::new(dir.path()), &selection, false),
            [digest('a') + ".rpm"]
        );
    }
}
