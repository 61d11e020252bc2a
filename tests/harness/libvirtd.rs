//! A real libvirtd in namespaces of the test's own: its networks, guests and files are not on
//! the machine, and all of them end with the test.

use crate::oracle;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The user whose machines they are: one who may use libvirt, and nothing else.
pub const USER: u32 = 65534;
/// Where the test's directory is for everything inside.
pub const DIRECTORY: &str = "/mnt";
const LIMIT: Duration = Duration::from_secs(120);

/// The first process inside: with its end, everything ends. It ends when its input does.
const INIT: &str = r#"
mount -t tmpfs tmpfs /run
# The machine's files, but what changes there is not on the machine.
for directory in /etc /var; do
    mkdir -p /run/changes$directory/upper /run/changes$directory/work
    mount -t overlay overlay $directory -o \
        lowerdir=$directory,upperdir=/run/changes$directory/upper,workdir=/run/changes$directory/work
done
for directory in /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
    mkdir -p $directory
    mount -t tmpfs tmpfs $directory
done
mkdir /run/lock
mount --bind "$1" /mnt
# libvirt would make groups there, on the machine.
umount -R /sys/fs/cgroup 2>/dev/null || true
# The accounts of guests come with packages whose services stay away.
grep -q ^libvirt-qemu: /etc/passwd ||
    echo libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin >>/etc/passwd
grep -q ^libvirt-qemu: /etc/group || echo libvirt-qemu:x:64055: >>/etc/group
grep -q ^kvm: /etc/group || echo kvm:x:64056: >>/etc/group
cat >/etc/libvirt/libvirtd.conf <<END
unix_sock_group = "nogroup"
unix_sock_rw_perms = "0770"
auth_unix_rw = "none"
END
ip link set lo up
cat >/run/chrony.conf <<END
local stratum 3
allow all
cmdport 0
bindcmdaddress /
pidfile /run/chrony.pid
END
chronyd -x -d -u root -f /run/chrony.conf >/dev/null 2>&1 &
echo ready
cat >/dev/null
"#;

/// The namespaces, with an NTP server and what was started there.
pub struct Libvirt {
    init: Child,
    daemons: Vec<Child>,
}

impl Libvirt {
    /// Makes the namespaces; `directory` is [`DIRECTORY`] there. No daemon of libvirt runs yet.
    ///
    /// # Panics
    /// Without root.
    pub fn new(directory: &Path) -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--net", "--pid", "--fork", "--mount-proc"]);
        unshare.args(["sh", "-ec", INIT, "sh"]).arg(directory);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut init = unshare.spawn().expect("unshare starts");
        let mut line = String::new();
        let output = init.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n", "the namespaces of libvirtd");
        Self { init, daemons: Vec::new() }
    }

    /// A command that will run inside, as root.
    pub fn command(&self, program: &str) -> Command {
        let pid = self.init.id();
        let mut command = Command::new("nsenter");
        command.args([&format!("--target={pid}"), "--mount", "--net"]);
        command.args([&format!("--pid=/proc/{pid}/ns/pid_for_children"), program]);
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// A command that will run inside, as [`USER`].
    pub fn user_command(&self, program: &str) -> Command {
        let mut command = self.command("setpriv");
        let user = USER.to_string();
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups", program]);
        command
    }

    /// Starts a daemon of libvirt's (Debian package libvirt-daemon) in the foreground.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&mut self, daemon: &str) {
        let pid = format!("/run/{daemon}.test.pid");
        let mut command = self.command(daemon);
        command.args(["--pid-file", &pid]).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(command.spawn().expect("nsenter starts"));
        let started = Instant::now();
        let answers = |this: &Self| match daemon {
            "libvirtd" => this.virsh(&["version"]).status.success(),
            _ => this.command("test").args(["-s", &pid]).status().is_ok_and(|s| s.success()),
        };
        while !answers(self) {
            assert!(started.elapsed() < LIMIT, "{daemon} does not answer");
            sleep(Duration::from_millis(200));
        }
    }

    /// Ends a daemon; guests stay.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&self, daemon: &str) {
        let script = "pid=$(cat $0); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done";
        let mut command = self.command("timeout");
        command.args([&LIMIT.as_secs().to_string(), "sh", "-c", script]);
        command.arg(format!("/run/{daemon}.test.pid"));
        assert!(command.status().expect("nsenter starts").success(), "{daemon} does not end");
    }

    /// Runs virsh as root.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn virsh(&self, arguments: &[&str]) -> Output {
        let mut virsh = self.command("virsh");
        virsh.args(["-q", "-c", "qemu:///system"]).args(arguments);
        virsh.output().expect("nsenter starts")
    }

    /// Runs virsh, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn virsh_ok(&self, arguments: &[&str]) -> String {
        let output = self.virsh(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "virsh {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The value of an XPath expression (XPath 1.0, by xmllint) in a guest's description.
    ///
    /// # Panics
    /// When there is no such guest.
    pub fn look(&self, guest: &str, expression: &str) -> String {
        let xml = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(xml.path(), self.virsh_ok(&["dumpxml", guest])).expect("XML");
        let path = xml.path().to_string_lossy();
        oracle::ok("xmllint", ["--xpath", expression, &path]).trim().to_owned()
    }
}

impl Drop for Libvirt {
    fn drop(&mut self) {
        drop(self.init.stdin.take());
        for child in self.daemons.iter_mut().chain([&mut self.init]) {
            let _ = child.wait();
        }
    }
}
