//! The reference lab's machines, brought up by `imgbuild`.

use crate::guest::BOOT_LIMIT;
use crate::lab::Lab;
use crate::{old_kernel, oracle, product};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The nodes of the reference lab.
pub const NODES: [&str; 3] = ["openstack", "nova01", "nova02"];

/// Their addresses.
pub const ADDRESSES: [&str; 3] = ["192.168.1.10", "192.168.1.11", "192.168.1.12"];

/// `imgbuild` with its machines in a directory of the test.
pub struct Machines<'a> {
    lab: &'a Lab,
    /// Where its programs are.
    path: OsString,
    old_kernel: bool,
}

impl<'a> Machines<'a> {
    /// Those of `lab`; none is up yet.
    pub fn new(lab: &'a Lab) -> Self {
        Self { lab, path: std::env::var_os("PATH").unwrap_or_default(), old_kernel: false }
    }

    /// The same with the programs of `directory` before all others.
    ///
    /// # Panics
    /// When the directory's name has a colon.
    pub fn with_programs(lab: &'a Lab, directory: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
        Self {
            lab,
            path: std::env::join_paths(directories).expect("a search path"),
            old_kernel: false,
        }
    }

    /// The same on a double of Linux 3.10.
    pub fn on_linux_3_10(mut self) -> Self {
        self.old_kernel = true;
        self
    }

    /// Where the lab's secrets and machines are kept.
    pub fn state(&self) -> PathBuf {
        self.lab.directory().join("state")
    }

    /// Runs `imgbuild`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("imgbuild starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = product::command();
        command.args(arguments).env("IMGBUILD_STATE", self.state()).env("PATH", &self.path);
        if self.old_kernel {
            old_kernel::on_linux_3_10(&mut command);
        }
        command
    }

    /// Starts `imgbuild`, which works until it is interrupted.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Background {
        Background::start(&mut self.command(arguments))
    }

    /// Runs `imgbuild`, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let status = output.status;
        assert!(status.success(), "imgbuild {arguments:?} ended with {status}:\n{stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The output of `imgbuild status`.
    ///
    /// # Panics
    /// When it fails.
    pub fn status(&self) -> Value {
        let text = self.ok(&["status", "--json"]);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// Runs a shell command on a node, which must succeed, and returns what it printed. The lab has
    /// the key that imgbuild made for it.
    ///
    /// # Panics
    /// When it fails.
    pub fn ssh(&self, node: &str, command: &str) -> String {
        self.ok(&["ssh", node, "--", command])
    }

    /// Everything that a node's serial console has shown, over all its starts; nothing when it
    /// was never started.
    pub fn console(&self, node: &str) -> String {
        let log = self.state().join("openstack-lab/nodes").join(node).join("console.log");
        let plain = |byte: u8| if byte.is_ascii() { byte as char } else { '?' };
        fs::read(log).unwrap_or_default().into_iter().map(plain).collect()
    }

    /// What its kernel calls a node's boot.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn boot_id(&self, node: &str) -> String {
        self.ssh(node, "cat /proc/sys/kernel/random/boot_id").trim().to_owned()
    }

    /// What a node's `firstboot` prints as JSON, whatever its exit code.
    ///
    /// # Panics
    /// When it prints anything else.
    pub fn firstboot(&self, node: &str, command: &str) -> Value {
        let text = self.ssh(node, &format!("firstboot {command} --json || true"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{node}: {command}: {e}: {text}"))
    }

    /// The output of one `imgbuild watch` of the lab, and its exit code.
    ///
    /// # Panics
    /// When it prints anything but JSON.
    pub fn watch(&self) -> (Option<i32>, Value) {
        let output = self.run(&["watch", "--once", "--json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = text.lines().last().unwrap_or_default();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let view = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {text}{stderr}"));
        (output.status.code(), view)
    }

    /// Cuts a node's power.
    ///
    /// # Panics
    /// When it is off.
    pub fn cut(&self, node: &str) {
        let status = self.status();
        let nodes = status["labs"][0]["nodes"].as_array().expect("nodes");
        let pid = nodes.iter().find(|n| n["name"] == node).map(|n| &n["pid"]);
        oracle::ok("kill", ["-KILL", &pid.expect("a node of the lab").to_string()]);
    }

    /// Every node is ready, and every node knows that of every other and of OpenStack, which
    /// the doubles stand for. Nothing was refused, for other reasons than `broken`.
    ///
    /// # Panics
    /// When they do not report that, or not the same.
    pub fn check_peers(&self, broken: &[&str]) {
        NODES.iter().for_each(|node| self.wait_for_aftercare(node));
        for node in NODES {
            let peers = self.wait_for_peers(node, |_, peer| is_ready(peer));
            assert_eq!(peers["node"], node, "{peers:#}");
            let refused = peers["refused"].as_object().expect("refusals");
            assert!(refused.keys().all(|reason| broken.contains(&reason.as_str())), "{peers:#}");
            let status = self.firstboot(node, "status");
            for (key, value) in [("node", node), ("state", "ready"), ("cloud", "up")] {
                assert_eq!(status[key], value, "{status:#}");
            }
            assert_eq!(statuses(&status), statuses(&peers), "status and peers of {node}");
            for [other, address, ..] in statuses(&status) {
                let at = NODES.iter().position(|n| other == *n).expect("a node of the lab");
                assert_eq!(address, ADDRESSES[at], "{status:#}");
            }
            for step in status["steps"].as_array().expect("steps") {
                let outcome = step["outcome"].as_str().expect("an outcome");
                assert!(["changed", "unchanged", "skipped"].contains(&outcome), "{step:#}");
            }
            let failed = self.ssh(node, "systemctl list-units --failed --no-legend --plain");
            assert_eq!(failed.trim(), "", "{node}");
        }
    }

    /// Waits until a node is ready and has done what it has to do once it hears that OpenStack
    /// is there.
    ///
    /// # Panics
    /// When it does not within [`BOOT_LIMIT`].
    pub fn wait_for_aftercare(&self, node: &str) {
        let began = Instant::now();
        loop {
            let status = self.firstboot(node, "status");
            let steps = status["steps"].as_array().expect("steps");
            let step = steps.iter().find(|s| s["name"] == "aftercare").expect("the step aftercare");
            if status["state"] == "ready" && step["outcome"] != "skipped" {
                return;
            }
            assert!(began.elapsed() < BOOT_LIMIT, "{status:#}");
            sleep(Duration::from_secs(1));
        }
    }

    /// How the controller's step packstack ended: the double in its place was run.
    ///
    /// # Panics
    /// When it was not, that is not reported, or the services of its cloud are not well.
    pub fn packstack(&self) -> String {
        let status = self.firstboot(NODES[0], "status");
        let services = status["services"].as_array().expect("services");
        let names: Vec<&str> = services.iter().filter_map(|s| s["name"].as_str()).collect();
        let usual = "keystone rabbitmq nova glance neutron cinder ceilometer aodh gnocchi horizon \
                     novncproxy";
        assert_eq!(names.join(" "), usual);
        assert!(services.iter().all(|s| s["ok"] == true), "{status:#}");
        let steps = status["steps"].as_array().expect("steps");
        let step = steps.iter().find(|s| s["name"] == "packstack").expect("the step packstack");
        let message = step["message"].as_str().unwrap_or_default();
        let words = "/usr/bin/packstack-double, which stands in packstack's place";
        assert!(message.contains(words), "{step:#}");
        step["outcome"].as_str().unwrap_or_default().to_owned()
    }

    /// How often the double of packstack was run to install.
    ///
    /// # Panics
    /// When its record cannot be read.
    pub fn packstack_runs(&self) -> usize {
        self.ssh(NODES[0], "cat /calls").matches("--answer-file=").count()
    }

    /// Waits until `node` knows the others by name as `wanted` asks; returns its view then.
    ///
    /// # Panics
    /// When it does not within [`BOOT_LIMIT`].
    pub fn wait_for_peers(&self, node: &str, wanted: impl Fn(&str, &Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let view = self.firstboot(node, "peers");
            let peers = view["peers"].as_array().expect("peers");
            let as_wanted = |p: &Value| wanted(p["node"].as_str().unwrap_or_default(), p);
            if peers.len() == NODES.len() - 1 && peers.iter().all(as_wanted) {
                return view;
            }
            assert!(started.elapsed() < BOOT_LIMIT, "{node}: {view:#}");
            sleep(Duration::from_secs(2));
        }
    }
}

/// An `imgbuild` that runs.
pub struct Background {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Background {
    /// Starts a command.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("imgbuild starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdout }
    }

    /// What it has printed, up to the line with `words`.
    ///
    /// # Panics
    /// When it ends before.
    pub fn read_until(&mut self, words: &str) -> String {
        let mut text = String::new();
        while !text.contains(words) {
            let n = self.stdout.read_line(&mut text).expect("standard output");
            assert_ne!(n, 0, "it ended after: {text}");
        }
        text
    }

    /// Interrupts it, as Ctrl-C does; its exit code.
    ///
    /// # Panics
    /// When that cannot be done.
    pub fn interrupt(mut self) -> Option<i32> {
        let id = i32::try_from(self.child.id()).expect("process id");
        kill(Pid::from_raw(id), Signal::SIGINT).expect("signal");
        self.child.wait().expect("its end").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It has ended where the test went well.
        let _ = self.child.kill();
    }
}

impl Drop for Machines<'_> {
    fn drop(&mut self) {
        // Nothing is left of a test that failed.
        let _ = self.run(&["destroy"]);
    }
}

/// Makes an output directory with an empty disk of nova01: enough for a machine to run, not for a
/// system. Its nodes look for `repositories` (id, path of the medium).
///
/// # Panics
/// When it cannot be written.
pub fn empty_image(directory: &Path, repositories: &[(&str, &str)]) {
    let places = repositories.iter().map(|(id, medium)| {
        serde_json::json!({
            "id": id, "baseurl": format!("http://192.168.1.254/{id}/"),
            "media": [medium], "directory": "",
        })
    });
    let places: Vec<Value> = places.collect();
    let manifest = serde_json::json!({
        "plan": {
            "profile": "compute",
            "lab": {
                "name": "empty", "network": "192.168.1.0", "prefix": 24,
                "gateway": "192.168.1.254", "ntp": ["192.168.1.254"],
            },
            "machine": { "cpus": 1, "memory": 128 << 20 },
            "sources": { "profile": "compute", "media": [], "repositories": places },
            // For both kinds of firmware.
            "disk": {
                "size": 1 << 20, "label": "msdos", "guid": "", "hash_seed": "", "groups": [],
                "partitions": [{
                    "name": "", "offset": 1 << 10, "size": 1 << 10, "guid": "",
                    "content": { "kind": "files", "mount": "/boot/efi", "format": "efi", "uuid": "" },
                }],
            },
            "nodes": [{
                "name": "nova01", "address": "192.168.1.11",
                "mac": "52:54:00:00:00:01", "outputs": ["nova01.raw"],
            }],
        },
        "files": [{ "file": "nova01.raw", "sha256": "0" }],
    });
    fs::create_dir(directory).expect("directory");
    fs::write(directory.join("nova01.raw"), vec![0; 1 << 20]).expect("image");
    fs::write(directory.join("manifest.json"), manifest.to_string()).expect("manifest");
}

/// A peer that is ready and reachable.
pub fn is_ready(peer: &Value) -> bool {
    peer["state"] == "ready" && peer["reachable"] == true
}

/// Of each peer its name, address, role, state and report on OpenStack.
fn statuses(view: &Value) -> Vec<[Value; 5]> {
    let of =
        |peer: &Value| ["node", "address", "role", "state", "cloud"].map(|key| peer[key].clone());
    view["peers"].as_array().expect("peers").iter().map(of).collect()
}
