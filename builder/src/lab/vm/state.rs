//! What is remembered of a lab between commands: one directory for each lab, with the overlays,
//! the consoles' logs and `lab.json`.

use super::handle::{Machine, Network};
use super::process::Process;
use super::repository_server::RepositoryServer;
use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::files::names_in;
use crate::base::private;
use crate::lab::secrets::Store;
use crate::plan::Lab;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Schema number of `lab.json`.
const SCHEMA: u32 = 1;
const FILE: &str = "lab.json";
const LOCK: &str = "lock";
/// The log of a node's serial console in its directory.
pub const CONSOLE: &str = "console.log";

/// A lab's machines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    schema: u32,
    /// The lab.
    pub lab: Lab,
    /// The lab network, while it is up.
    pub network: Option<Network>,
    /// The server of its repositories, since it was last started.
    #[serde(default)]
    pub repositories: Option<RepositoryServer>,
    /// Machines by name.
    pub nodes: BTreeMap<String, VmNode>,
}

impl State {
    /// The lab network, if it is up.
    ///
    /// # Errors
    /// When what keeps it does not report it.
    pub fn network_up(&self) -> Result<Option<&Network>> {
        match &self.network {
            Some(network) if network.alive()? => Ok(Some(network)),
            _ => Ok(None),
        }
    }

    /// The address of a node that is up, and the keeper of the network that leads to it, where
    /// that is a namespace of its own.
    ///
    /// # Errors
    /// An input error when there is no such node or it is not up.
    pub fn way_to(&self, name: &str) -> Result<(Ipv4Addr, Option<&Process>)> {
        choose(self, &[name.to_owned()])?;
        let node = &self.nodes[name];
        let up = if node.alive()? { self.network_up()? } else { None };
        let network = up.ok_or_else(|| {
            Error::input(format!("{name} is not up"))
                .hint(format!("`imgbuild up {name}` brings it up; `imgbuild status` shows the lab"))
        })?;
        Ok((node.address, network.keeper()))
    }

    /// Those of the nodes called `names` whose machines run.
    ///
    /// # Errors
    /// When what runs them does not report it.
    pub fn running<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Vec<&'a String>> {
        let mut running = Vec::new();
        for name in names {
            if self.nodes.get(name).map_or(Ok(false), VmNode::alive)? {
                running.push(name);
            }
        }
        Ok(running)
    }
}

/// One machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VmNode {
    /// Role name.
    pub role: String,
    /// Address on the lab network.
    pub address: Ipv4Addr,
    /// The image below the overlay.
    pub image: PathBuf,
    /// SHA-256 of that image when the overlay was created.
    pub sha256: String,
    /// Its machine, since it was last started.
    pub machine: Option<Machine>,
    /// How many bytes the console's log had then.
    pub log_start: u64,
    /// How its processor is run: `kvm` or `tcg`.
    pub accelerator: String,
}

impl VmNode {
    /// Whether its machine runs.
    ///
    /// # Errors
    /// When what runs it does not report it.
    pub fn alive(&self) -> Result<bool> {
        self.machine.as_ref().map_or(Ok(false), Machine::alive)
    }
}

/// The directory of a lab's state.
#[derive(Clone, Debug)]
pub struct LabDirectory(PathBuf);

impl LabDirectory {
    /// Of the lab `name` below `base`.
    pub fn new(base: &Path, name: &str) -> Self {
        Self(base.join(name))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where files of one node are.
    pub fn node(&self, name: &str) -> PathBuf {
        self.0.join("nodes").join(name)
    }

    /// The log of a node's serial console.
    pub fn console(&self, name: &str) -> PathBuf {
        self.node(name).join(CONSOLE)
    }

    /// Removes everything of the machines; the lab's secrets stay, as images hold them.
    ///
    /// # Errors
    /// An environment error when something cannot be removed.
    pub fn remove(&self) -> Result<()> {
        let what = || format!("cannot read {}", self.0.display());
        for entry in fs::read_dir(&self.0).or_environment(what)? {
            let entry = entry.or_environment(what)?;
            if !Store::owns(&entry.file_name().to_string_lossy()) {
                remove(&entry.path())?;
            }
        }
        // Where there are secrets it stays.
        let _ = fs::remove_dir(&self.0);
        Ok(())
    }

    /// Reads the state without holding it.
    ///
    /// # Errors
    /// When there is none or it cannot be read.
    pub fn read(&self) -> Result<State> {
        let path = self.0.join(FILE);
        let text = fs::read(&path).or_input(|| format!("cannot read {}", path.display()))?;
        let state: State =
            serde_json::from_slice(&text).or_input(|| format!("{} is damaged", path.display()))?;
        if state.schema == SCHEMA {
            return Ok(state);
        }
        let message = format!("{} has schema {}, not {SCHEMA}", path.display(), state.schema);
        Err(Error::input(message).hint("use the imgbuild that created it"))
    }
}

/// The state of a lab, held exclusively as long as this lives.
pub struct Held {
    /// Its directory.
    pub directory: LabDirectory,
    /// Its content; [`Held::save`] writes it.
    pub state: State,
    _lock: Flock<File>,
}

impl Held {
    /// Takes hold of the lab's state, which is begun if it does not exist.
    ///
    /// # Errors
    /// An environment error when the directory cannot be used; an input error when a lab of this
    /// name has other addresses.
    pub fn open(directory: LabDirectory, lab: &Lab) -> Result<Self> {
        private::own_dir(directory.path())
            .or_environment(|| format!("cannot use {}", directory.path().display()))?;
        let lock = lock(&directory)?;
        let new = !directory.path().join(FILE).exists();
        let state = if new {
            let (network, repositories, nodes) = (None, None, BTreeMap::new());
            State { schema: SCHEMA, lab: lab.clone(), network, repositories, nodes }
        } else {
            directory.read()?
        };
        if state.lab != *lab {
            return Err(Error::input(format!(
                "the images are of a lab {} on {}/{}, but one of that name on {}/{} already exists",
                lab.name, lab.network, lab.prefix, state.lab.network, state.lab.prefix
            ))
            .hint("`imgbuild destroy` removes the old one"));
        }
        Ok(Self { directory, state, _lock: lock })
    }

    /// Takes hold of a lab that exists.
    ///
    /// # Errors
    /// As [`LabDirectory::read`].
    pub fn existing(directory: LabDirectory) -> Result<Self> {
        directory.read()?;
        let lock = lock(&directory)?;
        let state = directory.read()?;
        Ok(Self { directory, state, _lock: lock })
    }

    /// Writes the state: a whole file in the place of the old one.
    ///
    /// # Errors
    /// An environment error when it cannot be written.
    pub fn save(&self) -> Result<()> {
        let what = || format!("cannot write to {}", self.directory.path().display());
        let text = serde_json::to_vec_pretty(&self.state).or_environment(what)?;
        durable::replace(&self.directory.path().join(FILE), &text).or_environment(what)
    }
}

/// Removes a file or a directory with everything in it.
///
/// # Errors
/// An environment error when something cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::environment(format!("cannot remove {}: {e}", path.display())))
        }
        _ => Ok(()),
    }
}

fn lock(directory: &LabDirectory) -> Result<Flock<File>> {
    let what = || format!("cannot use {}", directory.path().display());
    let file = private::open_lock(&directory.path().join(LOCK)).or_environment(what)?;
    let lock = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| match e {
        nix::errno::Errno::EINTR => Error::interrupted(),
        e => Error::environment(format!("{}: {e}", what())),
    })?;
    // With the lock held nobody writes: these are of programs that were killed.
    private::remove_dead(directory.path(), durable::TEMPORARY);
    Ok(lock)
}

/// Names of the labs below `base`, sorted.
///
/// # Errors
/// An environment error when the directory is there and cannot be read.
pub fn labs(base: &Path) -> Result<Vec<String>> {
    let mut names = names_in(base)?;
    names.retain(|name| base.join(name).join(FILE).exists());
    Ok(names)
}

/// The lab that is meant, as [`find`] has it; `None` where there is no lab at all.
///
/// # Errors
/// An input error that lists what exists.
pub fn find_any(base: &Path, name: Option<&str>) -> Result<Option<LabDirectory>> {
    if labs(base)?.is_empty() { Ok(None) } else { find(base, name).map(Some) }
}

/// The lab that is meant: the one named, or the only one.
///
/// # Errors
/// An input error that lists what exists.
pub fn find(base: &Path, name: Option<&str>) -> Result<LabDirectory> {
    let labs = labs(base)?;
    let none = || {
        Error::input(format!("no lab exists (looked in {})", base.display()))
            .hint("`imgbuild up` creates one from the images of a build")
    };
    match (name, labs.as_slice()) {
        (_, []) => Err(none()),
        (Some(name), _) if labs.iter().any(|l| l == name) => Ok(LabDirectory::new(base, name)),
        (Some(name), _) => Err(Error::input(format!("there is no lab `{name}`"))
            .hint(format!("labs: {}", labs.join(", ")))),
        (None, [only]) => Ok(LabDirectory::new(base, only)),
        (None, _) => Err(Error::input("there are several labs; name one by --lab")
            .hint(format!("labs: {}", labs.join(", ")))),
    }
}

/// The nodes of `state` called `names`, all when no name is given.
///
/// # Errors
/// An input error that lists what exists.
pub fn choose(state: &State, names: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(state.nodes.keys().cloned().collect());
    }
    for name in names {
        if !state.nodes.contains_key(name) {
            let known: Vec<&str> = state.nodes.keys().map(String::as_str).collect();
            return Err(Error::input(format!("lab {} has no node `{name}`", state.lab.name))
                .hint(format!("its nodes: {}", known.join(", "))));
        }
    }
    Ok(names.to_vec())
}
