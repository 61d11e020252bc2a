//! `bootloader --password`: GRUB starts entries without it and changes none without it.

use lab_tests::guest::Firmware;
use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product, programs};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PASSWORD: &str = "open sesame";
/// Emulation on a loaded machine is up to five times slower than on a quiet one.
const LIMIT: Duration = Duration::from_secs(120);

/// A machine with its serial console in our hands.
struct Machine {
    child: Child,
    screen: Arc<Mutex<String>>,
}

impl Machine {
    fn start(image: &Path, firmware: Firmware, directory: &Path) -> Self {
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "512", "-no-reboot"]);
        qemu.args(["-nodefaults", "-display", "none", "-serial", "stdio", "-drive"]);
        qemu.arg(format!("file={},format=raw,if=virtio,snapshot=on", text(image)));
        firmware.add_to(&mut qemu, directory);
        qemu.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = programs::start("qemu-system-x86_64", &mut qemu);
        let mut console = child.stdout.take().expect("a pipe");
        let screen = Arc::new(Mutex::new(String::new()));
        let to = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = console.read(&mut buffer) {
                to.lock().expect("lock").push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        });
        Self { child, screen }
    }

    /// Waits until the console shows `word`, and forgets everything up to there.
    fn wait_for(&self, word: &str) {
        let started = Instant::now();
        loop {
            let mut screen = self.screen.lock().expect("lock");
            if let Some(at) = screen.find(word) {
                screen.drain(..at + word.len());
                return;
            }
            assert!(started.elapsed() < LIMIT, "the console does not show `{word}`:\n{screen}");
            drop(screen);
            sleep(Duration::from_millis(100));
        }
    }

    /// One key after the other: OVMF's console and GRUB's share the port and lose keys.
    fn press(&mut self, keys: &str) {
        let mut stdin = self.child.stdin.as_ref().expect("a pipe");
        for key in keys.bytes() {
            stdin.write_all(&[key]).and_then(|()| stdin.flush()).expect("QEMU reads");
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn entries_start_and_only_the_password_changes_them() {
    let lab = Lab::new();
    lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"6 GiB\"");
    let line = format!("--timeout=90 --password=\"{PASSWORD}\"");
    lab.edit("kickstart/controller.ks", "--timeout=5", &line);
    let stderr = lab.build("controller", &["practice"], &["--format", "raw,tar"]);
    assert!(stderr.contains("the boot loader's password is written in clear"), "{stderr}");
    assert!(!stderr.contains(PASSWORD), "{stderr}");
    for file in ["manifest.json", "build.log", "sbom.spdx.json"] {
        let text = fs::read_to_string(lab.output().join(file)).expect(file);
        assert!(!text.contains(PASSWORD) && !text.contains("grub.pbkdf2"), "{file}");
    }
    check_files(&lab);
    let image = lab.output().join("openstack.raw");
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let mut machine = Machine::start(&image, firmware, lab.directory());
        machine.wait_for("will be executed");
        machine.press("e");
        machine.wait_for("Enter username:");
        machine.press("root\r");
        machine.wait_for("Enter password:");
        machine.press("wrong\r");
        // GRUB refuses (BIOS) or shows the menu again; the second time the password is right.
        machine.wait_for("GNU GRUB");
        machine.press("e");
        machine.wait_for("Enter username:");
        machine.press("root\r");
        machine.wait_for("Enter password:");
        machine.press(&format!("{PASSWORD}\r"));
        machine.wait_for("vmlinuz-");
        machine.press("\u{1b}");
        machine.wait_for("GNU GRUB");
        machine.press("\r");
        machine.wait_for("Linux version");
    }
}

/// The files by GRUB's own tools, and by the script of EL7's package.
fn check_files(lab: &Lab) {
    let directory = lab.directory().join("tree");
    fs::create_dir(&directory).expect("directory");
    let archive = text(&lab.output().join("openstack.tar.gz"));
    let parts = ["./boot/grub2", "./boot/efi/EFI", "./etc/grub.d"];
    oracle::ok("tar", ["-xzf", &archive, "-C", &text(&directory)].into_iter().chain(parts));
    let listed = oracle::ok("find", [&text(&directory), "-name", "user.cfg", "-printf", "%m\\n"]);
    assert_eq!(listed, "600\n700\n", "both, for root alone");
    let read = |path: &str| fs::read_to_string(directory.join(path)).expect(path);
    let user = read("boot/grub2/user.cfg");
    let script = directory.join("etc/grub.d/01_users");
    oracle::ok("grub-script-check", [&text(&directory.join("boot/grub2/grub.cfg"))]);
    let own = oracle::ok("sh", [&text(&script)]);
    let config = read("boot/grub2/grub.cfg");
    assert!(config.contains(&own), "{own}\n{config}");
    // What GRUB's tool makes of the same password has the same form.
    let tool = format!("printf '{PASSWORD}\\n{PASSWORD}\\n' | grub-mkpasswd-pbkdf2");
    let made = oracle::ok("sh", ["-c", &tool]);
    let made = made.split_whitespace().last().expect("a hash");
    let hash = user.trim().strip_prefix("GRUB2_PASSWORD=").expect("user.cfg");
    let shape = |hash: &str| hash.split('.').map(str::len).collect::<Vec<_>>();
    assert_eq!(shape(hash), shape(made));
    let Some(shared) = product::shared() else { return };
    let rpm = shared.join("el7/media/Packages/grub2-tools-2.02-0.76.el7.centos.x86_64.rpm");
    let users = oracle::ok("bsdtar", ["-xOf", &text(&rpm), "./etc/grub.d/01_users"]);
    assert_eq!(oracle::ok("sh", ["-c", &users]), own, "EL7's 01_users");
}
