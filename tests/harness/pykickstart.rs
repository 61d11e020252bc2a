//! pykickstart, the reference for the kickstart language, from PyPI.

use crate::product::cache_directory;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The version that the shared corpus was made with.
const VERSION: &str = "3.78";

/// The directory of its programs, installed once into the shared cache.
///
/// # Panics
/// When it cannot be installed.
fn programs() -> &'static PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let venv = cache_directory().join(format!("pykickstart-{VERSION}"));
        let lock = File::create(venv.with_extension("lock")).expect("the cache can be written");
        let _lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| e).expect("lock");
        let programs = venv.join("bin");
        let run = |command: &mut Command| {
            let output =
                command.output().expect("python3 is missing: apt-get install python3-venv");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success(),
                "{command:?} (needs python3-venv and PyPI):\n{stderr}"
            );
        };
        // One that another root has made may lack its python3 here.
        let mut python = Command::new(programs.join("python3"));
        let works = python.args(["-c", "import pykickstart"]).output();
        if !works.is_ok_and(|output| output.status.success()) {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
            let package = format!("pykickstart=={VERSION}");
            run(Command::new(programs.join("pip")).args(["install", "--quiet", &package]));
        }
        programs
    })
}

/// What it makes of a kickstart in the RHEL 7 dialect.
#[derive(Debug)]
pub enum Verdict {
    /// Accepted; the file as it writes it back.
    Accepted(String),
    /// Refused, with its message.
    Refused(String),
}

const DRIVER: &str = r#"
import json, sys, warnings
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion
warnings.simplefilter("ignore")
verdicts = []
for text in json.load(sys.stdin):
    handler = makeVersion("RHEL7")
    parser = KickstartParser(handler, missingIncludeIsFatal=False)
    try:
        parser.readKickstartFromString(text)
        verdicts.append([True, str(handler)])
    except Exception as error:
        verdicts.append([False, str(error)])
json.dump(verdicts, sys.stdout)
"#;

/// Its verdict on each text.
///
/// # Panics
/// When it cannot be installed or run.
pub fn verdicts(texts: &[String]) -> Vec<Verdict> {
    let mut python = Command::new(programs().join("python3"))
        .args(["-c", DRIVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut stdin = python.stdin.take().expect("a pipe");
    let input = serde_json::to_vec(texts).expect("texts are JSON");
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = python.wait_with_output().expect("python3 ends");
    writer.join().expect("no panic").expect("python3 reads everything");
    assert!(output.status.success(), "the driver of pykickstart failed");
    let verdicts: Vec<(bool, String)> = serde_json::from_slice(&output.stdout).expect("JSON");
    let verdict = |(ok, text)| if ok { Verdict::Accepted(text) } else { Verdict::Refused(text) };
    verdicts.into_iter().map(verdict).collect()
}

/// What its command `ksvalidator` prints on a file after the heading; empty if nothing.
///
/// # Panics
/// When it cannot be installed or run.
pub fn ksvalidator(path: &std::path::Path) -> Vec<String> {
    let mut command = Command::new(programs().join("ksvalidator"));
    let output = command.args(["-v", "RHEL7"]).arg(path).output().expect("ksvalidator starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let lines = printed.lines().filter(|l| !l.trim().is_empty()).skip(1);
    let mut errors: Vec<String> = lines.map(str::to_owned).collect();
    if !output.status.success() {
        errors.push(format!("it ended with {}", output.status));
    }
    errors
}
