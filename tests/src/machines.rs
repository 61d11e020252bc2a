//! The reference lab's machines, brought up by `imgbuild`.

use crate::guest::BOOT_LIMIT;
use crate::lab::{Lab, text};
use crate::product;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The nodes of the reference lab.
pub const NODES: [&str; 3] = ["openstack", "nova01", "nova02"];

/// `imgbuild` with its machines in a folder of the test.
pub struct Machines<'a> {
    lab: &'a Lab,
}

impl<'a> Machines<'a> {
    /// Those of `lab`; none is up yet.
    pub fn new(lab: &'a Lab) -> Self {
        Self { lab }
    }

    /// Where the lab's secrets and machines are kept.
    pub fn state(&self) -> PathBuf {
        self.lab.folder().join("state")
    }

    /// Runs `imgbuild`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Output {
        product::command()
            .args(arguments)
            .env("IMGBUILD_STATE", self.state())
            .output()
            .expect("imgbuild starts")
    }

    /// Runs `imgbuild`, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let status = output.status;
        assert!(status.success(), "imgbuild {arguments:?} ended with {status}:\n{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What `imgbuild status` says.
    ///
    /// # Panics
    /// When it fails.
    pub fn status(&self) -> Value {
        let text = self.ok(&["status", "--json"]);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// Runs a shell command on a node, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ssh(&self, node: &str, command: &str) -> String {
        self.ok(&["ssh", "-i", &text(&self.lab.key()), node, command])
    }

    /// What a node's `firstboot` prints as JSON, whatever its exit code.
    ///
    /// # Panics
    /// When it prints anything else.
    pub fn firstboot(&self, node: &str, command: &str) -> Value {
        let text = self.ssh(node, &format!("firstboot {command} --json || true"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{node}: {command}: {e}: {text}"))
    }

    /// Waits until `node` knows the others by name as `wanted` says; returns what it then said.
    ///
    /// # Panics
    /// When it does not within [`BOOT_LIMIT`].
    pub fn wait_for_peers(&self, node: &str, wanted: impl Fn(&str, &Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let said = self.firstboot(node, "peers");
            let peers = said["peers"].as_array().expect("peers");
            let as_wanted = |p: &Value| wanted(p["node"].as_str().unwrap_or_default(), p);
            if peers.len() == NODES.len() - 1 && peers.iter().all(as_wanted) {
                return said;
            }
            assert!(started.elapsed() < BOOT_LIMIT, "{node}: {said:#}");
            sleep(Duration::from_secs(2));
        }
    }
}

impl Drop for Machines<'_> {
    fn drop(&mut self) {
        // Nothing is left of a test that failed.
        let _ = self.run(&["destroy"]);
    }
}

/// A peer that is ready and heard of.
pub fn is_ready(peer: &Value) -> bool {
    peer["state"] == "ready" && peer["reachable"] == true
}
