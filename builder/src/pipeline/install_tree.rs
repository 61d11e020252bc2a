//! What all ways of installing nodes by CentOS's own installer add beside the installer's medium.

use super::install_base::BaseMedium;
use super::planned_roles::PlannedRole;
use super::{fetch, lab_secrets, signatures};
use crate::base::error::{Context as _, Result};
use crate::base::interrupt;
use crate::base::lab::LabNode;
use crate::base::progress::{Progress, Unit};
use crate::lab::secrets::NodeSecrets;
use crate::plan::install::AddedRepository;
use crate::spec::Spec;
use formats::tree::{Content, Entry, Tree};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A node and its role.
pub type NodeOfRole<'a> = (&'a PlannedRole, &'a LabNode);

/// The nodes of all roles.
pub fn nodes(roles: &[PlannedRole]) -> Vec<NodeOfRole<'_>> {
    roles
        .iter()
        .flat_map(|role| role.context.spec.nodes.iter().map(move |node| (role, node)))
        .collect()
}

/// The time that added files have.
pub fn time(nodes: &[NodeOfRole<'_>]) -> i64 {
    nodes.iter().map(|(role, _)| role.context.plan.time).max().unwrap_or(0)
}

/// Whether a kickstart of the nodes has a password, if only as a hash.
pub fn have_passwords(nodes: &[NodeOfRole<'_>]) -> bool {
    let has_password = |(role, _): &NodeOfRole<'_>| {
        let kickstart = &role.context.spec.kickstart;
        kickstart.root.iter().any(|root| root.hash.is_some()) || !kickstart.users.is_empty()
    };
    nodes.iter().any(has_password)
}

/// The nodes' keys and passwords by name.
///
/// # Errors
/// When they cannot be read or created.
pub fn secrets(
    state: &Path,
    roles: &[PlannedRole],
    progress: &Progress,
) -> Result<BTreeMap<String, NodeSecrets>> {
    let specs: Vec<&Spec> = roles.iter().map(|role| &role.context.spec).collect();
    lab_secrets::of_lab(state, &specs, progress)
}

/// Adds a small file.
pub fn put(additions: &mut Tree, path: &str, time: i64, bytes: Vec<u8>) {
    additions.put(path, Entry::new(0o644, time, Content::Bytes(bytes)));
}

/// The packages of the nodes that are on other media, by repository and file name. All of them are
/// fetched and checked: the installer checks no signature.
fn checked_packages(
    base: &BaseMedium,
    nodes: &[NodeOfRole<'_>],
    progress: &mut Progress,
) -> Result<BTreeMap<String, BTreeMap<String, PathBuf>>> {
    let mut files: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (PlannedRole { context, checks, .. }, _) in nodes {
        if !seen.insert(context.plan.profile.clone()) {
            continue;
        }
        let paths = fetch::packages(context.package_set(), false, progress)?;
        progress.stage("checking signatures", Unit::Steps);
        signatures::check(&context.plan.packages, &paths, checks)?;
        let is_own = |id: &str| {
            let repo = context.catalog.repos.iter().find(|repo| repo.id == id);
            repo.is_some_and(|repo| repo.medium.location() == base.location)
        };
        let others = context.plan.packages.iter().zip(paths);
        for (package, path) in others.filter(|(package, _)| !is_own(&package.repo)) {
            let name = package.location.rsplit('/').next().unwrap_or_default().to_owned();
            files.entry(package.repo.clone()).or_default().insert(name, path);
        }
    }
    Ok(files)
}

/// Adds the packages of the nodes that are on other media than the installer's, with repository
/// metadata, below `directory`; `work` is for what that takes meanwhile.
///
/// # Errors
/// As fetching and checking of packages, and of writing.
pub fn add_repositories(
    (base, nodes): (&BaseMedium, &[NodeOfRole<'_>]),
    (directory, work): (&str, &Path),
    additions: &mut Tree,
    progress: &mut Progress,
) -> Result<Vec<AddedRepository>> {
    let time = time(nodes);
    let files = checked_packages(base, nodes, progress)?;
    let mut added = Vec::new();
    for (id, packages) in files {
        let directory = format!("{directory}/{id}");
        let place = work.join(&id);
        link_packages(&place, &packages)
            .or_build(|| format!("cannot write the repository {id} of the medium"))?;
        practice::write_repodata(&place, None, practice::Cancel(&interrupt::requested))
            .or_build(|| format!("cannot describe the repository {id} of the medium"))?;
        for (name, path) in &packages {
            let size = fs::metadata(path).or_build(|| format!("cannot read {name}"))?.len();
            let content = Content::File { path: path.clone(), size };
            additions
                .put(&format!("{directory}/Packages/{name}"), Entry::new(0o644, time, content));
        }
        for entry in fs::read_dir(place.join("repodata")).or_build(|| id.clone())? {
            let entry = entry.or_build(|| id.clone())?;
            let bytes = fs::read(entry.path()).or_build(|| id.clone())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            put(additions, &format!("{directory}/repodata/{name}"), time, bytes);
        }
        let count = packages.len() as u64;
        added.push(AddedRepository { id, directory, packages: count });
    }
    Ok(added)
}

/// Gathers packages in a directory, for their repository's metadata.
fn link_packages(place: &Path, packages: &BTreeMap<String, PathBuf>) -> io::Result<()> {
    let directory = place.join("Packages");
    fs::create_dir_all(&directory)?;
    packages.iter().try_for_each(|(name, path)| symlink(path, directory.join(name)))
}

/// SHA-256 of all files.
///
/// # Errors
/// When one cannot be read.
pub fn sums(additions: &Tree) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for (path, entry) in &additions.entries {
        if !matches!(entry.content, Content::File { .. } | Content::Bytes(_)) {
            continue;
        }
        interrupt::check()?;
        let path = String::from_utf8_lossy(path).into_owned();
        let what = || format!("cannot read what becomes {path}");
        let mut hash = Sha256::new();
        let mut from = entry.open().or_build(what)?;
        io::copy(&mut from, &mut hash).or_build(what)?;
        sums.insert(path, hex::encode(hash.finalize()));
    }
    Ok(sums)
}
