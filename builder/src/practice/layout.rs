//! Puts the medium together: download, convert, describe, lay out, publish.

use super::apt::Apt;
use super::closure::{self, Index, Source, Target};
use super::names::{self, Repository};
use super::sign::{KEY_FILE, Signer};
use super::{Progress, Stage, boot, comps, convert, generated, images, repodata};
use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::private::{self, Scratch};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// Where a finished practice medium's parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Practice {
    /// Install tree, the counterpart of CentOS7-1804.iso.
    pub os: PathBuf,
    /// Counterpart of RHEL7-extras.iso.
    pub extras: PathBuf,
    /// Counterpart of RHEL7OSP-10.iso, with its two repository folders.
    pub osp10: PathBuf,
    /// `os` as an ISO image.
    pub os_iso: PathBuf,
    /// `extras` as an ISO image.
    pub extras_iso: PathBuf,
    /// `osp10` as an ISO image.
    pub osp10_iso: PathBuf,
}

/// Changes whenever a medium made by an older version must not be reused.
const RECIPE: &str = concat!(env!("CARGO_PKG_VERSION"), "-6\n");
const STAMP: &str = ".practice";

impl Practice {
    fn at(output: &Path) -> Self {
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

/// Where a repository lies below the output folder.
fn folder(repository: Repository) -> &'static str {
    match repository {
        Repository::Os => "os",
        Repository::Extras => "extras",
        Repository::OpenStack => "osp10/rhel-7-server-openstack-10-rpms",
        Repository::DevTools => "osp10/rhel-7-server-openstack-10-devtools-rpms",
    }
}

const REPOSITORIES: [Repository; 4] =
    [Repository::Os, Repository::Extras, Repository::OpenStack, Repository::DevTools];

/// The practice medium at `output`, if there is one that this version would make.
pub fn made(output: &Path) -> Option<Practice> {
    let recipe = fs::read_to_string(output.join(STAMP)).ok()?;
    (recipe == RECIPE).then(|| Practice::at(output))
}

/// Makes the practice medium at `output`, with downloads kept below `work`; one
/// that is there already is used as it is. Nothing half-made is left at `output`.
///
/// # Errors
/// Environment errors when `apt-get` is missing or cannot reach its mirror;
/// build errors when a package cannot be converted or written; interruption.
pub fn make(output: &Path, work: &Path, progress: Progress<'_>) -> Result<Practice> {
    if let Some(practice) = made(output) {
        return Ok(practice);
    }
    let foreign = fs::read_dir(output).is_ok_and(|mut dir| dir.next().is_some());
    if foreign && !output.join(STAMP).exists() {
        let message = format!("{} is not empty and not a practice medium", output.display());
        return Err(Error::input(message).hint("Name another folder, or remove this one."));
    }
    let work = absolute(work)?;
    let output = absolute(output)?;
    let _lock = lock(&work)?;
    if let Some(practice) = made(&output) {
        return Ok(practice);
    }
    let partial = Partial::beside(&output)?;
    let (index, media) = fetch(&work, progress)?;
    let folder = partial.0.path();
    build(folder, &index, &media, progress)?;
    fs::write(folder.join(STAMP), RECIPE)
        .or_build(|| format!("cannot write {}", folder.display()))?;
    partial.publish(&output)?;
    Ok(Practice::at(&output))
}

/// One at a time makes a medium from the downloads in `work`; who waited finds it made.
fn lock(work: &Path) -> Result<Flock<File>> {
    let what = || format!("cannot use {}", work.display());
    durable::create_dir_all(work, 0o755).or_environment(what)?;
    let file = private::open_lock(&work.join("lock")).or_environment(what)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| match e {
        Errno::EINTR => Error::interrupted(),
        e => Error::environment(format!("{}: {e}", what())),
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).or_input(|| format!("cannot use {}", path.display()))
}

/// A folder beside the output, removed unless published.
struct Partial(Scratch);

impl Partial {
    fn beside(output: &Path) -> Result<Self> {
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{name}.partial-");
        let parent = output.parent().unwrap_or(Path::new("/"));
        let what = || format!("cannot write to {}", parent.display());
        durable::create_dir_all(parent, private::public_mode(0o777)).or_environment(what)?;
        private::remove_dead(parent, &prefix);
        Ok(Self(Scratch::new(parent, &prefix).or_environment(what)?))
    }

    fn publish(self, output: &Path) -> Result<()> {
        let what = || format!("cannot put the finished medium at {}", output.display());
        if output.exists() {
            fs::remove_dir_all(output).or_environment(what)?;
        }
        let path = self.0.path();
        fs::set_permissions(path, Permissions::from_mode(private::public_mode(0o777)))
            .or_environment(what)?;
        // One that is there is trusted: all of it has to be on the disk before its name is.
        durable::sync_filesystem(path).or_environment(what)?;
        durable::rename(path, output).or_environment(what)?;
        self.0.keep();
        Ok(())
    }
}

fn fetch(work: &Path, progress: Progress<'_>) -> Result<(Index, BTreeMap<String, Source>)> {
    progress(Stage::Index, 0, 1);
    let apt = Apt::new(&work.join("apt"))?;
    let updated = apt.update();
    interrupt::check()?;
    // A third source that fails does no harm while Debian's lists are there.
    let closure = apt.closure(&names::asked()).map_err(|error| updated.err().unwrap_or(error))?;
    let wanted = closure::wanted(closure);
    progress(Stage::Index, 1, 1);
    let files = apt.download(&wanted, progress)?;
    closure::index(&files)
}

fn build(
    root: &Path,
    index: &Index,
    media: &BTreeMap<String, Source>,
    progress: Progress<'_>,
) -> Result<()> {
    for repository in REPOSITORIES {
        let packages = root.join(folder(repository)).join("Packages");
        fs::create_dir_all(&packages).or_build(|| format!("cannot make {}", packages.display()))?;
    }
    let signer = Signer::new(OWN_TIME)?;
    convert_all(root, index, &signer, progress)?;
    describe(root, progress)?;
    interrupt::check()?;
    boot::write(&root.join("os"), index, media)?;
    tree_files(root, &signer)?;
    images::write(root, OWN_TIME, progress)
}

/// A package of either kind.
enum Job<'a> {
    Debian(&'a Target),
    Own(&'a generated::Package),
}

fn convert_all(root: &Path, index: &Index, signer: &Signer, progress: Progress<'_>) -> Result<()> {
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
                let (rpm, repository) = match job {
                    Job::Debian(target) => (convert::convert(target, index)?, target.repository),
                    Job::Own(package) => (convert::generate(package, OWN_TIME), Repository::Os),
                };
                convert::write(rpm, &root.join(folder(repository)).join("Packages"), signer)?;
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

/// Build time of packages made here: when Debian 12 was released.
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
fn describe(root: &Path, progress: Progress<'_>) -> Result<()> {
    let comps = comps::text();
    let total = REPOSITORIES.len() as u64;
    let mut done: Vec<Vec<repodata::Record>> = Vec::new();
    for repository in REPOSITORIES {
        progress(Stage::Metadata, done.len() as u64, total);
        let groups = (repository == Repository::Os).then_some(comps.as_str());
        let records = repodata::write(&root.join(folder(repository)), groups)?;
        let others: Vec<&[repodata::Record]> = done.iter().map(Vec::as_slice).collect();
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
                folder(repository),
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
    let put = |folder: &Path, name: &str, text: &str| {
        fs::write(folder.join(name), text).or_build(|| format!("cannot write {name}"))
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
    for folder in ["os", "extras", "osp10"] {
        put(&root.join(folder), "PRACTICE-MEDIUM.txt", note)?;
        put(&root.join(folder), KEY_FILE, &key)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Class;

    fn quiet(_: Stage, _: u64, _: u64) {}

    #[test]
    fn a_finished_medium_is_reused_and_a_foreign_folder_refused() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let output = dir.path().join("medium");
        fs::create_dir_all(&output).expect("folder");
        fs::write(output.join("photo.jpg"), "precious").expect("file");
        let work = dir.path().join("work");
        let error = make(&output, &work, &mut quiet).expect_err("not a medium");
        assert_eq!(error.class, Class::Input);
        assert!(output.join("photo.jpg").exists() && !work.exists());

        fs::write(output.join(STAMP), RECIPE).expect("stamp");
        let practice = make(&output, &work, &mut quiet).expect("reused without apt-get");
        assert_eq!(practice.os, output.join("os"));
        assert!(!work.exists(), "nothing was downloaded");
    }

    #[test]
    fn a_failure_leaves_nothing_beside_the_output() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let output = dir.path().join("medium");
        let partial = Partial::beside(&output).expect("partial folder");
        fs::create_dir_all(partial.0.path().join("os/Packages")).expect("folder");
        drop(partial);
        assert_eq!(fs::read_dir(dir.path()).expect("folder").count(), 0);

        let partial = Partial::beside(&output).expect("partial folder");
        fs::write(partial.0.path().join("x"), "x").expect("file");
        partial.publish(&output).expect("published");
        let names: Vec<_> = fs::read_dir(dir.path()).expect("folder").flatten().collect();
        assert_eq!(names.len(), 1);
        assert!(output.join("x").exists());
    }

    #[test]
    fn unmet_needs_stop_the_build() {
        let dir = tempfile::tempdir().expect("temporary folder");
        for repository in REPOSITORIES {
            let packages = dir.path().join(folder(repository)).join("Packages");
            fs::create_dir_all(&packages).expect("folder");
        }
        let error = describe(dir.path(), &mut quiet).expect_err("an empty medium");
        assert_eq!(error.class, Class::Build);
        assert!(error.message.contains("no package systemd of a group"), "{error}");
    }
}
