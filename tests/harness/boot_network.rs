//! A network of a test's own in which nodes boot: the server's end of it and a node's, each in a
//! network namespace, and the tree that nodes boot from.

use crate::lab::{Lab, text};
use crate::namespace::Namespace;
use crate::{oracle, product, programs};
use builder::lab::netboot::DhcpMessage;
use nix::sys::socket::{setsockopt, sockopt};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// The node that boots.
pub const NODE: &str = "openstack";
/// Its hardware address.
pub const MAC: &str = "52:54:00:12:34:56";
/// Its address.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
/// The server's interface and address.
pub const INTERFACE: &str = "lab0";
/// See [`INTERFACE`].
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 254);
/// Directories with loaders of Debian's packages.
pub const LOADERS: [&str; 3] =
    ["/usr/lib/PXELINUX", "/usr/lib/syslinux/modules/bios", "/usr/lib/ipxe"];

/// A lab whose controller has a hardware address.
///
/// # Panics
/// When it cannot be made.
pub fn lab() -> Lab {
    let lab = Lab::new();
    let address = format!("address = \"{ADDRESS}\"\n");
    lab.edit("profiles/lab.toml", &address, &format!("{address}mac = \"{MAC}\"\n"));
    lab
}

/// Makes the controller's tree from a medium.
///
/// # Panics
/// When imgbuild cannot be started.
pub fn make_tree(lab: &Lab, medium: &Path, output: &Path, more: &[&str]) -> Output {
    let profile = text(&lab.directory().join("profiles/controller.toml"));
    let (medium, output, server) = (text(medium), text(output), SERVER.to_string());
    let fixed = ["pxe", "--profile", &profile, "--media", &medium, "--output", &output];
    let fixed = fixed.into_iter().chain(["--server", &server]);
    let loaders = LOADERS.iter().flat_map(|directory| ["--loaders", directory]);
    product::run(&fixed.chain(loaders).chain(more.iter().copied()).collect::<Vec<&str>>())
}

/// Two ends of a cable; or, for guests, one end whose other is QEMU's.
pub struct BootNetwork {
    /// Where servers run, with [`SERVER`] at [`INTERFACE`].
    pub server: Namespace,
    /// Where a node, or another server, is, at the interface `node0`.
    pub node: Namespace,
}

fn ip(namespace: &Namespace, words: &str) {
    let status = namespace.command("ip").args(words.split_whitespace()).status();
    assert!(status.expect("ip starts").success(), "ip {words}");
}

impl BootNetwork {
    /// Joins two namespaces.
    ///
    /// # Panics
    /// Without root or iproute2.
    pub fn new() -> Self {
        let (server, node) = (Namespace::new(), Namespace::new());
        ip(&server, "link add port0 type veth peer name node0");
        ip(&server, &format!("link add {INTERFACE} type bridge"));
        ip(&server, &format!("link set port0 master {INTERFACE} up"));
        let other = format!("link set node0 netns {}", node.name());
        ip(&server, &other);
        ip(&server, &format!("address add {SERVER}/24 dev {INTERFACE}"));
        ip(&server, &format!("link set {INTERFACE} up"));
        ip(&node, "link set node0 up");
        Self { server, node }
    }

    /// Gives the node's end an address.
    ///
    /// # Panics
    /// When it cannot be given.
    pub fn address_node(&self, address: Ipv4Addr) {
        ip(&self.node, &format!("address add {address}/24 dev node0"));
    }

    /// A port for a guest: a tap device of this name.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn add_tap(&self, name: &str) {
        ip(&self.server, &format!("tuntap add {name} mode tap"));
        ip(&self.server, &format!("link set {name} master {INTERFACE} up"));
    }

    /// Starts dnsmasq in one of the namespaces, with a configuration.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn dnsmasq(namespace: &Namespace, interface: &str, config: &Path) -> Ended {
        let leases = config.with_extension("leases");
        let mut command = namespace.command("dnsmasq");
        command.args(["--no-daemon", "--user=root", "--pid-file=", "--no-ping"]);
        command.arg(format!("--interface={interface}"));
        command.arg(format!("--dhcp-leasefile={}", leases.display()));
        command.arg(format!("--conf-file={}", config.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = programs::start("dnsmasq", &mut command);
        // It writes when it listens.
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let began = lines.by_ref().map_while(Result::ok).find(|line| line.contains("started"));
        assert!(began.is_some(), "dnsmasq does not start with {}", config.display());
        std::thread::spawn(move || lines.for_each(drop));
        Ended(child)
    }

    /// What a server answers to a message on a port within a second.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn ask(&self, message: &DhcpMessage, port: u16) -> Option<DhcpMessage> {
        self.replies(message, port, 1).pop()
    }

    /// What servers answer to a message on a port within a second, as the node hears it, until there
    /// are `enough`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn replies(&self, message: &DhcpMessage, port: u16, enough: usize) -> Vec<DhcpMessage> {
        self.node.run(|| {
            let mut replies = Vec::new();
            let socket = bind_client();
            socket.set_broadcast(true).expect("broadcast");
            setsockopt(&socket, sockopt::BindToDevice, &OsString::from("node0")).expect("device");
            let to = if port == 67 { Ipv4Addr::BROADCAST } else { SERVER };
            socket.send_to(&message.encode(), (to, port)).expect("send");
            let end = Instant::now() + Duration::from_secs(1);
            let mut packet = [0; 1500];
            while let Some(left) = end.checked_duration_since(Instant::now()) {
                socket.set_read_timeout(Some(left.max(Duration::from_millis(1)))).expect("limit");
                let Ok((length, _)) = socket.recv_from(&mut packet) else { continue };
                let reply = DhcpMessage::parse(&packet[..length]).expect("a message");
                if reply.is_reply && reply.transaction == message.transaction {
                    replies.push(reply);
                }
                if replies.len() == enough {
                    break;
                }
            }
            replies
        })
    }
}

impl Default for BootNetwork {
    fn default() -> Self {
        Self::new()
    }
}

/// A program that ends when dropped.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running `imgbuild serve --pxe`.
pub struct BootServer {
    child: Ended,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl BootServer {
    /// The command with the tree and more arguments.
    pub fn command(namespace: &Namespace, tree: &Path, more: &[&str]) -> Command {
        let mut command = namespace.command(&text(product::imgbuild()));
        command.args(["serve", "--pxe", &text(tree)]).args(more);
        command.env("IMGBUILD_CACHE", product::cache()).current_dir(product::workspace());
        command.stdin(Stdio::null());
        product::heed_signals(&mut command);
        command
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// When it does not, with its messages.
    pub fn start(namespace: &Namespace, tree: &Path, more: &[&str]) -> Self {
        let log = tree.with_extension("log");
        let mut command = Self::command(namespace, tree, more);
        command.stdout(Stdio::piped()).stderr(File::create(&log).expect("log"));
        let mut child = command.spawn().expect("ip starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut this = Self { child: Ended(child), lines, seen: Vec::new() };
        let began = this.wait_for("listening at ", Duration::from_secs(30));
        assert!(began, "{}", fs::read_to_string(log).expect("log"));
        this
    }

    /// Waits for a line that begins so, and says whether it came.
    pub fn wait_for(&mut self, start: &str, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while !self.seen.iter().any(|line| line.starts_with(start)) {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(_) => return false,
            }
        }
        true
    }

    /// Ends it by SIGTERM; gives what it printed.
    ///
    /// # Panics
    /// When it cannot be ended, or does not end well.
    pub fn stop(mut self) -> Vec<String> {
        oracle::ok("kill", [self.child.0.id().to_string()]);
        let status = self.child.0.wait().expect("it can be waited for");
        assert!(status.success(), "{status}");
        self.seen.extend(self.lines.iter());
        std::mem::take(&mut self.seen)
    }
}

/// The path of a file of the tree's own node directory.
///
/// # Panics
/// When there is not exactly one such directory.
pub fn node_directory(tree: &Path) -> PathBuf {
    let mut all = fs::read_dir(tree.join("http/n")).expect("n").flatten();
    let one = all.next().expect("a directory").path();
    assert!(all.next().is_none());
    one
}

/// A socket of a DHCP client. A program that another test starts has the last one until it is
/// executed.
fn bind_client() -> UdpSocket {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        match UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68)) {
            Err(e) if e.kind() == ErrorKind::AddrInUse && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
            }
            bound => return bound.expect("port 68"),
        }
    }
}
