//! A network namespace of the test's own with loopback and an NTP server, so that no
//! guest and no server of a test touches the host's network.

use nix::sched::{CloneFlags, setns};
use std::fs;
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A network namespace with chronyd serving the host's time at 127.0.0.1:123.
pub struct Namespace {
    name: String,
    chronyd: Option<Child>,
    folder: tempfile::TempDir,
}

impl Namespace {
    /// Makes it.
    ///
    /// # Panics
    /// Without root or iproute2.
    pub fn new() -> Self {
        let namespace = Self::without_interfaces();
        crate::oracle::ok("ip", ["-n", &namespace.name, "link", "set", "lo", "up"]);
        namespace
    }

    /// Makes one in which nothing can be reached, not even loopback.
    ///
    /// # Panics
    /// Without root or iproute2.
    pub fn without_interfaces() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("imgbuild-{}-{number}", std::process::id());
        crate::oracle::ok("ip", ["netns", "add", &name]);
        let folder = tempfile::tempdir().expect("temporary folder");
        Self { name, chronyd: None, folder }
    }

    /// Runs `inside` in a thread whose network (and that of the threads it starts) is this one.
    ///
    /// # Panics
    /// When it does, or the namespace cannot be entered.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let file = fs::File::open(format!("/run/netns/{}", self.name)).expect("namespace");
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                setns(&file, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
                inside()
            });
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Starts chronyd as the lab's NTP server (`-x`: it leaves the clock alone).
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn serve_time(&mut self) {
        let conf = self.folder.path().join("chrony.conf");
        let text = format!(
            "local stratum 3\nallow all\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile {0}/pid\ndumpdir {0}\n",
            self.folder.path().display()
        );
        fs::write(&conf, text).expect("chrony.conf");
        let mut command = self.command("chronyd");
        command.args(["-x", "-d", "-u", "root", "-f"]).arg(&conf);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.chronyd = Some(command.spawn().expect("chronyd starts (Debian package chrony)"));
    }

    /// A command that will run inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Some(mut child) = self.chronyd.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
