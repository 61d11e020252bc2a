//! `imgbuild serve --repositories` in a network namespace of the test's own.

use crate::lab::text;
use crate::namespace::Namespace;
use crate::{oracle, product};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};

/// A running server; it ends when dropped.
pub struct RepositoryServer {
    child: Child,
    /// What it printed when it began.
    pub printed: String,
    /// `http://ADDRESS:PORT` of the last address that it listens at.
    pub url: String,
    directory: tempfile::TempDir,
}

impl RepositoryServer {
    /// Starts it with `arguments`.
    ///
    /// # Panics
    /// When it does not listen, with its messages.
    pub fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let log = directory.path().join("log");
        let mut command = namespace.command(&text(product::imgbuild()));
        command.args(["serve", "--repositories"]).args(arguments);
        command.env("IMGBUILD_CACHE", product::cache()).current_dir(product::workspace());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(File::create(&log).expect("log"));
        product::heed_signals(&mut command);
        let mut child = command.spawn().expect("ip starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (mut printed, mut url) = (String::new(), None);
        while url.is_none() {
            let Some(line) = lines.next() else { break };
            let line = line.expect("a line");
            url = line.strip_prefix("listening at ").map(|address| format!("http://{address}"));
            printed += &format!("{line}\n");
        }
        let url = url.unwrap_or_else(|| panic!("{}", fs::read_to_string(&log).expect("log")));
        Self { child, printed, url, directory }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// What it wrote to standard error so far.
    ///
    /// # Panics
    /// When that cannot be read.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.log()).expect("log")
    }

    /// The most memory that it has had, in KiB (proc(5)).
    ///
    /// # Panics
    /// When it has ended.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("proc");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Ends it by SIGTERM.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn stop(mut self) -> ExitStatus {
        oracle::ok("kill", [self.child.id().to_string()]);
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for RepositoryServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
