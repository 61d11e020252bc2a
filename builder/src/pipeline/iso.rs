//! The recipe of install media: the medium's ISO with kickstarts, node files and repositories.

use super::install_base::{BaseMedium, EFI_IMAGE};
use super::install_node::{self, InstallShared};
use super::install_tree::{self, NodeOfRole};
use super::options::Select;
use super::overlay::{self, Firstboot};
use super::planned_roles;
use crate::base::error::{Context as _, Error, Result};
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use crate::image::output::{Staging, require_space};
use crate::lab::secrets::NodeSecrets;
use crate::plan::install::{self, DIRECTORY, InstallPlan, InstallSource, MANIFEST, boot_menu};
use formats::iso9660::{self, IsoWriteError};
use formats::tree::Tree;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
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

/// Makes install media: one for each node, or one for all.
///
/// # Errors
/// Input errors of profile, kickstart, media and packages, and of a medium without installer; build
/// errors of writing. Nothing is left in the output directory then.
pub fn iso(options: &IsoOptions, progress: &mut Progress) -> Result<Vec<BuiltIso>> {
    let firstboot = overlay::firstboot_binary(options.firstboot.as_deref())?;
    let roles = planned_roles::plan_with_checks(&options.select, None, progress)?;
    let first = roles.first().ok_or_else(|| Error::input("the lab has no role to install"))?;
    planned_roles::refuse_several_disks(&roles)?;
    let base = BaseMedium::find(&options.select, &first.context.spec)?;
    let label = options.label.as_deref().unwrap_or(base.iso.volume_id());
    install::check_label(label).or_input(|| "the volume label".to_owned()).map_err(|error| {
        error.hint("give another one: --label LAB-7 (the boot menus then name that one)")
    })?;
    progress.note(&base.note());
    let nodes = install_tree::nodes(&roles);
    let groups: Vec<(String, &[NodeOfRole<'_>])> = match options.together {
        true => vec![(format!("{}.iso", first.context.spec.lab), &nodes[..])],
        false => nodes.chunks(1).map(|one| (format!("{}.iso", one[0].1.name), one)).collect(),
    };
    let names: Vec<String> = groups.iter().map(|(name, _)| name.clone()).collect();
    let staging = Staging::new(&options.output, names, options.force)?;
    require_space(&options.output, base.iso.length() * groups.len() as u64, "the install media")?;
    let secrets = match options.secrets {
        true => install_tree::secrets(&options.state, &roles, progress)?,
        false => BTreeMap::new(),
    };
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
        let time = install_tree::time(nodes);
        let directory = format!("{DIRECTORY}/repos");
        let repositories = install_tree::add_repositories(
            (base, nodes),
            (&directory, work),
            &mut additions,
            progress,
        )?;
        let shared =
            InstallShared { base, firstboot, erase: options.erase, repositories: &repositories };
        let mut installs = Vec::new();
        for (role, node) in nodes {
            let (secrets, node) = (secrets.get(&node.name), (&role.context, *node));
            let source = &InstallSource::Medium;
            installs.push(install_node::add(&shared, source, node, secrets, &mut additions)?);
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
        plan.files = install_tree::sums(&additions)?;
        install_tree::put(&mut additions, MANIFEST, time, plan.to_json().into_bytes());
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
        let private = options.secrets || install_tree::have_passwords(nodes);
        Ok((plan, private))
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
        install_tree::put(additions, EFI_IMAGE, time, base.efi_image(&grub)?);
        let isolinux = [
            (ISOLINUX, boot_menu::isolinux(plan, &isolinux)),
            (boot_menu::ISOLINUX_MEDIUM, isolinux),
        ];
        for (path, text) in grub.into_iter().chain(isolinux) {
            install_tree::put(additions, path, time, text.into_bytes());
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
