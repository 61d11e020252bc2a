//! One node: its files below a root, its processes, kernel and time.

use super::clock::{Clock, SystemClock};
use super::fault::Fault;
use super::files;
use super::followed::Followed;
use super::note::Note;
use super::process::{Output, Program};
use super::system::{DirectoryRunner, Runner, SystemRunner};
use super::watched::Watched;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Shorter "secrets" (`y`, `42`, in characters) are words of any text, and hide nothing.
pub const MIN_SECRET: usize = 4;
/// Where SELinux shows that it is enabled.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// One node, or a directory tree that looks like one.
pub struct Host {
    root: PathBuf,
    runner: Box<dyn Runner>,
    clock: Box<dyn Clock>,
    live: bool,
    secrets: RefCell<Vec<String>>,
    notes: RefCell<Vec<Note>>,
    /// When each thing that takes time began.
    begun: RefCell<BTreeMap<&'static str, Duration>>,
    pub(super) jobs: RefCell<BTreeMap<&'static str, Followed>>,
    pub(super) watched: RefCell<BTreeMap<String, Watched>>,
}

impl Host {
    /// The node at `root`: the running one for `/`, else a directory tree in which no
    /// process is started and the kernel is not asked.
    pub fn open(root: &Path) -> Host {
        let live = root == Path::new("/");
        let runner: Box<dyn Runner> =
            if live { Box::new(SystemRunner) } else { Box::new(DirectoryRunner) };
        Host { live, ..Host::with(root, runner, Box::new(SystemClock::default())) }
    }

    /// A running node whose files are under `root` and whose processes, kernel and
    /// time are the given ones.
    pub fn with(root: &Path, runner: Box<dyn Runner>, clock: Box<dyn Clock>) -> Host {
        Host {
            root: root.to_owned(),
            runner,
            clock,
            live: true,
            secrets: RefCell::default(),
            notes: RefCell::default(),
            begun: RefCell::default(),
            jobs: RefCell::default(),
            watched: RefCell::default(),
        }
    }

    /// Whether this is a running node, not only a directory tree.
    pub fn live(&self) -> bool {
        self.live
    }

    /// Time.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Processes and kernel calls.
    pub fn runner(&self) -> &dyn Runner {
        self.runner.as_ref()
    }

    /// Notes that `what` begins now.
    pub fn begin(&self, what: &'static str) {
        self.begun.borrow_mut().insert(what, self.clock.monotonic());
    }

    /// How long ago `what` began; no time if it has not.
    pub fn time_since(&self, what: &'static str) -> Duration {
        let began = self.begun.borrow().get(what).copied();
        began.map_or(Duration::ZERO, |began| self.clock.monotonic() - began)
    }

    /// Where the node's `path` really is.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when symbolic links go in a circle.
    pub fn path(&self, path: &str) -> io::Result<PathBuf> {
        files::resolve(&self.root, Path::new(path))
    }

    /// The content of `path`, `None` if it does not exist. Bytes that are not UTF-8
    /// are replaced, so that they differ from every desired value.
    ///
    /// # Errors
    /// As reading a file; also when it is larger than [`files::MAX_FILE`].
    pub fn read(&self, path: &str) -> io::Result<Option<String>> {
        let bytes = files::read(&self.path(path)?).map_err(|error| named(path, &error))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The end of `path`, at most [`files::MAX_FILE`] bytes; `None` if it does not exist.
    ///
    /// # Errors
    /// As reading a file.
    pub fn read_end(&self, path: &str) -> io::Result<Option<String>> {
        let bytes = files::read_end(&self.path(path)?).map_err(|error| named(path, &error))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Replaces `path` by `content` in one step: after a power cut it is the old
    /// file or the new one. Missing directories are made (0755).
    ///
    /// # Errors
    /// As writing a file; the old file is then unchanged.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> io::Result<()> {
        let target = files::replaceable(&self.root, Path::new(path))?;
        files::write_atomic(&target, content, mode).map_err(|error| named(path, &error))?;
        self.restore_label(path);
        Ok(())
    }

    /// Takes the lock on the directory `path`, creating the directory if needed; the lock
    /// ends with the returned value. `None` if another process holds it.
    ///
    /// # Errors
    /// As opening a directory.
    pub fn lock(&self, path: &str) -> io::Result<Option<files::Lock>> {
        let directory = self.path(path)?;
        files::create_directories(&directory).map_err(|error| named(path, &error))?;
        files::lock(&directory).map_err(|error| named(path, &error))
    }

    /// Whether another process holds the lock on the directory `path`.
    pub fn locked(&self, path: &str) -> bool {
        let lock = self.path(path).and_then(|directory| files::lock(&directory));
        matches!(lock, Ok(None))
    }

    /// Replaces the content of the file `path`, which keeps its mode, owner and group.
    ///
    /// # Errors
    /// As [`Host::write`]; also when it does not exist.
    pub fn replace(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let target = files::replaceable(&self.root, Path::new(path))?;
        files::replace_atomic(&target, content).map_err(|error| named(path, &error))?;
        self.restore_label(path);
        Ok(())
    }

    /// Removes the file `path`, if it exists.
    ///
    /// # Errors
    /// As removing a file.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        match std::fs::remove_file(files::replaceable(&self.root, Path::new(path))?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(path, &error)),
            _ => Ok(()),
        }
    }

    /// Creates the directory `path` if it does not exist, for its owner only.
    ///
    /// # Errors
    /// As creating directories.
    pub fn make_private(&self, path: &str) -> io::Result<()> {
        files::create_directories(&self.path(path)?).map_err(|error| named(path, &error))?;
        self.set_mode(path, 0o700)
    }

    /// Gives `path` the permission bits `mode`.
    ///
    /// # Errors
    /// As changing a mode.
    pub fn set_mode(&self, path: &str, mode: u32) -> io::Result<()> {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(path)?, permissions).map_err(|error| named(path, &error))
    }

    /// Seconds since the kernel started; `None` in a directory tree without `/proc`.
    pub fn uptime(&self) -> Option<f64> {
        let text = self.read("/proc/uptime").ok().flatten()?;
        text.split_whitespace().next()?.parse().ok()
    }

    /// Seconds since the kernel started; 0 in a directory tree without `/proc`.
    pub fn uptime_seconds(&self) -> f64 {
        self.uptime().unwrap_or_default()
    }

    /// Runs `program`; that it cannot be started is a fault, how it ends is not.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn run(&self, program: &Program) -> Result<Output, Fault> {
        self.runner.run(program).map_err(|error| Fault::not_started(program, &error))
    }

    /// As [`Host::run`]; the program's output is noted.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn run_logged(&self, program: &Program) -> Result<Output, Fault> {
        let output = self.run(program)?;
        for line in output.stdout.lines().chain(output.stderr.lines()) {
            self.note_output(&program.name, line);
        }
        Ok(output)
    }

    /// Runs `program`, which changes something: its output is noted, and its failure is a
    /// fault.
    ///
    /// # Errors
    /// When it cannot be started or does not end with exit code 0.
    pub fn run_checked(&self, program: &Program) -> Result<(), Fault> {
        let output = self.run_logged(program)?;
        if output.ok() {
            return Ok(());
        }
        Err(Fault::new(format!("`{program}` failed: {}", output.summary())))
    }

    /// Notes something for the journal and the state file.
    pub fn note(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    /// Notes a line that a program printed.
    pub fn note_output(&self, program: &str, line: &str) {
        let (program, line) = (program.to_owned(), line.trim_end().to_owned());
        if !line.is_empty() {
            self.note(Note::Output { program, line });
        }
    }

    /// What was noted since the last call.
    pub fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.borrow_mut())
    }

    /// The permission bits of `path`, `None` if it does not exist.
    ///
    /// # Errors
    /// As asking for a file's status.
    pub fn mode(&self, path: &str) -> io::Result<Option<u32>> {
        match std::fs::metadata(self.path(path)?) {
            Ok(meta) => Ok(Some(meta.permissions().mode() & 0o7777)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(path, &error)),
        }
    }

    /// From now on `secret` is never shown: not in records, the state file or messages.
    pub fn keep_secret(&self, secret: &str) {
        let mut secrets = self.secrets.borrow_mut();
        if secret.len() >= MIN_SECRET && secrets.iter().all(|known| known != secret) {
            secrets.push(secret.to_owned());
            // A secret may be a part of another one: the longest goes first.
            secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// `text` with `***` in place of every secret.
    pub fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.borrow();
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }

    /// The kernel's identifier of this boot; `None` in a directory tree without one.
    pub fn boot_id(&self) -> Option<String> {
        let id = self.read("/proc/sys/kernel/random/boot_id").ok().flatten()?;
        Some(id.trim().to_owned())
    }

    /// A replaced file has its directory's SELinux type; some (resolv.conf, hostname)
    /// have one of their own in the policy.
    fn restore_label(&self, path: &str) {
        if self.live && matches!(self.read(SELINUX), Ok(Some(_))) {
            let program = Program::new("restorecon").arg(path).time_limit(Duration::from_secs(10));
            // Only a label is at stake; without the program there is no policy either.
            let _ = self.runner.run(&program);
        }
    }
}

/// `error` with the path it is about.
fn named(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}
