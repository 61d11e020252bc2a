//! The plan's packages in a directory of their own, for rpm: nothing else of the cache is seen
//! inside, and nobody else can put another file in the place of one that was checked.

use super::job::PackageFile;
use crate::base::error::{Context, Result};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The directory; removed when it is dropped.
pub struct Packages {
    place: tempfile::TempDir,
    names: Vec<String>,
}

impl Packages {
    /// The directory's absolute path.
    ///
    /// # Errors
    /// A build error when the working directory is gone.
    pub fn directory(&self) -> Result<PathBuf> {
        let place = self.place.path();
        std::path::absolute(place).or_build(|| place.display().to_string())
    }

    /// The packages' paths where the directory is shown at `inside`, in the order given.
    pub fn inside<'a>(&'a self, inside: &'a str) -> impl Iterator<Item = String> + 'a {
        self.names.iter().map(move |name| format!("{inside}/{name}"))
    }
}

/// Puts the packages into a new directory in `directory`, which is on the cache's filesystem.
///
/// # Errors
/// An environment error when it cannot be written.
pub fn gather(packages: &[PackageFile], directory: &Path) -> Result<Packages> {
    let what = || format!("cannot write to {}", directory.display());
    let place =
        tempfile::Builder::new().prefix("packages-").tempdir_in(directory).or_environment(what)?;
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).or_environment(what)?;
    let mut names = Vec::new();
    for (number, package) in packages.iter().enumerate() {
        let name = format!("{number}.rpm");
        let to = place.path().join(&name);
        // A link costs nothing; where the cache is another user's or another filesystem's there
        // is none.
        if fs::hard_link(&package.path, &to).is_err() {
            fs::copy(&package.path, &to).or_environment(what)?;
        }
        names.push(name);
    }
    Ok(Packages { place, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, name).unwrap();
            PackageFile { path, bootstrap: false }
        };
        let packages = gather(&[file("b"), file("a")], dir.path()).unwrap();
        let paths: Vec<String> = packages.inside("/p").collect();
        assert_eq!(paths, ["/p/0.rpm", "/p/1.rpm"]);
        let place = packages.directory().unwrap();
        assert_eq!(fs::read(place.join("0.rpm")).unwrap(), b"b");
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o755);
        drop(packages);
        assert!(!place.exists());
    }
}
