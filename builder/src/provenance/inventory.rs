//! What the headers of the installed packages say of them: kept with the installed tree, so
//! that a manifest and an SBOM can list it when no package is read any more.

use crate::base::error::{Context, Result};
use crate::packages::repo::package_file;
use crate::plan;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The file in an installed tree's directory.
const FILE: &str = "packages.json";

/// One package's header, as far as it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `name-[epoch:]version-release.arch`.
    pub nevra: String,
    /// Licence as the packager wrote it.
    pub license: String,
    /// Who distributes it, else empty.
    pub vendor: String,
    /// Home page, else empty.
    pub url: String,
    /// One line about it.
    pub summary: String,
    /// File name of the source package.
    pub source: String,
}

/// Reads the headers of package files and writes what they say next to the tree in `directory`.
///
/// # Errors
/// An input error for a package that cannot be read, a build error when writing fails.
pub fn write(directory: &Path, packages: &[&Path]) -> Result<()> {
    let about: Vec<About> = packages
        .par_iter()
        .map(|path| {
            let package = package_file::open(path)?.package;
            Ok(About {
                nevra: package.nevra(),
                license: package.license,
                vendor: package.vendor,
                url: package.url,
                summary: package.summary,
                source: package.source,
            })
        })
        .collect::<Result<_>>()?;
    let place = directory.join(FILE);
    let text = serde_json::to_vec(&about).or_build(|| "packages".to_owned())?;
    fs::write(&place, text).or_build(|| format!("cannot write {}", place.display()))
}

/// What is known of the plan's packages, in the plan's order, from the tree in `directory`.
///
/// # Errors
/// A build error when it does not exist or lacks one of them.
pub fn read(directory: &Path, packages: &[plan::PlanPackage]) -> Result<Vec<About>> {
    let place = directory.join(FILE);
    let what = || format!("cannot read {}", place.display());
    let text = fs::read(&place).or_build(what)?;
    let mut all: std::collections::HashMap<String, About> =
        serde_json::from_slice::<Vec<About>>(&text)
            .or_build(what)?
            .into_iter()
            .map(|about| (about.nevra.clone(), about))
            .collect();
    packages
        .iter()
        .map(|p| all.remove(&p.nevra()).ok_or(p.nevra()))
        .collect::<Result<_, _>>()
        .or_build(|| format!("{}: a package is missing", place.display()))
}
