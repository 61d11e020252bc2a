//! `--run-pre`: `%pre` scripts run as in an installer, with programs from the media's packages and
//! the disks of the profile, for the files that they write and the kickstart includes.

use super::options::Select;
use super::pre_machine;
use super::pre_programs::{self, PrePrograms};
use super::scripts::plan_script;
use super::sources::{self, Wanted};
use crate::base::diagnostic::Diagnostic;
use crate::base::error::{Class, Context, Error, Result};
use crate::base::private::{self, Scratch};
use crate::base::progress::{Progress, Unit};
use crate::kickstart::{Repo, Script};
use crate::packages::cache;
use crate::packages::media::MountedMedium;
use crate::spec::{PreFiles, PreJob, PreRunner};
use crate::tree::install::{self, Installer, InstallerParts, Scripts};
use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::rc::Rc;
use std::time::Duration;

/// Larger files are not a kickstart's.
const LARGEST: usize = 4 << 20;
/// What the reading of a file ends with where there is none.
const ABSENT: i32 = 3;

/// What one kickstart's scripts have left, or why nothing.
type Outcome = std::result::Result<Rc<dyn PreFiles>, Diagnostic>;

/// Runs the `%pre` scripts of the kickstarts of one command.
pub struct PreScripts<'a> {
    select: &'a Select,
    state: RefCell<State<'a>>,
}

struct State<'a> {
    progress: &'a mut Progress,
    /// Programs, by the lines of the kickstart that say where they are from.
    programs: Vec<(Vec<Repo>, PrePrograms)>,
    /// What was run, by everything that it depends on.
    runs: Vec<(RunKey, Outcome)>,
    /// How the first that failed did.
    failed: Option<Class>,
}

/// What a run depends on.
#[derive(PartialEq, Eq)]
struct RunKey {
    text: String,
    scripts: Vec<Script>,
    disks: Vec<u64>,
    root: Vec<Repo>,
}

impl fmt::Debug for PreScripts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PreScripts")
    }
}

impl<'a> PreScripts<'a> {
    /// For what `select` has; nothing has run.
    pub fn new(select: &'a Select, progress: &'a mut Progress) -> Self {
        let state = State { progress, programs: Vec::new(), runs: Vec::new(), failed: None };
        Self { select, state: RefCell::new(state) }
    }

    /// What runs them, where the user asks for it.
    pub fn runner(&self) -> Option<&dyn PreRunner> {
        self.select.run_pre.is_some().then_some(self as &dyn PreRunner)
    }

    /// The class of the first error, if there was one.
    pub fn failed(&self) -> Option<Class> {
        self.state.borrow().failed
    }
}

impl PreRunner for PreScripts<'_> {
    fn run(&self, job: &PreJob<'_>) -> Outcome {
        let state = &mut *self.state.borrow_mut();
        let key = RunKey {
            text: job.text.to_owned(),
            scripts: job.first.scripts.clone(),
            disks: job.machine.disks().collect(),
            root: repositories(job),
        };
        if let Some((_, outcome)) = state.runs.iter().find(|(known, _)| *known == key) {
            return outcome.clone();
        }
        let outcome = match state.run(self.select, job) {
            Ok(files) => Ok(Rc::new(files) as Rc<dyn PreFiles>),
            Err(error) => Err(state.explain(job.file, error)),
        };
        state.runs.push((key, outcome.clone()));
        outcome
    }
}

/// The lines that say where packages are from.
fn repositories(job: &PreJob<'_>) -> Vec<Repo> {
    let kickstart = &job.first.kickstart;
    kickstart.url.iter().chain(&kickstart.repos).cloned().collect()
}

impl State<'_> {
    fn run(&mut self, select: &Select, job: &PreJob<'_>) -> Result<LeftFiles> {
        let PrePrograms { root, time } = self.programs(select, job)?;
        let parent = match cache::is_read_only(&select.cache) {
            true => std::env::temp_dir(),
            false => select.cache.join("trees"),
        };
        let what = || format!("cannot write to {}", parent.display());
        let scratch = Scratch::new(&parent, cache::TREE).or_environment(what)?;
        let disks = scratch.path().join("disks");
        fs::create_dir(&disks).or_environment(what)?;
        private::restrict(&disks, private::DIRECTORY).or_environment(what)?;
        let arguments = select.run_pre.as_deref().unwrap_or_default();
        let machine = pre_machine::describe(job.machine, arguments, job.text, &disks)?;
        let medium = sources::first_local(&select.media, job.repositories);
        let medium = medium.map(|path| MountedMedium::open(&path, scratch.path())).transpose()?;
        self.progress.stage("running %pre", Unit::Items);
        let parts = InstallerParts {
            programs: &root,
            installed: false,
            medium: medium.as_ref().map(MountedMedium::path),
            machine,
            time,
        };
        let installer = Installer::create(parts, scratch.path(), self.progress)?;
        let limit = select.script_limit();
        let scripts: Vec<_> = job.first.scripts.iter().map(plan_script).collect();
        let scripts = Scripts { section: "%pre", scripts: &scripts, limit, time };
        install::run_pre(&scripts, &installer, self.progress)?;
        self.progress.finish();
        Ok(LeftFiles { installer, limit, _medium: medium, _scratch: scratch })
    }

    fn programs(&mut self, select: &Select, job: &PreJob<'_>) -> Result<PrePrograms> {
        let lines = repositories(job);
        if let Some((_, known)) = self.programs.iter().find(|(known, _)| *known == lines) {
            return Ok(known.clone());
        }
        let wanted = Wanted { kickstart: &job.first.kickstart, repositories: job.repositories };
        let programs = pre_programs::find(select, wanted, self.progress)?;
        self.programs.push((lines, programs.clone()));
        Ok(programs)
    }

    /// The error as one of the kickstart's.
    fn explain(&mut self, file: &str, error: Error) -> Diagnostic {
        self.progress.stop();
        self.failed.get_or_insert(error.class);
        let Error { message, hint, .. } = error;
        let diagnostic = Diagnostic::of_file(file, format!("--run-pre: {message}"));
        diagnostic.hint(hint.unwrap_or_else(|| {
            "give the files that %pre writes with --include NAME=FILE instead".to_owned()
        }))
    }
}

/// The installer's files after the scripts.
struct LeftFiles {
    installer: Installer,
    limit: Duration,
    _medium: Option<MountedMedium>,
    _scratch: Scratch,
}

impl PreFiles for LeftFiles {
    /// Reads inside, so that a link cannot lead out.
    fn read(&self, path: &str) -> std::result::Result<Option<String>, Diagnostic> {
        let script = format!("[ -f \"$0\" ] || exit {ABSENT}; exec head -c {} \"$0\"", LARGEST + 1);
        let mut sandbox = self.installer.sandbox(&["/bin/sh", "-c", &script, path]);
        (sandbox.data, sandbox.limit) = (true, Some(self.limit));
        let mut text = String::new();
        let ended = sandbox.run(&mut |line| {
            text.push_str(line);
            text.push('\n');
        });
        let fail = |why: String| Diagnostic::of_file(path, format!("cannot read it: {why}"));
        match ended {
            Ok(0) if text.len() > LARGEST => Err(fail("it is larger than 4 MiB".to_owned())),
            Ok(0) => Ok(Some(text)),
            Ok(ABSENT) => Ok(None),
            Ok(code) => Err(fail(format!("reading ended with {code}: {}", text.trim_end()))),
            Err(error) => Err(fail(error.message)),
        }
    }
}
