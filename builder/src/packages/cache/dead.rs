//! What killed programs left in the cache: everything that is written under another name until
//! it is whole, and that no running program holds locked.

use super::directory::CacheDirectory;
use crate::base::private;
use nix::fcntl::FlockArg;
use std::fs;
use std::path::{Path, PathBuf};

/// How an installed tree's directory begins until it is whole.
pub const TREE: &str = "partial-";
/// How one begins while it is being removed.
pub const REMOVING: &str = "removing-";
/// How the directory begins where images are built again to be compared.
pub const REBUILD: &str = "rebuild-";
/// How the log of a build under way begins.
pub const LOG: &str = "running-";

impl CacheDirectory {
    /// Removes what killed programs left, and returns what it removed of trees, images and logs.
    /// What cannot be removed stays.
    pub fn remove_dead(&self) -> Vec<PathBuf> {
        if self.is_read_only() || !self.root().is_dir() {
            return Vec::new();
        }
        // Others create their marks and lock them in one go, as long as nobody has this.
        if let Ok(_lock) = self.lock(FlockArg::LockExclusiveNonblock) {
            private::remove_dead(&self.root().join("running"), "");
        }
        let mut removed = Vec::new();
        for (parent, prefix) in places(self.root()) {
            removed.extend(private::remove_dead(&parent, prefix).removed);
        }
        removed
    }
}

/// What of it there is, the marks of programs that used the cache included.
pub fn find(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (parent, prefix) in places(root).into_iter().chain([(root.join("running"), "")]) {
        found.extend(private::find_dead(&parent, prefix));
    }
    found
}

/// Where it may be, and how it is called there.
fn places(root: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut places = vec![
        (root.to_owned(), REBUILD),
        (root.to_owned(), "practice.partial-"),
        (root.join("logs"), LOG),
    ];
    for trees in trees(root) {
        // An older version locks all of a directory's trees together.
        if !private::is_locked(&trees.join("lock")) {
            places.push((trees.clone(), TREE));
        }
        places.push((trees, REMOVING));
    }
    places
}

/// Directories of trees: root's own, and `trees-` and eight digits of other id maps.
pub fn trees(root: &Path) -> Vec<PathBuf> {
    let named = |name: &str| {
        let id = name.strip_prefix("trees-");
        name == "trees" || id.is_some_and(|id| id.len() == 8 && digits(id))
    };
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter(|e| named(&e.file_name().to_string_lossy()))
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}

pub fn digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}
