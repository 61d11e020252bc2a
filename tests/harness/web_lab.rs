//! A lab whose media are behind web servers in a network namespace of its own.

use crate::lab::{Lab, text};
use crate::namespace::Namespace;
use crate::product;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where [`Server`] is reached.
pub const SERVER: &str = "http://127.0.0.1:8000";

/// A lab with a directory for servers, in which `practice` is the practice medium.
pub struct WebLab {
    /// Profiles, kickstarts, a key.
    pub lab: Lab,
    /// Where servers are, with loopback alone.
    pub namespace: Namespace,
}

impl WebLab {
    /// Makes it.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new() -> Self {
        let lab = Lab::new();
        fs::create_dir(lab.directory().join("www")).expect("directory");
        std::os::unix::fs::symlink(product::practice(), lab.directory().join("www/practice"))
            .expect("link");
        Self { lab, namespace: Namespace::new() }
    }

    /// What servers serve.
    pub fn www(&self) -> PathBuf {
        self.lab.directory().join("www")
    }

    /// The cache of this lab alone.
    pub fn cache(&self) -> PathBuf {
        self.lab.directory().join("cache")
    }

    /// `imgbuild` in a namespace with this lab's cache.
    pub fn imgbuild(&self, namespace: &Namespace, arguments: &[&str]) -> Command {
        self.under(namespace, &[], arguments)
    }

    /// The same under another program.
    pub fn under(&self, namespace: &Namespace, program: &[&str], arguments: &[&str]) -> Command {
        let binary = text(product::imgbuild());
        let words: Vec<&str> = program.iter().copied().chain([binary.as_str()]).collect();
        let mut command = namespace.command(words[0]);
        command.args(&words[1..]).args(arguments).env("IMGBUILD_CACHE", self.cache());
        command.current_dir(self.lab.directory()).stdin(Stdio::null());
        product::heed_signals(&mut command);
        command
    }

    /// Arguments that plan the controller from `media`.
    pub fn plan<'a>(&self, media: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments =
            vec!["plan", "--json", "--profile", "controller", "--progress", "plain"];
        for medium in media {
            arguments.extend(["--media", medium]);
        }
        arguments.extend(more);
        arguments
    }
}

/// Python's web server, which does not support ranges.
pub struct Server(Child);

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(namespace: &Namespace, directory: &Path) -> Self {
        let mut command = namespace.command("python3");
        command.args(["-m", "http.server", "8000", "--bind", "127.0.0.1", "-d", &text(directory)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(command.spawn().expect("python3 starts"));
        let since = Instant::now();
        while namespace.run(|| TcpStream::connect("127.0.0.1:8000").is_err()) {
            assert!(since.elapsed() < Duration::from_secs(60), "python3 does not listen");
            sleep(Duration::from_millis(50));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Default for WebLab {
    fn default() -> Self {
        Self::new()
    }
}
