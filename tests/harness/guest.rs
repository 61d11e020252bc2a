//! A node's image in QEMU (TCG): its serial console and commands over ssh.

use crate::namespace::Namespace;
use crate::programs;
use crate::repository_server::RepositoryServer;
use crate::server_double::ServerDouble;
use serde_json::Value;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Emulation on a loaded machine is up to five times slower than on a quiet one.
pub const BOOT_LIMIT: Duration = Duration::from_secs(600);
const SSH_PORT: u16 = 2222;

/// What starts the boot loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS on the `pc` machine.
    Bios,
    /// OVMF on the `q35` machine.
    Uefi,
}

impl Firmware {
    /// Adds machine and firmware to QEMU's arguments; UEFI's variables are kept in `directory`.
    ///
    /// # Panics
    /// Without OVMF (Debian package ovmf).
    pub fn add_to(self, qemu: &mut Command, directory: &Path) {
        match self {
            Self::Bios => drop(qemu.args(["-M", "pc"])),
            Self::Uefi => {
                let variables = directory.join("vars.fd");
                fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables)
                    .expect("UEFI variables (Debian package ovmf)");
                qemu.args(["-M", "q35", "-drive"]);
                qemu.arg("if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd");
                qemu.arg("-drive")
                    .arg(format!("if=pflash,format=raw,file={}", variables.display()));
            }
        }
    }
}

/// A running guest, killed when dropped.
pub struct Guest {
    child: Child,
    console: PathBuf,
    key: PathBuf,
    namespace: Namespace,
    directory: tempfile::TempDir,
}

impl Guest {
    /// Starts `image` (qcow2), which is written to: give a copy or an overlay. The guest
    /// has `address` on a network of QEMU's own, whose gateway and NTP server is
    /// 192.168.1.254; `key` is the private key for root.
    ///
    /// # Panics
    /// When QEMU cannot be started.
    pub fn start(image: &Path, firmware: Firmware, address: Ipv4Addr, key: &Path) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let mut namespace = Namespace::new();
        namespace.serve_time();
        namespace.serve_names(&[]);
        let console = directory.path().join("console");
        let mut qemu = namespace.command("qemu-system-x86_64");
        qemu.args([
            "-accel",
            "tcg,thread=multi,tb-size=256",
            "-cpu",
            "max",
            "-smp",
            "1",
            "-m",
            "1024",
        ]);
        qemu.args(["-nodefaults", "-no-reboot", "-display", "none"]);
        qemu.arg("-serial").arg(format!("file:{}", console.display()));
        qemu.arg("-drive")
            .arg(format!("file={},format=qcow2,if=virtio,cache=unsafe", image.display()));
        qemu.arg("-netdev").arg(format!(
            "user,id=lab,net=192.168.1.0/24,host=192.168.1.254,dns=192.168.1.253,\
             hostfwd=tcp:127.0.0.1:{SSH_PORT}-{address}:22"
        ));
        qemu.args(["-device", "virtio-net-pci,netdev=lab", "-device", "virtio-rng-pci"]);
        firmware.add_to(&mut qemu, directory.path());
        qemu.stdin(Stdio::null()).stdout(Stdio::null());
        let child = programs::start("qemu-system-x86_64", &mut qemu);
        Self { child, console, key: key.to_owned(), namespace, directory }
    }

    /// What the guest wrote to its serial console so far.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).into_owned()
    }

    /// Whether QEMU has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the console shows `text`.
    ///
    /// # Panics
    /// When [`BOOT_LIMIT`] passes or QEMU ends first, with the console's end.
    pub fn wait_for(&mut self, text: &str) {
        let started = Instant::now();
        while !self.console().contains(text) {
            let ended = self.child.try_wait().expect("QEMU can be waited for");
            assert!(
                ended.is_none() && started.elapsed() < BOOT_LIMIT,
                "the console does not show `{text}` after {:?} (QEMU: {ended:?}):\n{}",
                started.elapsed(),
                tail(&self.console(), 6000)
            );
            sleep(Duration::from_millis(250));
        }
    }

    /// Runs a shell command in the guest as root; tries again while sshd does not answer.
    ///
    /// # Panics
    /// When no connection is had within [`BOOT_LIMIT`].
    pub fn try_ssh(&self, command: &str) -> Output {
        let started = Instant::now();
        loop {
            let key = self.key.to_string_lossy();
            let mut ssh = self.ssh_as("root", &["-o", "BatchMode=yes", "-i", &key]);
            let output = programs::output("ssh", ssh.args(self.shared_connection()).arg(command));
            // 255 is ssh's own failure; anything else is the command's status.
            if output.status.code() != Some(255) {
                return output;
            }
            assert!(
                started.elapsed() < BOOT_LIMIT,
                "no ssh: {}\nconsole:\n{}",
                String::from_utf8_lossy(&output.stderr),
                tail(&self.console(), 6000)
            );
            sleep(Duration::from_secs(3));
        }
    }

    /// The first connection serves all further commands as well: emulated, each new one takes a
    /// second and more. It ends with the guest.
    fn shared_connection(&self) -> [String; 8] {
        let socket = format!("ControlPath={}", self.directory.path().join("ssh").display());
        [
            "-o",
            "ControlMaster=auto",
            "-o",
            &socket,
            "-o",
            "ControlPersist=yes",
            "-o",
            "ServerAliveInterval=30",
        ]
        .map(str::to_owned)
    }

    /// `ssh` as a user of the guest, with more options, to be given a command.
    fn ssh_as(&self, user: &str, more: &[&str]) -> Command {
        let mut ssh = self.namespace.command("ssh");
        ssh.args(["-p", &SSH_PORT.to_string()]).args(more);
        // The guest's own language, not this machine's.
        ssh.args(["-F", "none"]);
        for option in [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=60",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.arg(format!("{user}@127.0.0.1")).stdin(Stdio::null());
        ssh
    }

    /// Runs a shell command in the guest as a user who logs in with a password.
    ///
    /// # Panics
    /// When ssh cannot be started.
    pub fn log_in(&self, user: &str, password: &str, command: &str) -> Output {
        let program = self.directory.path().join("password");
        fs::write(&program, format!("#!/bin/sh\necho '{password}'\n")).expect("file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("mode");
        let more = ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"];
        let mut ssh = self.ssh_as(user, &more);
        ssh.arg(command).env("SSH_ASKPASS", &program).env("SSH_ASKPASS_REQUIRE", "force");
        programs::output("ssh", &mut ssh)
    }

    /// Runs a shell command in the guest, which must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ssh(&self, command: &str) -> String {
        let output = self.try_ssh(command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "in the guest, `{command}` ended with {}:\n{text}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Serves the files of a directory to the guest, while what is returned lives; with it the
    /// address that the guest has for it.
    pub fn serve(&self, directory: &Path) -> (ServerDouble, String) {
        let server = ServerDouble::start(&self.namespace, directory);
        let url = server.url.replace("127.0.0.1", "192.168.1.254");
        (server, url)
    }

    /// Serves the repositories of a lab file on media, at the addresses that the guest has for them.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn serve_repositories(&self, lab_file: &Path, media: &[&str]) -> RepositoryServer {
        let lab_file = lab_file.to_string_lossy();
        let mut arguments = vec!["--listen", "127.0.0.1:80", "--lab-file", &lab_file];
        arguments.extend(media.iter().flat_map(|medium| ["--media", medium]));
        RepositoryServer::start(&self.namespace, &arguments)
    }

    /// firstboot's journal records of this boot, see [`records`].
    pub fn records(&self) -> Vec<Value> {
        records(&|command| self.ssh(command))
    }

    /// Asks the guest to power off and waits for it.
    ///
    /// # Panics
    /// When it does not within [`BOOT_LIMIT`].
    pub fn power_off(mut self) {
        let _ = self.try_ssh("nohup sh -c 'sleep 1; systemctl poweroff' >/dev/null 2>&1 &");
        let started = Instant::now();
        while self.child.try_wait().expect("QEMU can be waited for").is_none() {
            assert!(
                started.elapsed() < BOOT_LIMIT,
                "no power-off:\n{}",
                tail(&self.console(), 4000)
            );
            sleep(Duration::from_millis(250));
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last `bytes` bytes of a text, from a character boundary on.
pub fn tail(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// firstboot's journal records of a node's boot, as the node's own journalctl exports them; `ssh`
/// runs a command there.
///
/// # Panics
/// When one is not JSON.
pub fn records(ssh: &dyn Fn(&str) -> String) -> Vec<Value> {
    let text = ssh("journalctl -b -o json -t firstboot --no-pager");
    let record = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    text.lines().map(record).collect()
}
