//! The kickstart's scripts, run as Anaconda runs them: each is a file in /tmp that the interpreter
//! gets by name.

use super::installer::{Installer, InstallerParts};
use super::job::{Listener, environment};
use super::settle;
use crate::base::error::{Class, Context, Error, Result};
use crate::base::interrupt;
use crate::plan::Script;
use crate::tree;
use crate::tree::sandbox::{SILENT, Sandbox, Tail};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// What to run.
pub struct Scripts<'a> {
    /// The section that they are, for messages.
    pub section: &'static str,
    /// The scripts, in order, with their texts.
    pub scripts: &'a [(Script, String)],
    /// How long one may take.
    pub limit: Duration,
    /// Seconds since 1970, for what reads `SOURCE_DATE_EPOCH`.
    pub time: i64,
}

/// Runs `%post` scripts in the tree at `root`, and settles it; `medium` is the directory of the
/// medium that an installer would have, for scripts outside the tree.
///
/// # Errors
/// A build error with the end of the output when a script fails that has `--erroronfail`, or
/// when one takes too long; what the sandbox fails with.
pub fn run_post(
    scripts: &Scripts<'_>,
    root: &Path,
    medium: Option<&Path>,
    listener: &mut dyn Listener,
) -> Result<()> {
    let outside = scripts.scripts.iter().any(|(script, _)| script.nochroot);
    let (time, machine) = (scripts.time, Vec::new());
    let parts = InstallerParts { programs: root, installed: true, medium, machine, time };
    let parent = root.parent().unwrap_or(root);
    let installer = match outside {
        true => Some(Installer::create(parts, parent, listener)?),
        false => None,
    };
    run_all(scripts, listener, |script| match installer.as_ref().filter(|_| script.nochroot) {
        Some(installer) => ScriptPlace::Installer(installer),
        None => ScriptPlace::Tree(root),
    })?;
    drop(installer);
    settle::settle(scripts.time, root, listener)
}

/// Runs `%pre` scripts in an installer's root.
///
/// # Errors
/// As [`run_post`].
pub fn run_pre(
    scripts: &Scripts<'_>,
    installer: &Installer,
    listener: &mut dyn Listener,
) -> Result<()> {
    run_all(scripts, listener, |_| ScriptPlace::Installer(installer))
}

fn run_all<'a>(
    scripts: &Scripts<'_>,
    listener: &mut dyn Listener,
    place: impl Fn(&Script) -> ScriptPlace<'a>,
) -> Result<()> {
    for (number, (script, text)) in (0..).zip(scripts.scripts) {
        interrupt::check()?;
        listener.at(number, scripts.scripts.len() as u64, &script.origin);
        run_script(scripts, script, text, place(script), listener)?;
    }
    Ok(())
}

/// Where a script runs.
#[derive(Clone, Copy)]
enum ScriptPlace<'a> {
    /// In the installed tree.
    Tree(&'a Path),
    /// Outside, where the installer would be.
    Installer(&'a Installer),
}

impl ScriptPlace<'_> {
    /// Its root directory.
    fn root(&self) -> &Path {
        match self {
            Self::Tree(root) => root,
            Self::Installer(installer) => installer.path(),
        }
    }

    /// `command` there.
    fn sandbox(&self, command: &[&str]) -> Sandbox {
        match self {
            Self::Tree(root) => Sandbox::new(*root, command.iter().copied()),
            Self::Installer(installer) => installer.sandbox(command),
        }
    }
}

/// The file in /tmp that holds the script.
const NAME: &str = "ks-script";

fn run_script(
    scripts: &Scripts<'_>,
    script: &Script,
    text: &str,
    place: ScriptPlace<'_>,
    listener: &mut dyn Listener,
) -> Result<()> {
    let root = place.root();
    let what = format!("{} of {}", scripts.section, script.origin);
    listener.log(&format!("$ {what}"));
    let Some(directory) = tree::inside(root, "tmp")?.filter(|directory| directory.is_dir()) else {
        return Err(Error::build(format!("{what} cannot run: its root has no /tmp")));
    };
    let file = directory.join(NAME);
    write_script(&file, text).or_build(|| format!("cannot write {}", file.display()))?;
    let mut tail = Tail::default();
    let sandbox = sandbox_of(scripts, script, place);
    let ended = sandbox.run(&mut |line| hear(line, &mut tail, listener));
    if let Some(log) = &script.log {
        // What went there belongs into the build log as well, and into an error.
        place.sandbox(&["cat", log]).run(&mut |line| hear(line, &mut tail, listener))?;
    }
    remove_script(root)?;
    let said = match tail.is_empty() {
        true => "it printed nothing".to_owned(),
        false => format!("its last output:\n{tail}"),
    };
    match ended {
        Ok(0) => Ok(()),
        Ok(code) if script.error_on_fail => {
            Err(Error::build(format!("{what} ended with {code}; {said}")))
        }
        Ok(code) => {
            listener.warn(&format!(
                "{what} ended with {code}; the build goes on, as it lacks --erroronfail"
            ));
            Ok(())
        }
        Err(mut error) => {
            if error.class == Class::Build {
                error.message = format!("{what} {}; {said}", error.message);
            }
            Err(error)
        }
    }
}

/// What the script runs in: its interpreter gets it by name.
fn sandbox_of(scripts: &Scripts<'_>, script: &Script, place: ScriptPlace<'_>) -> Sandbox {
    let name = format!("/tmp/{NAME}");
    let mut command: Vec<&str> = Vec::new();
    if let Some(log) = &script.log {
        // Inside, so that a link of the tree cannot lead the log out of it.
        let redirect = "mkdir -p \"$(dirname \"$0\")\" && exec \"$@\" >\"$0\" 2>&1";
        command.extend(["/bin/sh", "-c", redirect, log]);
    }
    command.extend(script.interpreter.split_whitespace().chain([name.as_str()]));
    let mut sandbox = place.sandbox(&command);
    sandbox.environment = environment(scripts.time);
    sandbox.limit = Some(scripts.limit);
    sandbox.silence = None;
    sandbox
}

/// Removes the script, which may have put a link that leads out of the tree in the place of
/// /tmp.
fn remove_script(root: &Path) -> Result<()> {
    let Ok(Some(file)) = tree::inside(root, &format!("tmp/{NAME}")) else { return Ok(()) };
    let removed = match fs::remove_file(&file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    removed.or_build(|| format!("cannot remove {}", file.display()))
}

fn write_script(file: &Path, text: &str) -> std::io::Result<()> {
    let mut to = File::create_new(file)?;
    to.write_all(text.as_bytes())?;
    fs::set_permissions(file, Permissions::from_mode(0o700))
}

fn hear(line: &str, tail: &mut Tail, listener: &mut dyn Listener) {
    match line.starts_with(SILENT) {
        true => listener.warn(line),
        false => tail.push(line),
    }
    listener.log(line);
}
