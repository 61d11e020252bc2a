//! The recipe of install media: the medium's ISO with kickstarts, node files and repositories.

use super::iso_base::{BaseMedium, EFI_IMAGE};
use super::iso_node::{self, IsoShared};
use super::options::Select;
use super::overlay::{self, Firstboot};
use super::planned_roles::{self, PlannedRole};
use super::{fetch, lab_secrets, signatures};
use crate::base::error::{Context as _, Error, Result};
use crate::base::interrupt;
use crate::base::lab::LabNode;
use crate::base::progress::{Progress, Unit};
use crate::image::output::{Staging, require_space};
use crate::lab::secrets::NodeSecrets;
use crate::plan::install::{self, AddedRepository, DIRECTORY, InstallPlan, MANIFEST, boot_menu};
use crate::spec::Spec;
use formats::iso9660::{self, IsoWriteError};
use formats::tree::{Content, Entry, Tree};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// What install media to make.
pub struct IsoOptions {
    /// For which nodes, from what.
    pub select: Select,
    /// The directory they go to.
    pub output: PathBuf,
    /// Whether existing files are replaced.
    pub force: bool,
    /// The static firstboot binary, if not next to imgbuild.
    pub firstboot: Option<PathBuf>,
    /// The directory of all labs' states, with the lab's secrets.
    pub state: PathBuf,
    /// Whether all nodes are on one medium.
    pub together: bool,
    /// Whether installing may erase a disk that is not empty.
    pub erase: bool,
    /// Whether the nodes' keys and passwords are on it.
    pub secrets: bool,
    /// Another volume label.
    pub label: Option<String>,
    /// Seconds that the boot menu waits.
    pub timeout: u32,
}

/// An install medium that was made.
#[derive(Clone, Debug)]
pub struct BuiltIso {
    /// Its file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Whether only its owner may read it, as it holds secrets.
    pub private: bool,
    /// How it installs.
    pub plan: InstallPlan,
}

/// A node and its role.
type NodeOfRole<'a> = (&'a PlannedRole, &'a LabNode);

/// Makes install media: one for each node, or one for all.
///
/// # Errors
/// Input errors of profile, kickstart, media and packages, and of a medium without installer; build
/// errors of writing. Nothing is left in the output directory then.
pub fn iso(options: &IsoOptions, progress: &mut Progress) -> Result<Vec<BuiltIso>> {
    let firstboot = overlay::firstboot_binary(options.firstboot.as_deref())?;
    let roles = planned_roles::plan_with_checks(&options.select, None, progress)?;
    let first = roles.first().ok_or_else(|| Error::input("the lab has no role to install"))?;
    for PlannedRole { context, .. } in &roles {
        if !context.spec.machine.more_disks.is_empty() {
            let role = context.spec.role.as_str();
            return Err(Error::input(format!(
                "the profile of the role {role} has more-disks, and install media install on one disk"
            ))
            .hint("leave more-disks and --ondisk out, and lay other disks out once it runs"));
        }
    }
    let base = BaseMedium::find(&options.select, &first.context.spec)?;
    let label = options.label.as_deref().unwrap_or(base.iso.volume_id());
    install::check_label(label).or_input(|| "the volume label".to_owned()).map_err(|error| {
        error.hint("give another one: --label LAB-7 (the boot menus then name that one)")
    })?;
    progress.note(&base.note());
    let nodes: Vec<NodeOfRole<'_>> = roles
        .iter()
        .flat_map(|role| role.context.spec.nodes.iter().map(move |node| (role, node)))
        .collect();
    let groups: Vec<(String, &[NodeOfRole<'_>])> = match options.together {
        true => vec![(format!("{}.iso", first.context.spec.lab), &nodes[..])],
        false => nodes.chunks(1).map(|one| (format!("{}.iso", one[0].1.name), one)).collect(),
    };
    let names: Vec<String> = groups.iter().map(|(name, _)| name.clone()).collect();
    let staging = Staging::new(&options.output, names, options.force)?;
    require_space(&options.output, base.iso.length() * groups.len() as u64, "the install media")?;
    let secrets = secrets(options, &roles, progress)?;
    let work = staging.path("repositories");
    let mut media = Vec::new();
    for (name, nodes) in &groups {
        let maker = IsoMaker { options, base: &base, firstboot: &firstboot, secrets: &secrets };
        let path = staging.path(name);
        let (plan, private) = maker.make(nodes, &work.join(name), &path, progress)?;
        if !private {
            staging.publish(name)?;
        }
        let size = fs::metadata(&path).or_build(|| format!("cannot read {name}"))?.len();
        media.push(BuiltIso { path: options.output.join(name), size, private, plan });
    }
    progress.finish();
    staging.commit()?;
    Ok(media)
}

fn secrets(
    options: &IsoOptions,
    roles: &[PlannedRole],
    progress: &Progress,
) -> Result<BTreeMap<String, NodeSecrets>> {
    if !options.secrets {
        return Ok(BTreeMap::new());
    }
    let specs: Vec<&Spec> = roles.iter().map(|role| &role.context.spec).collect();
    lab_secrets::of_lab(&options.state, &specs, progress)
}

/// Makes one medium.
struct IsoMaker<'a> {
    options: &'a IsoOptions,
    base: &'a BaseMedium,
    firstboot: &'a Firstboot,
    secrets: &'a BTreeMap<String, NodeSecrets>,
}

impl IsoMaker<'_> {
    /// Writes the medium of `nodes` to `path`, with `work` for what it takes meanwhile. Gives its
    /// plan, and whether it holds what only its owner may read.
    fn make(
        &self,
        nodes: &[NodeOfRole<'_>],
        work: &Path,
        path: &Path,
        progress: &mut Progress,
    ) -> Result<(InstallPlan, bool)> {
        let Self { options, base, firstboot, secrets } = *self;
        let mut additions = Tree::default();
        let time = nodes.iter().map(|(role, _)| role.context.plan.time).max().unwrap_or(0);
        let repositories = self.add_repositories(nodes, work, time, &mut additions, progress)?;
        additions.put(&format!("{DIRECTORY}/firstboot"), firstboot.entry(time));
        let shared =
            IsoShared { base, firstboot, erase: options.erase, repositories: &repositories };
        let mut installs = Vec::new();
        for (PlannedRole { context, .. }, node) in nodes {
            let secrets = secrets.get(&node.name);
            installs.push(iso_node::add(&shared, context, node, secrets, &mut additions)?);
        }
        let label = options.label.as_deref().unwrap_or(base.iso.volume_id()).to_owned();
        let mut plan = InstallPlan {
            schema: install::SCHEMA,
            lab: nodes.first().map_or_else(String::new, |(r, _)| r.context.spec.lab.clone()),
            label,
            erase: options.erase,
            secrets: options.secrets,
            timeout: options.timeout,
            local_default: options.together,
            nodes: installs,
            repositories,
            files: BTreeMap::new(),
        };
        self.add_menus(&plan, time, &mut additions)?;
        plan.files = sums(&additions)?;
        put(&mut additions, MANIFEST, time, plan.to_json().into_bytes());
        progress.stage("writing the install medium", Unit::Bytes);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let out = File::options().read(true).write(true).create_new(true).mode(0o600).open(path);
        let out = out.or_build(|| format!("cannot write {}", path.display()))?;
        let label = options.label.as_deref();
        iso9660::append(&base.iso, &out, &additions, label, &mut |done, total| {
            progress.at(done, total, &name);
            !interrupt::requested()
        })
        .map_err(|error| self.explain(error))?;
        let has_password = |(role, _): &NodeOfRole<'_>| {
            let kickstart = &role.context.spec.kickstart;
            kickstart.root.iter().any(|root| root.hash.is_some()) || !kickstart.users.is_empty()
        };
        Ok((plan, options.secrets || nodes.iter().any(has_password)))
    }

    /// Copies the packages of the nodes that are on other media, with repository metadata.
    fn add_repositories(
        &self,
        nodes: &[NodeOfRole<'_>],
        work: &Path,
        time: i64,
        additions: &mut Tree,
        progress: &mut Progress,
    ) -> Result<Vec<AddedRepository>> {
        let mut files: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (PlannedRole { context, checks, .. }, _) in nodes {
            if !seen.insert(context.plan.profile.clone()) {
                continue;
            }
            // All of them are checked: the installer checks no signature.
            let paths = fetch::packages(context.package_set(), false, progress)?;
            progress.stage("checking signatures", Unit::Steps);
            signatures::check(&context.plan.packages, &paths, checks)?;
            let is_own = |id: &str| {
                let repo = context.catalog.repos.iter().find(|repo| repo.id == id);
                repo.is_some_and(|repo| repo.medium.location() == self.base.location)
            };
            let others = context.plan.packages.iter().zip(paths);
            for (package, path) in others.filter(|(package, _)| !is_own(&package.repo)) {
                let name = package.location.rsplit('/').next().unwrap_or_default().to_owned();
                files.entry(package.repo.clone()).or_default().insert(name, path);
            }
        }
        let mut added = Vec::new();
        for (id, packages) in files {
            let directory = format!("{DIRECTORY}/repos/{id}");
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

    /// The boot menus, in the ISO and in its EFI boot image.
    fn add_menus(&self, plan: &InstallPlan, time: i64, additions: &mut Tree) -> Result<()> {
        const GRUB: &str = "EFI/BOOT/grub.cfg";
        const ISOLINUX: &str = "isolinux/isolinux.cfg";
        let base = self.base;
        let relabelled =
            |text: String| boot_menu::relabelled(&text, base.iso.volume_id(), &plan.label);
        let (grub, isolinux) = (relabelled(base.text(GRUB)?), relabelled(base.text(ISOLINUX)?));
        let grub = [(GRUB, boot_menu::grub(plan, &grub)), (boot_menu::GRUB_MEDIUM, grub)];
        put(additions, EFI_IMAGE, time, base.efi_image(&grub)?);
        let isolinux = [
            (ISOLINUX, boot_menu::isolinux(plan, &isolinux)),
            (boot_menu::ISOLINUX_MEDIUM, isolinux),
        ];
        for (path, text) in grub.into_iter().chain(isolinux) {
            put(additions, path, time, text.into_bytes());
        }
        Ok(())
    }

    /// An error of writing with whose fault it is.
    fn explain(&self, error: IsoWriteError) -> Error {
        let place = self.base.path.display();
        match error {
            IsoWriteError::Stopped => Error::interrupted(),
            IsoWriteError::Unbootable(_) | IsoWriteError::Source(_) => Error::input(format!(
                "{place}: {error}"
            ))
            .hint("take the ISO file as it was published, not a copy that a tool has changed"),
            IsoWriteError::Label(..) => Error::input(format!("--label: {error}")),
            error => Error::build(format!("cannot write the install medium: {error}")),
        }
    }
}

fn put(additions: &mut Tree, path: &str, time: i64, bytes: Vec<u8>) {
    additions.put(path, Entry::new(0o644, time, Content::Bytes(bytes)));
}

/// Gathers packages in a directory, for their repository's metadata.
fn link_packages(place: &Path, packages: &BTreeMap<String, PathBuf>) -> io::Result<()> {
    let directory = place.join("Packages");
    fs::create_dir_all(&directory)?;
    packages.iter().try_for_each(|(name, path)| symlink(path, directory.join(name)))
}

/// SHA-256 of all files.
fn sums(additions: &Tree) -> Result<BTreeMap<String, String>> {
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
        let mut buffer = vec![0; 1 << 18];
        loop {
            match from.read(&mut buffer).or_build(what)? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
        sums.insert(path, hex::encode(hash.finalize()));
    }
    Ok(sums)
}
