//! An image against one that is built again from the plan in its manifest.

use super::options::{BuildOptions, Destination, Select};
use super::overlay;
use super::recipe::build;
use crate::base::durable;
use crate::base::error::{Context as _, Error, Result};
use crate::base::private::{self, Scratch};
use crate::base::progress::{Progress, Unit};
use crate::image::checksum;
use crate::lab::secrets::Store;
use crate::packages::cache;
use crate::provenance::diff::{self, Subject};
use crate::provenance::manifest::Manifest;
use crate::provenance::verify::{Difference, SCHEMA, VerifyReport};
use std::path::{Path, PathBuf};

/// What to rebuild from what.
pub struct Rebuild {
    /// The image.
    pub image: PathBuf,
    /// Its manifest, if not next to it.
    pub manifest: Option<PathBuf>,
    /// Media in place of those that the plan names.
    pub media: Vec<String>,
    /// Where relative paths begin.
    pub directory: PathBuf,
    /// The cache directory, where the images are built too.
    pub cache: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// The static firstboot binary, if not next to imgbuild.
    pub firstboot: Option<PathBuf>,
    /// The directory of all labs' states; the lab's secrets must be there.
    pub state: PathBuf,
}

/// Builds again and compares the image bit by bit; where bits differ, file by file.
///
/// # Errors
/// A verification error when inputs, media or firstboot are no longer those of the build, and
/// whatever a build fails with.
pub fn rebuild(request: &Rebuild, progress: &mut Progress) -> Result<VerifyReport> {
    let image = &request.image;
    let place = request.manifest.clone().unwrap_or_else(|| image.with_file_name("manifest.json"));
    let manifest = Manifest::read(&place)?;
    let node = manifest.node_of(image)?.name.clone();
    let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some(output) = manifest.files.iter().find(|f| f.file == name) else {
        return Err(Error::input(format!(
            "{name} is not an output that {} names",
            place.display()
        ))
        .hint("a converted image cannot be compared bit by bit; verify it without --rebuild"));
    };
    same_secrets(&manifest, &request.state)?;
    same_firstboot(&manifest, request.firstboot.as_deref())?;
    let what = || format!("cannot use the cache {}", request.cache.display());
    cache::require_writable(&request.cache, "the image that is built to be compared")?;
    durable::create_dir_all(&request.cache, private::public_mode(0o755)).or_environment(what)?;
    let directory = Scratch::new(&request.cache, cache::REBUILD).or_environment(what)?;
    let mut select = Select::of_plan(
        &manifest.plan,
        request.directory.clone(),
        request.cache.clone(),
        request.offline,
    );
    // The digests of the plan say more than signatures do: these were checked for the build.
    select.no_gpgcheck = manifest.plan.repositories.iter().map(|r| r.id.clone()).collect();
    if !request.media.is_empty() {
        select.media.clone_from(&request.media);
    }
    let options = BuildOptions {
        select,
        plan: Some(manifest.plan.clone()),
        output: Destination::Directory(directory.path().to_owned()),
        force: false,
        full_sums: false,
        cache_limit: u64::MAX,
        firstboot: request.firstboot.clone(),
        state: request.state.clone(),
    };
    build(&options, progress)?;
    let again = directory.path().join(&name);
    let differences = compare(image, &again, output.size, progress)?;
    progress.finish();
    Ok(VerifyReport {
        schema: SCHEMA,
        image: image.clone(),
        manifest: place,
        node,
        equal: differences.is_empty(),
        untouched: differences.is_empty(),
        differences,
        unread: Vec::new(),
    })
}

fn same_secrets(manifest: &Manifest, state: &Path) -> Result<()> {
    if !Store::exists(state, &manifest.plan.lab.name) {
        let directory = Store::directory(state, &manifest.plan.lab.name);
        return Err(Error::input(format!(
            "the secrets in the image are not in {}",
            directory.display()
        ))
        .hint("name the directory of the build that created it by --state"));
    }
    Ok(())
}

fn same_firstboot(manifest: &Manifest, given: Option<&Path>) -> Result<()> {
    let found = overlay::firstboot_binary(given)?.sha256;
    if found == manifest.firstboot_sha256 {
        return Ok(());
    }
    Err(Error::verification(format!(
        "the firstboot program is not that of the build: its SHA-256 is {found}, the manifest says {}",
        manifest.firstboot_sha256
    ))
    .hint(format!("rebuild with the imgbuild that created the image ({})", manifest.generator)))
}

fn compare(old: &Path, new: &Path, size: u64, progress: &mut Progress) -> Result<Vec<Difference>> {
    progress.stage("comparing with the image", Unit::Bytes);
    let mut done = 0;
    let found = checksum::difference(old, new, &mut |read| {
        done += read;
        progress.at(done, size, "");
    })?;
    let Some(first) = found else { return Ok(Vec::new()) };
    let what = format!("from byte {first} on it differs from the rebuilt image");
    let mut differences = vec![Difference::changed("image", old.display().to_string(), what)];
    // What is no longer readable is different enough; the digests show it.
    if let (Ok(old), Ok(new)) = (Subject::open(old), Subject::open(new))
        && let Ok(report) = diff::diff(&new, &old, progress)
    {
        differences.extend(report.files.into_iter().map(|f| f.difference));
    }
    Ok(differences)
}
