//! Packages of imgbuild and firstboot: a .deb, an .rpm and a tarball with the same files. They need
//! nothing of the machine that they are installed on, and the same inputs give the same bytes.
//! `tests/package` makes them.

mod contents;
mod deb;
mod error;
mod rpm;
mod tarball;

pub use contents::PackageFile;
pub use error::PackageError;
use std::fs;
use std::path::{Path, PathBuf};

/// One line about the packages.
const SUMMARY: &str = "images of CentOS 7 nodes for an OpenStack lab";
/// More about them; blank lines have a dot, as Debian wants it.
const DESCRIPTION: [&str; 3] = [
    "imgbuild reads CentOS 7 media, a profile and a kickstart, and writes a bootable",
    "disk image for each node of an OpenStack lab; it also runs the nodes as virtual",
    "machines. firstboot, which it puts into the images, completes and checks a node.",
];
/// Who made them.
const MAINTAINER: &str = "imgbuild developers <imgbuild@localhost.localdomain>";
/// The licence, as SPDX has it.
const LICENCE: &str = "Apache-2.0";

/// What is packaged.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The version, `0.1.0`.
    pub version: &'a str,
    /// What is before the version is released: time and commit, `20261130120000.g761c681`. Later
    /// ones are newer.
    pub snapshot: Option<&'a str>,
    /// Time of everything in the packages, seconds since 1970.
    pub time: u32,
}

/// Makes the three packages in the directory `to`, of the programs in `programs` and the files of
/// `workspace`; returns their paths.
///
/// # Errors
/// What cannot be read or written, or is linked dynamically.
pub fn make(
    release: &Release,
    workspace: &Path,
    programs: &Path,
    to: &Path,
) -> Result<Vec<PathBuf>, PackageError> {
    let files = contents::files(workspace, programs)?;
    let packages = [
        (deb::file_name(release), deb::package(release, &files)?),
        (rpm::file_name(release), rpm::package(release, &files)?),
        (tarball::file_name(release), tarball::package(release, &files)?),
    ];
    fs::create_dir_all(to).map_err(PackageError::at(to))?;
    packages
        .into_iter()
        .map(|(name, bytes)| {
            let path = to.join(name);
            fs::write(&path, bytes).map_err(PackageError::at(&path))?;
            Ok(path)
        })
        .collect()
}
