//! What a `%post --nochroot` and a `%pre` run in: a root of its own in the place of the installer's,
//! with the medium at /run/install/repo, and after the installation the installed tree at
//! /mnt/sysimage. Programs are a tree's.

use super::job::{Listener, environment};
use crate::base::error::{Context, Result};
use crate::tree::sandbox::{Bind, MachineFile, Sandbox};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

/// Where the installed tree is.
const SYSIMAGE: &str = "/mnt/sysimage";
/// Where the medium is; the installer's /mnt/install is /run/install.
const REPO: &str = "/mnt/install/repo";
/// What the tree lends; it cannot be changed there.
const PROGRAMS: [&str; 5] = ["bin", "lib", "lib64", "sbin", "usr"];
/// Directories that scripts expect, with their modes.
const DIRECTORIES: [(&str, u32); 8] = [
    ("home", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("root", 0o700),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
];

/// The installer's root.
pub struct Installer {
    directory: TempDir,
    binds: Vec<Bind>,
    api_roots: Vec<String>,
    machine: Vec<MachineFile>,
}

/// What an installer's root is made of.
pub struct InstallerParts<'a> {
    /// The tree that lends the programs.
    pub programs: &'a Path,
    /// Whether that tree is the installed one, and at /mnt/sysimage.
    pub installed: bool,
    /// The directory of the medium.
    pub medium: Option<&'a Path>,
    /// What the kernel's files say of the machine.
    pub machine: Vec<MachineFile>,
    /// Seconds since 1970, for what reads `SOURCE_DATE_EPOCH`.
    pub time: i64,
}

impl Installer {
    /// Creates it in the directory `parent`.
    ///
    /// # Errors
    /// What cannot be created.
    pub fn create(
        parts: InstallerParts<'_>,
        parent: &Path,
        listener: &mut dyn Listener,
    ) -> Result<Self> {
        let InstallerParts { programs: root, installed, medium, machine, time } = parts;
        let directory = tempfile::Builder::new()
            .prefix("installer-")
            .tempdir_in(parent)
            .or_environment(|| format!("cannot write to {}", parent.display()))?;
        let binds = prepare(root, directory.path())
            .or_build(|| format!("cannot prepare {}", directory.path().display()))?;
        let mut installer = Self { directory, binds, api_roots: vec!["/".to_owned()], machine };
        let tree = |read_only| Bind {
            host: root.to_owned(),
            inside: SYSIMAGE.to_owned(),
            read_only,
            programs: true,
        };
        // Its own configuration, users among it.
        let mut copy = installer.sandbox(&["cp", "-a", "/mnt/sysimage/etc", "/"]);
        copy.environment = environment(time);
        copy.binds.push(tree(true));
        copy.must(&mut |line| listener.log(line))?;
        if installed {
            installer.binds.push(tree(false));
            installer.api_roots.push(SYSIMAGE.to_owned());
        }
        installer.binds.extend(medium.map(|medium| Bind {
            host: medium.to_owned(),
            inside: REPO.to_owned(),
            read_only: true,
            programs: false,
        }));
        Ok(installer)
    }

    /// Its directory on the host.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// `command` in it.
    pub fn sandbox(&self, command: &[&str]) -> Sandbox {
        // /run is a mount of each sandbox's own.
        let script = "mkdir -p /run/install /mnt/install/repo && \
                      ln -s /mnt/install/repo /run/install/repo && exec \"$@\"";
        let words = ["/bin/sh", "-c", script, "sh"].into_iter().chain(command.iter().copied());
        let mut sandbox = Sandbox::new(self.path(), words);
        sandbox.binds.clone_from(&self.binds);
        sandbox.api_roots.clone_from(&self.api_roots);
        sandbox.machine.clone_from(&self.machine);
        sandbox
    }
}

/// Creates the directories, and what the tree lends.
fn prepare(root: &Path, place: &Path) -> std::io::Result<Vec<Bind>> {
    fs::set_permissions(place, Permissions::from_mode(0o755))?;
    for (name, mode) in DIRECTORIES {
        fs::create_dir(place.join(name))?;
        fs::set_permissions(place.join(name), Permissions::from_mode(mode))?;
    }
    let mut binds = Vec::new();
    for name in PROGRAMS {
        let from = root.join(name);
        match fs::symlink_metadata(&from) {
            Ok(meta) if meta.is_symlink() => symlink(fs::read_link(&from)?, place.join(name))?,
            Ok(meta) if meta.is_dir() => binds.push(Bind {
                host: from,
                inside: format!("/{name}"),
                read_only: true,
                programs: true,
            }),
            _ => {}
        }
    }
    Ok(binds)
}
