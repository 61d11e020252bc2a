//! A lab's secrets as its store holds them, to check that they appear nowhere else.

use crate::lab::text;
use crate::oracle;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The secrets of one lab.
pub struct Secrets {
    directory: PathBuf,
    /// Pieces that only the secret itself holds, each with the file it is from.
    values: Vec<(String, String)>,
}

impl Secrets {
    /// Those of the only lab below the state directory `state`.
    ///
    /// # Panics
    /// When there are none.
    pub fn of(state: &Path) -> Self {
        let labs = fs::read_dir(state).expect("state directory").flatten();
        let directory =
            labs.map(|lab| lab.path().join("secrets")).find(|directory| directory.is_dir());
        let directory = directory.expect("a lab with secrets");
        let mut values = Vec::new();
        for entry in fs::read_dir(&directory).expect("secrets").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let content = fs::read_to_string(entry.path()).expect("text");
            if name == "keystone-admin-password" {
                values.push((name, content.trim_end().to_owned()));
            } else if ["id_rsa", "operator_ed25519"].contains(&name.as_str())
                || name.ends_with(".key")
            {
                let body: Vec<&str> = content.lines().filter(|l| !l.starts_with("-----")).collect();
                // The first line is mostly the format's own, the last may be short.
                let inner = body.get(1..body.len() - 1).expect("a key has several lines");
                values.extend(inner.iter().map(|line| (name.clone(), (*line).to_owned())));
            }
        }
        assert!(values.iter().any(|(name, _)| name == "keystone-admin-password"), "no password");
        assert!(values.iter().any(|(name, _)| name == "id_rsa"), "no ssh key");
        assert!(values.iter().any(|(name, _)| name == "ca.key"), "no CA");
        assert!(values.iter().all(|(_, value)| value.len() > 20), "too short to look for");
        Self { directory, values }
    }

    /// The file `name` of the store.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Asserts that `seen`, reported as `what`, holds none of them.
    ///
    /// # Panics
    /// When it does; the message names the secret and does not show it.
    pub fn assert_unseen(&self, what: &str, seen: &str) {
        for (name, value) in &self.values {
            assert!(!seen.contains(value), "{what}: the secret {name} is in it");
        }
    }

    /// The files below `directory` that hold one of them and that `find` chooses by `condition`.
    ///
    /// # Panics
    /// When find or grep cannot look.
    pub fn files(&self, directory: &Path, condition: &[&str]) -> Vec<String> {
        // Not on a command line, where others could read them.
        let mut patterns = tempfile::NamedTempFile::new().expect("temporary file");
        for (_, value) in &self.values {
            writeln!(patterns, "{value}").expect("patterns");
        }
        let (directory, patterns) = (text(directory), text(patterns.path()));
        let mut arguments = vec![directory.as_str(), "-xdev", "-type", "f"];
        arguments.extend(condition);
        arguments.extend(["-exec", "grep", "-laF", "-f", &patterns, "{}", "+"]);
        // grep's status shows only whether it found something.
        let output = oracle::run("find", arguments);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        found.lines().map(str::to_owned).collect()
    }
}

/// Gathers the command lines and environments of all processes while it lives.
pub struct Onlooker {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<BTreeSet<String>>,
}

impl Onlooker {
    /// Begins.
    pub fn new() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let stop = ended.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::SeqCst) {
                seen.extend(words_of_processes());
                std::thread::sleep(Duration::from_millis(20));
            }
            seen
        });
        Self { ended, thread }
    }

    /// Ends, and returns everything that was seen.
    ///
    /// # Panics
    /// When it could not look.
    pub fn seen(self) -> String {
        self.ended.store(true, Ordering::SeqCst);
        let seen = self.thread.join().expect("looks at /proc");
        seen.into_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Default for Onlooker {
    fn default() -> Self {
        Self::new()
    }
}

fn words_of_processes() -> impl Iterator<Item = String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    // Processes come and go while they are looked at.
    processes.flat_map(|p| ["cmdline", "environ"].map(|f| p.path().join(f))).filter_map(|file| {
        let bytes = fs::read(file).ok()?;
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).replace('\0', " "))
    })
}
