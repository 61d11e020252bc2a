//! Puts the medium together: download, convert, describe, lay out, publish.

use super::apt::Apt;
use super::closure::{self, Index, RpmTarget, Source};
use super::names::{self, Repository};
use super::sign::{KEY_FILE, Signer};
use super::{boot, comps, convert, generated, images, repodata};
use crate::error::{Context, Error, Result};
use crate::progress::{Cancel, Progress, Stage};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// Where a finished practice medium's parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Practice {
    /// Install tree, the counterpart of CentOS7-1804.iso.
    pub os: PathBuf,
    /// Counterpart of RHEL7-extras.iso.
    pub extras: PathBuf,
    /// Counterpart of RHEL7OSP-10.iso, with its two repository directories.
    pub osp10: PathBuf,
    /// `os` as an ISO image.
    pub os_iso: PathBuf,
    /// `extras` as an ISO image.
    pub extras_iso: PathBuf,
    /// `osp10` as an ISO image.
    pub osp10_iso: PathBuf,
}

/// Changes whenever a medium created by an older version must not be reused.
pub const RECIPE: &str = concat!(env!("CARGO_PKG_VERSION"), "-7\n");
/// The file that holds it, in a finished medium.
pub const STAMP: &str = ".practice";

impl Practice {
    /// The medium at `output`.
    pub fn at(output: &Path) -> Self {
        let path = |name: &str| output.join(name);
        Self {
            os: path("os"),
            extras: path("extras"),
            osp10: path("osp10"),
            os_iso: path("practice-os.iso"),
            extras_iso: path("practice-extras.iso"),
            osp10_iso: path("practice-osp10.iso"),
        }
    }
}

/// Where a repository lies below the output directory.
fn directory(repository: Repository) -> &'static str {
    match repository {
        Repository::Os => "os",
        Repository::Extras => "extras",
        Repository::OpenStack => "osp10/rhel-7-server-openstack-10-rpms",
        Repository::DevTools => "osp10/rhel-7-server-openstack-10-devtools-rpms",
    }
}

const REPOSITORIES: [Repository; 4] =
    [Repository::Os, Repository::Extras, Repository::OpenStack, Repository::DevTools];

/// The practice medium at `output`, if there is one that this version would create.
pub fn made(output: &Path) -> Option<Practice> {
    let recipe = fs::read_to_string(output.join(STAMP)).ok()?;
    (recipe == RECIPE).then(|| Practice::at(output))
}

/// Fills the empty directory `root` with the practice medium, with downloads kept below `work`,
/// which is an absolute path. Half a medium may be left when it fails.
///
/// # Errors
/// Environment errors when `apt-get` is missing or cannot reach its mirror;
/// build errors when a package cannot be converted or written; that `cancel` asks to stop.
pub fn make(root: &Path, work: &Path, progress: Progress<'_>, cancel: Cancel<'_>) -> Result<()> {
    let (index, media) = fetch(work, progress, cancel)?;
    build(root, &index, &media, progress, cancel)?;
    fs::write(root.join(STAMP), RECIPE).or_build(|| format!("cannot write {}", root.display()))
}

fn fetch(
    work: &Path,
    progress: Progress<'_>,
    cancel: Cancel<'_>,
) -> Result<(Index, BTreeMap<String, Source>)> {
    progress(Stage::Index, 0, 1);
    let apt = Apt::new(&work.join("apt"))?;
    let updated = apt.update(cancel);
    cancel.check()?;
    // A third source that fails does no harm while Debian's lists are there.
    let closure =
        apt.closure(&names::asked(), cancel).map_err(|error| updated.err().unwrap_or(error))?;
    let wanted = closure::wanted(closure);
    progress(Stage::Index, 1, 1);
    let files = apt.download(&wanted, progress, cancel)?;
    closure::index(&files, cancel)
}

fn build(
    root: &Path,
    index: &Index,
    media: &BTreeMap<String, Source>,
    progress: Progress<'_>,
    cancel: Cancel<'_>,
) -> Result<()> {
    for repository in REPOSITORIES {
        let packages = root.join(directory(repository)).join("Packages");
        fs::create_dir_all(&packages)
            .or_build(|| format!("cannot create {}", packages.display()))?;
    }
    let signer = Signer::new(OWN_TIME)?;
    convert_all(root, index, &signer, progress, cancel)?;
    describe(root, progress, cancel)?;
    cancel.check()?;
    let boot_code = boot::write(&root.join("os"), index, media)?;
    tree_files(root, &signer)?;
    images::write(root, OWN_TIME, &boot_code, progress, cancel)
}

/// A package of either kind.
enum Job<'a> {
    Debian(&'a RpmTarget),
    Own(&'a generated::GeneratedPackage),
}

fn convert_all(
    root: &Path,
    index: &Index,
    signer: &Signer,
    progress: Progress<'_>,
    cancel: Cancel<'_>,
) -> Result<()> {
    let mut jobs: Vec<Job<'_>> = generated::PACKAGES.iter().map(Job::Own).collect();
    jobs.extend(index.targets.values().map(Job::Debian));
    // The largest first, so that no thread is left alone with one at the end.
    jobs.sort_by_key(|job| std::cmp::Reverse(weight(job)));
    let total = jobs.len() as u64;
    progress(Stage::Convert, 0, total);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let jobs = &jobs;
        let worker = scope.spawn(move || {
            jobs.par_iter().try_for_each_with(sender, |sender, job| {
                cancel.check()?;
                let (rpm, repository) = match job {
                    Job::Debian(target) => (convert::convert(target, index)?, target.repository),
                    Job::Own(package) => (convert::generate(package, OWN_TIME), Repository::Os),
                };
                cancel.check()?;
                rpm.write(&root.join(directory(repository)).join("Packages"), signer)?;
                // The receiver outlives every sender.
                let _ = sender.send(());
                Ok(())
            })
        });
        // Ends when the last sender is gone, also after a failure.
        for (done, ()) in (1..).zip(receiver) {
            progress(Stage::Convert, done, total);
        }
        worker.join().unwrap_or_else(|_| Err(Error::build("the conversion stopped unexpectedly")))
    })
}

/// Build time of packages created here: when Debian 12 was released.
const OWN_TIME: u32 = 1_686_355_200;

fn weight(job: &Job<'_>) -> u64 {
    let size = |source: &Source| fs::metadata(&source.path).map_or(0, |meta| meta.len());
    match job {
        Job::Debian(target) => target.sources.iter().map(size).sum(),
        Job::Own(_) => 0,
    }
}

/// Writes every repository's metadata and checks that each can be installed
/// from with those before it.
fn describe(root: &Path, progress: Progress<'_>, cancel: Cancel<'_>) -> Result<()> {
    let comps = comps::text();
    let total = REPOSITORIES.len() as u64;
    let mut done: Vec<Vec<repodata::PackageRecord>> = Vec::new();
    for repository in REPOSITORIES {
        progress(Stage::Metadata, done.len() as u64, total);
        let groups = (repository == Repository::Os).then_some(comps.as_str());
        let records = repodata::write(&root.join(directory(repository)), groups, cancel)?;
        let others: Vec<&[repodata::PackageRecord]> = done.iter().map(Vec::as_slice).collect();
        let mut unmet = repodata::unmet(&records, &others);
        if groups.is_some() {
            let has = |name: &str| records.iter().any(|record| record.name == name);
            unmet.extend(
                comps::names().filter(|n| !has(n)).map(|n| format!("no package {n} of a group")),
            );
        }
        if !unmet.is_empty() {
            let message = format!(
                "the practice medium's {} lacks what its packages need:\n  {}",
                directory(repository),
                unmet.join("\n  ")
            );
            return Err(Error::build(message).hint(
                "Debian's packages changed; the medium's package lists need the change too.",
            ));
        }
        done.push(records);
    }
    progress(Stage::Metadata, total, total);
    Ok(())
}

/// `.treeinfo`, `.discinfo`, the public key and a note in plain words.
fn tree_files(root: &Path, signer: &Signer) -> Result<()> {
    let os = root.join("os");
    let put = |directory: &Path, name: &str, text: &str| {
        fs::write(directory.join(name), text).or_build(|| format!("cannot write {name}"))
    };
    let mut checksums = String::new();
    for path in [
        "images/efiboot.img",
        "images/pxeboot/initrd.img",
        "images/pxeboot/vmlinuz",
        "repodata/repomd.xml",
    ] {
        let bytes = fs::read(os.join(path)).or_build(|| format!("cannot read {path}"))?;
        checksums.push_str(&format!("{path} = sha256:{}\n", hex::encode(Sha256::digest(bytes))));
    }
    let treeinfo = include_str!("files/treeinfo").replace("@CHECKSUMS@\n", &checksums);
    put(&os, ".treeinfo", &treeinfo.replace("@TIME@", &OWN_TIME.to_string()))?;
    put(&os, ".discinfo", &format!("{OWN_TIME}.000000\n7\nx86_64\n"))?;
    let note = include_str!("files/README");
    let key = signer.public()?;
    for directory in ["os", "extras", "osp10"] {
        put(&root.join(directory), "PRACTICE-MEDIUM.txt", note)?;
        put(&root.join(directory), KEY_FILE, &key)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;
    use crate::progress::tests::NEVER;

    fn quiet(_: Stage, _: u64, _: u64) {}

    #[test]
    fn unmet_needs_stop_the_build() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for repository in REPOSITORIES {
            let packages = dir.path().join(directory(repository)).join("Packages");
            fs::create_dir_all(&packages).expect("directory");
        }
        let error = describe(dir.path(), &mut quiet, NEVER).expect_err("an empty medium");
        assert_eq!(error.cause, Cause::Build);
        assert!(error.message.contains("no package systemd of a group"), "{error}");
    }
}
