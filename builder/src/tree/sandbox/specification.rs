//! What is run in the sandbox, and what is answered from inside.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The hidden first argument that makes `main` call [`inner_main`].
pub const ARGUMENT: &str = "__sandbox";

/// How long a program may print nothing, unless configured otherwise: long after any that
/// works, on a slow machine too.
pub const SILENCE: Duration = Duration::from_secs(30 * 60);

/// A host directory shown inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bind {
    /// The directory outside.
    pub host: PathBuf,
    /// Its absolute place inside, created if it does not exist.
    pub inside: String,
    /// Whether writing to it fails.
    pub read_only: bool,
    /// Whether programs in it can run.
    pub programs: bool,
}

/// What stands for a file of another machine than the one that builds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum MachineContent {
    /// A text.
    Text(String),
    /// A symbolic link.
    Link(String),
    /// A file of the host in the place of a disk.
    Disk(PathBuf),
}

/// A file below /proc, /sys, /dev or /run that describes another machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MachineFile {
    /// Its absolute path; below /proc it has to exist.
    pub path: String,
    /// What is there.
    pub content: MachineContent,
}

/// One run of one program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// The directory that becomes `/`.
    pub root: PathBuf,
    /// Directories shown inside.
    pub binds: Vec<Bind>,
    /// Roots inside that get /proc, /sys, /dev and /run, `/` among them.
    pub api_roots: Vec<String>,
    /// What the kernel's files say of the machine, where it is not the one that builds.
    pub machine: Vec<MachineFile>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Standard input of the program.
    pub input: String,
    /// Added to the clean environment.
    pub environment: Vec<(String, String)>,
    /// Whether its root cannot be written: for what leaves nothing there.
    pub read_only: bool,
    /// Whether it makes device nodes in its root (rpm, from packages that have some): without
    /// a user namespace of its own, as those forbid it. They do not work as devices inside.
    pub devices: bool,
    /// Whether it makes files of a disk's size.
    pub large_files: bool,
    /// Whether its output is data: taken whole or not at all, where a log is cut.
    #[serde(skip)]
    pub data: bool,
    /// How long it may run; then everything inside is killed.
    #[serde(skip)]
    pub limit: Option<Duration>,
    /// How long it may print nothing.
    #[serde(skip)]
    pub silence: Option<Duration>,
}

/// What the inside reports before the program starts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SandboxReport {
    /// Why the host's root has no user namespace for it.
    pub(super) lacking: Option<String>,
}

impl Sandbox {
    /// `command` with `root` as its `/`.
    pub fn new<S: Into<String>>(
        root: impl Into<PathBuf>,
        command: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            root: root.into(),
            binds: Vec::new(),
            api_roots: vec!["/".to_owned()],
            machine: Vec::new(),
            command: command.into_iter().map(Into::into).collect(),
            input: String::new(),
            environment: Vec::new(),
            read_only: false,
            devices: false,
            large_files: false,
            data: false,
            limit: None,
            silence: Some(SILENCE),
        }
    }
}
