//! Packages → an installed root tree, by the target's own rpm in a sandbox: the rpmdb,
//! scriptlets, triggers and capabilities are the target's, whatever the host is.

mod initramfs;
mod installer;
mod job;
mod keystore;
mod packages;
mod rpmdb;
mod scripts;
mod settle;

pub use installer::{Installer, InstallerParts};
pub use job::{Job, Listener, PackageFile};
pub use scripts::{Scripts, run_post, run_pre};

use crate::base::error::{Context, Error, Result};
use crate::base::progress::Unit;
use crate::packages::repo::package_file;
use crate::tree;
use crate::tree::bootstrap;
use crate::tree::sandbox::{Bind, SILENT, Sandbox};
use contract::assets;
use formats::file_type::{BLOCK_DEVICE, CHAR_DEVICE};
use job::environment;
use rayon::prelude::*;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Where the tree under construction is inside the bootstrap root.
const TARGET: &str = "/target";
/// Where the packages are inside the bootstrap root.
const PACKAGES: &str = "/packages";

/// Units of Initial Setup, which asks questions on a node's console and waits for answers.
const INITIAL_SETUP: [&str; 3] = ["initial-setup", "initial-setup-graphical", "initial-setup-text"];

/// What comes after the last package takes longer than all of them: scriptlets of the whole
/// transaction, among them the kernel's, which runs dracut.
const FINISHING: &str = "running last scriptlets, making the initramfs";

/// Stages that [`install`] reports.
pub const STAGES: u64 = 3;

/// Files of an installed tree directory.
pub mod place {
    /// The root tree.
    pub const ROOT: &str = "root";
}

/// Installs packages into `directory/root`, for their programs alone: it does not start.
///
/// # Errors
/// As [`install`].
pub fn install_programs(job: &Job, directory: &Path, listener: &mut dyn Listener) -> Result<()> {
    let root = directory.join(place::ROOT);
    prepare(&root).or_build(|| format!("cannot prepare {}", root.display()))?;
    transaction(job, directory, &root, listener)?;
    check_count(job, &root, listener)
}

/// Installs into `directory/root`.
///
/// # Errors
/// A build error with the end of the failing program's output.
pub fn install(job: &Job, directory: &Path, listener: &mut dyn Listener) -> Result<()> {
    install_programs(job, directory, listener)?;
    let root = directory.join(place::ROOT);
    let run = |listener: &mut dyn Listener, command: &[&str]| {
        let mut sandbox = Sandbox::new(&root, command.iter().copied());
        sandbox.environment = environment(job.time);
        sandbox.silence = Some(job.silence);
        listener.log(&format!("$ {}", command.join(" ")));
        sandbox.must(&mut |line| listener.log(line))
    };
    catalog(&root, listener)?;
    for release in kernels_without_initramfs(&root)? {
        let image = format!("/boot/initramfs-{release}.img");
        listener.at(0, 0, "dracut");
        run(listener, &["dracut", "--force", &image, &release])?;
    }
    listener.at(0, 0, "units");
    run(listener, &["systemctl", "set-default", job.target])?;
    for unit in job.enable {
        run(listener, &["systemctl", "enable", unit])?;
    }
    for unit in job.disable.iter().filter(|unit| has_unit(&root, unit)) {
        run(listener, &["systemctl", "disable", unit])?;
    }
    let verb = if job.initial_setup { "enable" } else { "disable" };
    for unit in INITIAL_SETUP.into_iter().filter(|unit| has_unit(&root, unit)) {
        run(listener, &["systemctl", verb, unit])?;
    }
    listener.stage("settling the installed tree", Unit::Steps);
    settle::settle(job.time, &root, listener)
}

/// firstboot's message catalog, and the database that `journalctl -x` reads. Inside, so that
/// a link of the tree cannot lead out of it.
fn catalog(root: &Path, listener: &mut dyn Listener) -> Result<()> {
    let script =
        "mkdir -p \"${0%/*}\" && cat >\"$0\" && chmod 644 \"$0\" && journalctl --update-catalog";
    let mut sandbox = Sandbox::new(root, ["/bin/sh", "-c", script, assets::CATALOG_PATH]);
    sandbox.input = assets::CATALOG.to_owned();
    sandbox.must(&mut |line| listener.log(line))
}

/// What must be there before the first package: dracut is host-only by default, and the
/// kernel's scriptlet runs it. Modes are set, whatever the user's umask is.
fn prepare(root: &Path) -> std::io::Result<()> {
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
    let mut directory = root.to_owned();
    for part in ["", "etc", "dracut.conf.d"] {
        directory.push(part);
        fs::create_dir(&directory)?;
        mode(&directory, 0o755)?;
    }
    let file = directory.join("imgbuild.conf");
    fs::write(
        &file,
        "# The initramfs serves any machine, not the one that built it.\nhostonly=\"no\"\n",
    )?;
    mode(&file, 0o644)
}

/// The whole transaction at once, by the rpm of the bootstrap root.
fn transaction(
    job: &Job,
    directory: &Path,
    root: &Path,
    listener: &mut dyn Listener,
) -> Result<()> {
    let total = job.packages.len() as u64;
    listener.stage("installing packages", Unit::Packages);
    listener.at(0, total, "unpacking rpm and what it needs");
    let bootstrap = tempfile::Builder::new()
        .prefix("bootstrap-")
        .tempdir_in(directory)
        .or_environment(|| format!("cannot write to {}", directory.display()))?;
    let closure: Vec<&Path> =
        job.packages.iter().filter(|p| p.bootstrap).map(|p| p.path.as_path()).collect();
    bootstrap::unpack(&closure, bootstrap.path())?;

    let packages = packages::gather(job.packages, directory)?;
    // Digests were checked against the repositories' metadata before; rpm has no keys yet.
    // /proc and /sys are mounts, which a user namespace may not give owners: rpm leaves them
    // alone, with and without root, so that its database is the same.
    let mut command: Vec<String> = ["rpm", "--root", TARGET, "--nosignature", "--nodigest"]
        .into_iter()
        .chain(["--define", "_netsharedpath /proc:/sys", "-iv"])
        .map(str::to_owned)
        .collect();
    command.extend(job.left_out.docs.then(|| "--excludedocs".to_owned()));
    if let Some(languages) = &job.left_out.languages_but {
        command.extend(["--define".to_owned(), format!("_install_langs {languages}")]);
    }
    command.extend(packages.inside(PACKAGES));
    let mut sandbox = Sandbox::new(bootstrap.path(), command);
    sandbox.environment = environment(job.time);
    sandbox.silence = Some(job.silence);
    sandbox.devices = have_devices(job.packages)?;
    sandbox.api_roots.push(TARGET.to_owned());
    let inside = TARGET.to_owned();
    sandbox.binds.push(Bind { host: root.to_owned(), inside, read_only: false, programs: true });
    let host = packages.directory()?;
    let inside = PACKAGES.to_owned();
    sandbox.binds.push(Bind { host, inside, read_only: true, programs: false });
    let mut done = 0;
    sandbox.must(&mut |line| hear(line, &mut done, total, listener))?;
    if done < total {
        listener.stage(FINISHING, Unit::Steps);
    }
    Ok(())
}

/// A line of rpm's; `done` of `total` packages are begun.
fn hear(line: &str, done: &mut u64, total: u64, listener: &mut dyn Listener) {
    listener.log(line);
    // rpm goes on after these; the user is notified.
    let warns = ["error: ", SILENT].iter().any(|start| line.starts_with(start));
    if warns || line.contains("scriptlet failed") {
        listener.warn(line);
    }
    // rpm -v names each package as it begins with it; everything else has blanks.
    if !line.is_empty() && !line.contains([' ', '%']) {
        *done += 1;
        match *done == total {
            true => listener.stage(FINISHING, Unit::Steps),
            false => listener.at((*done).min(total), total, line),
        }
    }
}

/// Whether any of the packages brings a device node.
fn have_devices(packages: &[PackageFile]) -> Result<bool> {
    let found: Result<Vec<bool>> = packages
        .par_iter()
        .map(|package| {
            let files = package_file::open(&package.path)?.package.files;
            Ok(files.iter().any(|file| matches!(file.kind(), CHAR_DEVICE | BLOCK_DEVICE)))
        })
        .collect();
    Ok(found?.contains(&true))
}

/// rpm's own word for what is installed.
fn check_count(job: &Job, root: &Path, listener: &mut dyn Listener) -> Result<()> {
    let mut count = 0;
    let mut query =
        Sandbox::new(root, ["rpm", "-qa", "--qf", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n"]);
    query.data = true;
    query.must(&mut |line| {
        listener.log(&format!("installed: {line}"));
        count += 1;
    })?;
    if count == job.packages.len() {
        return Ok(());
    }
    Err(Error::build(format!(
        "the image's rpm has {count} packages installed, the plan has {}; the log lists them",
        job.packages.len()
    )))
}

fn kernels_without_initramfs(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let Some(modules) = tree::inside(root, "usr/lib/modules")? else { return Ok(found) };
    let Ok(entries) = fs::read_dir(&modules) else { return Ok(found) };
    for entry in entries {
        let name = entry.or_build(|| format!("cannot read {}", modules.display()))?.file_name();
        let release = name.to_string_lossy().into_owned();
        if !tree::has(root, &format!("boot/initramfs-{release}.img")) {
            found.push(release);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a unit file or an init script of this name is installed.
fn has_unit(root: &Path, unit: &str) -> bool {
    let file = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    ["usr/lib/systemd/system", "etc/systemd/system"]
        .iter()
        .any(|d| tree::has(root, &format!("{d}/{file}")))
        || tree::has(root, &format!("etc/rc.d/init.d/{unit}"))
}
