//! The product as a user has it: its binaries, built once per test run, and a cache
//! of its own that all tests of a run share.

use nix::sys::signal::{SigHandler, Signal, signal};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The workspace's directory.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests package is in the workspace")
}

/// Reports that the current test, or a part of it, does not run. `eprintln` would not do: what a
/// test that passes prints is not shown.
pub fn not_run(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Nobody is left to report to when this fails.
    let _ = writeln!(std::io::stderr(), "not run: {test}: {why}");
}

/// The directory of shared test data, or `None` (reported on standard error) where it is absent.
pub fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("IMGBUILD_SHARED")
        .map_or_else(|| workspace().join("../shared"), PathBuf::from);
    if path.join("el7").is_dir() {
        return Some(path);
    }
    not_run(&format!("no shared test data at {} (IMGBUILD_SHARED)", path.display()));
    None
}

/// The `imgbuild` binary with `firstboot` next to it, built in the profile of the tests.
///
/// # Panics
/// When the build fails.
pub fn imgbuild() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a running test has a path");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(workspace()).args([
            "build",
            "--quiet",
            "-p",
            "builder",
            "-p",
            "firstboot",
        ]);
        // What cargo passes to this test would make build scripts run again, and all that follows.
        for (name, _) in std::env::vars_os() {
            let own = ["CARGO_HOME", "CARGO_TARGET_DIR"].iter().any(|kept| name == *kept);
            if name.to_string_lossy().starts_with("CARGO_") && !own {
                cargo.env_remove(name);
            }
        }
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo starts").success(), "cargo build failed");
        profile.join("imgbuild")
    })
}

/// The practice medium of the shared cache, created if it does not exist: os, extras, osp10.
///
/// # Panics
/// When it cannot be made.
pub fn practice() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let directory = cache_directory().join("practice");
        build(&[
            "practice".to_owned(),
            "--output".to_owned(),
            directory.to_string_lossy().into_owned(),
        ]);
        directory
    })
}

/// The cache that the tests share, kept between runs under the target directory.
pub fn cache() -> PathBuf {
    imgbuild().parent().and_then(Path::parent).expect("target directory").join("lab-tests-cache")
}

/// Where the labs of the tests keep their secrets, unless a test has a place of its own.
pub fn state() -> PathBuf {
    cache().join("state")
}

/// [`cache`], created if it does not exist; large temporary files of tests go here, as `/tmp`
/// may be small.
///
/// # Panics
/// When it cannot be made.
pub fn cache_directory() -> PathBuf {
    let directory = cache();
    std::fs::create_dir_all(&directory).expect("cache directory");
    directory
}

/// Whether the tests are those of `tests/long`.
pub fn is_long() -> bool {
    std::env::var_os("LONG_TESTS").is_some_and(|long| long == "1")
}

/// [`is_long`]; if not, says that `what` is left to `tests/long`.
pub fn may_take_long(what: &str) -> bool {
    if !is_long() {
        not_run(&format!("{what} takes long (LONG_TESTS=1, tests/long)"));
    }
    is_long()
}

/// Runs `imgbuild` with the shared cache.
///
/// # Panics
/// When it cannot be started.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    command().args(arguments).output().expect("imgbuild starts")
}

/// Signals mean to the program what they mean by default: what has started the tests may ignore
/// them, as shells do for what they run in the background, and imgbuild lets such a signal be.
pub fn heed_signals(command: &mut Command) {
    // SAFETY: signal(2) is safe between fork and exec.
    unsafe {
        command.pre_exec(|| {
            for stop in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
                signal(stop, SigHandler::SigDfl)?;
            }
            Ok(())
        });
    }
}

/// `imgbuild` with the shared cache, to be given arguments.
pub fn command() -> Command {
    let mut command = Command::new(imgbuild());
    heed_signals(&mut command);
    command.env("IMGBUILD_CACHE", cache()).env("IMGBUILD_STATE", state());
    command.current_dir(workspace());
    command
}

/// Runs `imgbuild`, which must succeed, and returns its standard error.
///
/// # Panics
/// When it fails, with its standard error.
pub fn build(arguments: &[String]) -> String {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "imgbuild {arguments:?} ended with {}:\n{stderr}",
        output.status
    );
    stderr
}
