//! A network namespace of the test's own with loopback and an NTP server, so that no
//! guest and no server of a test touches the host's network.

use crate::programs;
use nix::sched::{CloneFlags, setns};
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A network namespace, where asked for with chronyd serving the host's time at 127.0.0.1:123 and
/// a double of a name server at 127.0.0.1:53.
pub struct Namespace {
    name: String,
    daemons: Vec<Child>,
    ended: Arc<AtomicBool>,
    directory: tempfile::TempDir,
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
        let directory = tempfile::tempdir().expect("temporary directory");
        Self { name, daemons: Vec::new(), ended: Arc::default(), directory }
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
        let conf = self.directory.path().join("chrony.conf");
        let text = format!(
            "local stratum 3\nallow all\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile {0}/pid\ndumpdir {0}\n",
            self.directory.path().display()
        );
        fs::write(&conf, text).expect("chrony.conf");
        let mut command = self.command("chronyd");
        command.args(["-x", "-d", "-u", "root", "-f"]).arg(&conf);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(programs::start("chronyd", &mut command));
    }

    /// Starts a double of the lab's name server (RFC 1035): it knows the IPv4 addresses of `known`
    /// and no other name. Without an answer, sshd on EL7 waits for its look-up of who logs in.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn serve_names(&self, known: &[(&str, Ipv4Addr)]) {
        let socket = self.run(|| UdpSocket::bind("127.0.0.1:53")).expect("port 53 is free");
        socket.set_read_timeout(Some(Duration::from_millis(500))).expect("socket");
        let ended = self.ended.clone();
        let known: Vec<(Vec<u8>, Ipv4Addr)> =
            known.iter().map(|(name, address)| (labels(name), *address)).collect();
        thread::spawn(move || {
            let mut query = [0; 512];
            while !ended.load(Ordering::SeqCst) {
                let Ok((size, from)) = socket.recv_from(&mut query) else { continue };
                if size >= 12 {
                    // The client may be gone.
                    let _ = socket.send_to(&answer(&query[..size], &known), from);
                }
            }
        });
    }

    /// Its name, as iproute2 has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }
}

/// A name as the protocol has it.
fn labels(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    name.split('.').flat_map(label).chain([0]).collect()
}

/// The response to a query: the question as it came, and the address when it asks for one that is
/// known.
fn answer(query: &[u8], known: &[(Vec<u8>, Ipv4Addr)]) -> Vec<u8> {
    let mut response = query.to_vec();
    response[6..12].fill(0);
    let Some((name, address)) = known.iter().find(|(name, _)| query[12..].starts_with(name)) else {
        // NXDOMAIN.
        (response[2], response[3]) = (0x81, 0x83);
        return response;
    };
    (response[2], response[3]) = (0x81, 0x80);
    if query[12 + name.len()..].starts_with(&[0, 1, 0, 1]) {
        // Its name is that of the question; a minute.
        response[7] = 1;
        response.truncate(12 + name.len() + 4);
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        response.extend(address.octets());
    }
    response
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
