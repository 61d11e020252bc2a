//! Why there are no packages.

use std::io;
use std::path::{Path, PathBuf};

/// What was wrong.
#[derive(Debug)]
pub enum PackageError {
    /// A file that cannot be read or written.
    File(PathBuf, io::Error),
    /// A program that needs libraries.
    Dynamic(PathBuf),
    /// The package itself.
    Package(io::Error),
}

impl PackageError {
    /// Of the file at `path`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::File(path, error)
    }
}

impl From<io::Error> for PackageError {
    fn from(error: io::Error) -> Self {
        Self::Package(error)
    }
}

impl std::fmt::Display for PackageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Dynamic(path) => write!(
                f,
                "{} is linked dynamically; build it from the workspace, whose .cargo makes it static",
                path.display()
            ),
            Self::Package(error) => write!(f, "cannot write a package: {error}"),
        }
    }
}

impl std::error::Error for PackageError {}
