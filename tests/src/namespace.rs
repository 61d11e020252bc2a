//! A network namespace of the test's own with loopback and an NTP server, so that no
//! guest and no server of a test touches the host's network.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

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
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("imgbuild-{}-{number}", std::process::id());
        crate::oracle::ok("ip", ["netns", "add", &name]);
        let folder = tempfile::tempdir().expect("temporary folder");
        let namespace = Self { name, chronyd: None, folder };
        crate::oracle::ok("ip", ["-n", &namespace.name, "link", "set", "lo", "up"]);
        namespace
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
