//! The practice medium, created once and reused; see the crate [`practice`].

use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::private::{self, Scratch};
use crate::base::progress::{Progress, Unit};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use practice::{Cancel, Cause, Practice, STAMP, Stage, made};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Creates the practice medium at `output`, with downloads kept below `work`; one
/// that already exists is used as it is. Nothing half-made is left at `output`.
///
/// # Errors
/// Environment errors when `apt-get` is missing or cannot reach its mirror;
/// build errors when a package cannot be converted or written; interruption.
pub fn make(output: &Path, work: &Path, progress: &mut Progress) -> Result<Practice> {
    if let Some(practice) = made(output) {
        return Ok(practice);
    }
    let foreign = fs::read_dir(output).is_ok_and(|mut dir| dir.next().is_some());
    if foreign && !output.join(STAMP).exists() {
        let message = format!("{} is not empty and not a practice medium", output.display());
        return Err(Error::input(message).hint("Name another directory, or remove this one."));
    }
    let work = absolute(work)?;
    let output = absolute(output)?;
    let _lock = lock(&work)?;
    if let Some(practice) = made(&output) {
        return Ok(practice);
    }
    let partial = Partial::beside(&output)?;
    let mut current = None;
    let mut report = |stage: Stage, done, total| {
        if current.replace(stage) != Some(stage) {
            progress.stage(stage.name(), unit(stage));
        }
        progress.at(done, total, "");
    };
    practice::make(partial.0.path(), &work, &mut report, Cancel(&interrupt::requested))
        .map_err(converted)?;
    progress.finish();
    partial.publish(&output)?;
    Ok(Practice::at(&output))
}

fn unit(stage: Stage) -> Unit {
    match stage {
        Stage::Index => Unit::Steps,
        Stage::Download => Unit::Bytes,
        Stage::Convert | Stage::Metadata | Stage::Images => Unit::Items,
    }
}

fn converted(error: practice::Error) -> Error {
    let practice::Error { cause, message, hint } = error;
    let error = match cause {
        Cause::Build => Error::build(message),
        Cause::Environment => Error::environment(message),
        Cause::Cancelled => Error::interrupted(),
    };
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// One at a time makes a medium from the downloads in `work`; who waited finds it made.
fn lock(work: &Path) -> Result<Flock<File>> {
    let what = || format!("cannot use {}", work.display());
    durable::create_dir_all(work, 0o755).or_environment(what)?;
    let file = private::open_lock(&work.join("lock")).or_environment(what)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| match e {
        Errno::EINTR => Error::interrupted(),
        e => Error::environment(format!("{}: {e}", what())),
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).or_input(|| format!("cannot use {}", path.display()))
}

/// A directory next to the output, removed unless published.
struct Partial(Scratch);

impl Partial {
    fn beside(output: &Path) -> Result<Self> {
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!("{name}.partial-");
        let parent = output.parent().unwrap_or(Path::new("/"));
        let what = || format!("cannot write to {}", parent.display());
        durable::create_dir_all(parent, private::public_mode(0o777)).or_environment(what)?;
        private::remove_dead(parent, &prefix);
        Ok(Self(Scratch::new(parent, &prefix).or_environment(what)?))
    }

    fn publish(self, output: &Path) -> Result<()> {
        let what = || format!("cannot put the finished medium at {}", output.display());
        if output.exists() {
            fs::remove_dir_all(output).or_environment(what)?;
        }
        let path = self.0.path();
        fs::set_permissions(path, Permissions::from_mode(private::public_mode(0o777)))
            .or_environment(what)?;
        // One that exists is trusted: all of it has to be on the disk before its name is.
        durable::sync_filesystem(path).or_environment(what)?;
        durable::rename(path, output).or_environment(what)?;
        self.0.keep();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Class;
    use crate::base::progress::{Mode, Settings};
    use practice::RECIPE;

    fn quiet() -> Progress {
        Progress::new(&Settings { mode: Mode::None, ..Settings::default() }).expect("no log")
    }

    #[test]
    fn a_finished_medium_is_reused_and_a_foreign_directory_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let output = dir.path().join("medium");
        fs::create_dir_all(&output).expect("directory");
        fs::write(output.join("photo.jpg"), "precious").expect("file");
        let work = dir.path().join("work");
        let error = make(&output, &work, &mut quiet()).expect_err("not a medium");
        assert_eq!(error.class, Class::Input);
        assert!(output.join("photo.jpg").exists() && !work.exists());

        fs::write(output.join(STAMP), RECIPE).expect("stamp");
        let practice = make(&output, &work, &mut quiet()).expect("reused without apt-get");
        assert_eq!(practice.os, output.join("os"));
        assert!(!work.exists(), "nothing was downloaded");
    }

    #[test]
    fn a_failure_leaves_nothing_beside_the_output() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let output = dir.path().join("medium");
        let partial = Partial::beside(&output).expect("partial directory");
        fs::create_dir_all(partial.0.path().join("os/Packages")).expect("directory");
        drop(partial);
        assert_eq!(fs::read_dir(dir.path()).expect("directory").count(), 0);

        let partial = Partial::beside(&output).expect("partial directory");
        fs::write(partial.0.path().join("x"), "x").expect("file");
        partial.publish(&output).expect("published");
        let names: Vec<_> = fs::read_dir(dir.path()).expect("directory").flatten().collect();
        assert_eq!(names.len(), 1);
        assert!(output.join("x").exists());
    }
}
