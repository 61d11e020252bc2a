//! The programs that `%pre` scripts find: a small tree installed from the media's packages, kept in
//! the cache like other trees.

use super::context::PackageSet;
use super::options::Select;
use super::sources::{self, Wanted};
use super::{fetch, keys, planned_packages, signatures};
use crate::base::error::{Context, Error, Result};
use crate::base::progress::{Progress, Unit};
use crate::packages::repo::Catalog;
use crate::packages::solve::{self, Request};
use crate::plan::{LeftOut, PlanPackage, tree_digest};
use crate::tree;
use crate::tree::install::{self, Job, PackageFile, place};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What there has to be.
const REQUIRED: [&str; 3] = ["bash", "coreutils", "rpm"];
/// What an installer has beyond it, as far as the media do.
const IF_AVAILABLE: [&str; 32] = [
    "bind-utils",
    "curl",
    "device-mapper-multipath",
    "diffutils",
    "dmidecode",
    "e2fsprogs",
    "ethtool",
    "file",
    "findutils",
    "gawk",
    "gdisk",
    "grep",
    "gzip",
    "hostname",
    "iproute",
    "ipcalc",
    "kbd",
    "less",
    "lvm2",
    "mdadm",
    "net-tools",
    "parted",
    "pciutils",
    "perl",
    "procps-ng",
    "python",
    "sed",
    "tar",
    "util-linux",
    "wget",
    "which",
    "xfsprogs",
];

/// Commands of the installer, and others that have to know that disks are files: directory in the
/// tree, name and text.
const COMMANDS: [(&str, &str, &str); 4] = [
    ("usr/bin", "list-harddrives", include_str!("pre_commands/list-harddrives")),
    ("usr/local/sbin", "blockdev", include_str!("pre_commands/blockdev")),
    ("usr/local/sbin", "fdisk", include_str!("pre_commands/fdisk")),
    ("usr/local/sbin", "lsblk", include_str!("pre_commands/lsblk")),
];

/// An installed tree of programs.
#[derive(Clone)]
pub struct PrePrograms {
    /// Its root.
    pub root: PathBuf,
    /// When the newest of its packages was built.
    pub time: i64,
}

/// Packages chosen for the tree.
struct Chosen {
    packages: Vec<PlanPackage>,
    time: i64,
}

/// Finds the tree in the cache, or installs it.
///
/// # Errors
/// What media, packages, their signatures or their installation fail with.
pub fn find(select: &Select, wanted: Wanted<'_>, progress: &mut Progress) -> Result<PrePrograms> {
    let access = select.access();
    let mut notes = Vec::new();
    progress.stage("choosing programs for %pre", Unit::Steps);
    let (catalog, _) = sources::catalog(&access, select, wanted, progress, &mut notes)?;
    let Chosen { packages, time } = choose(&catalog)?;
    let set = PackageSet { packages: &packages, catalog: &catalog, access: &access };
    let (checks, _) = keys::checks(select, set, wanted.repositories)?;
    let nothing = LeftOut::default();
    let commands = COMMANDS.map(|(_, _, text)| text).concat();
    let digest = tree_digest(&packages, &nothing, (&[], &[]), &commands, false);
    let trees = select.trees();
    access.network.cache.use_entry(&trees.place(&digest))?;
    let fetched = |progress: &mut Progress| {
        let files = fetch::packages(set, false, progress)?;
        let signatures = signatures::check(&packages, &files, &checks)?;
        Ok::<_, Error>((files, signatures))
    };
    let tree = trees.get(&digest, |directory| {
        let (files, signatures) = fetched(progress)?;
        signatures::keep(&signatures, directory)?;
        let files: Vec<PackageFile> = files
            .into_iter()
            .zip(&packages)
            .map(|(path, package)| PackageFile { path, bootstrap: package.bootstrap })
            .collect();
        let job = Job {
            packages: &files,
            left_out: &nothing,
            enable: &[],
            disable: &[],
            target: "",
            initial_setup: false,
            time,
            silence: select.script_limit(),
        };
        install::install_programs(&job, directory, progress)?;
        add_commands(&directory.join(place::ROOT))
    })?;
    if signatures::kept(&packages, &checks, &tree).is_none() {
        fetched(progress)?;
    }
    Ok(PrePrograms { root: tree.join(place::ROOT), time })
}

fn choose(catalog: &Catalog) -> Result<Chosen> {
    let request = Request {
        install: REQUIRED.map(str::to_owned).into(),
        if_available: IF_AVAILABLE.map(str::to_owned).into(),
        ..Request::default()
    };
    let solution = solve::solve(catalog, &request)?;
    let bootstrap: BTreeSet<solve::Id> =
        solve::closure(catalog, &solution.packages, "rpm").into_iter().collect();
    let package = |id: &solve::Id| planned_packages::package(catalog, *id, bootstrap.contains(id));
    Ok(Chosen {
        packages: solution.packages.iter().map(package).collect::<Result<_>>()?,
        time: solution.packages.iter().map(|&id| catalog.packages[id].built).max().unwrap_or(0),
    })
}

fn add_commands(root: &Path) -> Result<()> {
    for (directory, name, text) in COMMANDS {
        let Some(directory) = tree::inside(root, directory)? else { continue };
        let place = directory.join(name);
        fs::write(&place, text)
            .and_then(|()| fs::set_permissions(&place, Permissions::from_mode(0o755)))
            .or_build(|| format!("cannot write {}", place.display()))?;
    }
    Ok(())
}
