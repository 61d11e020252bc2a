//! Install media of `imgbuild iso` started as CD and as USB stick, by SeaBIOS and OVMF, up to where
//! an installer would start: the practice medium's probe in its place shows what it was given.

use lab_tests::guest::{BOOT_LIMIT, Firmware};
use lab_tests::lab::{Lab, text};
use lab_tests::{oracle, product, programs};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const NODE: &str = "openstack";
/// What the probe prints at its end.
const END: &str = "practice: end of what this medium does";

/// What a machine starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drive {
    Cd,
    Usb,
    /// A stick whose El Torito record is overwritten: OVMF, which takes that of a stick as well,
    /// then starts from the partition, and GRUB reads the copy of its menu in there.
    UsbWithoutRecord,
}

/// An install medium with what its probe has to show.
struct Medium {
    directory: tempfile::TempDir,
    label: &'static str,
}

impl Medium {
    fn make(source: &Path, label: &'static str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir_in(product::cache_directory()).expect("directory");
        let lab = Lab::new();
        let profile = text(&lab.directory().join("profiles/controller.toml"));
        let (source, output) = (text(source), text(directory.path()));
        let fixed = ["iso", "--profile", &profile, "--media", &source, "--output", &output];
        let fixed = fixed.iter().chain(&["--erase", "--menu-timeout", "1"]);
        let arguments: Vec<String> = fixed.chain(more).map(|word| (*word).to_owned()).collect();
        product::build(&arguments);
        Self { directory, label }
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join(format!("{NODE}.iso"))
    }

    /// The kickstart's digest.
    fn kickstart_sum(&self) -> String {
        let inspected = product::run(&["inspect", &text(&self.image()), "--json"]);
        let value: Value = serde_json::from_slice(&inspected.stdout).expect("JSON");
        let sum = &value["install"]["files"]["imgbuild/ks/openstack.ks"];
        sum.as_str().expect("a digest").to_owned()
    }

    /// Starts a machine with an empty disk from the medium, and checks what the probe shows.
    fn check(&self, drive: Drive, firmware: Firmware) {
        let console = self.start(drive, firmware);
        let has = |wanted: &str| {
            assert!(console.contains(wanted), "{drive:?}, {firmware:?}: no `{wanted}`:\n{console}");
        };
        let label = self.label;
        has(if firmware == Firmware::Uefi { ", UEFI" } else { ", BIOS" });
        has(&format!("inst.stage2=hd:LABEL={label} "));
        has(&format!("inst.ks=hd:LABEL={label}:/imgbuild/ks/{NODE}.ks"));
        has(&format!("sha256 {}", self.kickstart_sum()));
        // The medium itself, a disk to the kernel when it is a stick, is not chosen.
        let disk = if drive == Drive::Cd { "vda" } else { "vdb" };
        has(&format!("imgbuild: {NODE} is installed on {disk} (8192 MiB"));
        has(&format!("practice: included: clearpart --all --drives={disk} --initlabel"));
        has(&format!("--boot-drive={disk}"));
        assert!(!console.contains("practice: FAILED"), "{drive:?}, {firmware:?}:\n{console}");
    }

    /// The console of a machine that runs until the probe ends.
    fn start(&self, drive: Drive, firmware: Firmware) -> String {
        let directory = tempfile::tempdir_in(product::cache_directory()).expect("directory");
        let place = |name: &str| directory.path().join(name);
        let mut image = self.image();
        if drive == Drive::UsbWithoutRecord {
            fs::copy(&image, place("hidden.iso")).expect("copy");
            image = place("hidden.iso");
            let file = File::options().write(true).open(&image).expect("open");
            file.write_all_at(&[4], 17 * 2048).expect("write");
            file.write_all_at(&[b'X'; 32], 17 * 2048 + 7).expect("write");
        }
        File::create(place("target")).and_then(|disk| disk.set_len(8 << 30)).expect("disk");
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "1"]);
        // isolinux' graphical menu waits for ever without a display to draw on.
        qemu.args(["-vga", "std", "-m", "1024", "-nodefaults", "-no-reboot"]);
        qemu.args(["-display", "none", "-serial"]);
        qemu.arg(format!("file:{}", place("console").display())).arg("-drive");
        qemu.arg(format!("if=none,id=medium,format=raw,readonly=on,file={}", image.display()));
        match drive {
            Drive::Cd => {
                qemu.args(["-device", "virtio-scsi-pci", "-device"]);
                qemu.arg("scsi-cd,drive=medium,bootindex=1");
            }
            Drive::Usb | Drive::UsbWithoutRecord => {
                qemu.args(["-device", "qemu-xhci", "-device"]);
                qemu.arg("usb-storage,drive=medium,bootindex=1,removable=on");
                // The practice medium's kernel has no driver for sticks: once it is loaded from
                // one, it finds the same bytes on a disk.
                qemu.args(["-device", "virtio-blk-pci,drive=found", "-drive"]);
                let found = image.display();
                qemu.arg(format!("if=none,id=found,format=raw,readonly=on,file={found}"));
            }
        }
        qemu.args(["-device", "virtio-blk-pci,drive=target,serial=TARGET", "-drive"]);
        let target = place("target");
        qemu.arg(format!("if=none,id=target,format=raw,cache=unsafe,file={}", target.display()));
        firmware.add_to(&mut qemu, directory.path());
        let console = run(&mut qemu, &place("console"));
        assert!(console.contains(END), "{drive:?}, {firmware:?}: no end of the probe:\n{console}");
        console
    }

    fn check_bios(&self) {
        [Drive::Cd, Drive::Usb].into_iter().for_each(|drive| self.check(drive, Firmware::Bios));
    }

    fn check_uefi(&self) {
        let drives = [Drive::Cd, Drive::Usb, Drive::UsbWithoutRecord];
        drives.into_iter().for_each(|drive| self.check(drive, Firmware::Uefi));
    }
}

/// Runs a machine until the probe ends; gives its console.
fn run(qemu: &mut Command, console: &Path) -> String {
    let qemu = qemu.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = programs::start("qemu-system-x86_64", qemu);
    let started = Instant::now();
    let read = || String::from_utf8_lossy(&fs::read(console).unwrap_or_default()).into_owned();
    while !read().contains(END) && started.elapsed() < BOOT_LIMIT {
        if child.try_wait().expect("QEMU can be waited for").is_some() {
            break;
        }
        sleep(Duration::from_millis(250));
    }
    let _ = child.kill();
    child.wait().expect("QEMU ends");
    read()
}

fn practice() -> Medium {
    Medium::make(&product::practice().join("practice-os.iso"), "PRACTICE-7-X86_64", &[])
}

#[test]
fn the_practice_medium_starts_as_a_cd_under_uefi() {
    practice().check(Drive::Cd, Firmware::Uefi);
}

#[test]
fn the_practice_medium_starts_from_every_drive_and_firmware() {
    if product::may_take_long("install media from every drive and firmware") {
        let medium = practice();
        medium.check_bios();
        medium.check_uefi();
    }
}

/// An image made as lorax makes CentOS's, with EL7's own packages, shim and GRUB 2.02-0.76. Under
/// BIOS it does not start: its isolinux is 6.03 and lacks `ldlinux.c32`. Kernel and initrd, which nobody has here, are the practice medium's.
pub fn el7_image(shared: &Path, directory: &Path) -> PathBuf {
    let (tree, image) = (directory.join("tree"), directory.join("CentOS7.iso"));
    oracle::ok("cp", ["-rL", &text(&shared.join("el7/media")), &text(&tree)]);
    oracle::ok("chmod", ["-R", "u+w", &text(&tree)]);
    fs::create_dir_all(tree.join("images/pxeboot")).expect("directory");
    let boot = product::practice().join("os/images/pxeboot");
    for name in ["vmlinuz", "initrd.img"] {
        for place in ["images/pxeboot", "isolinux"] {
            fs::copy(boot.join(name), tree.join(place).join(name)).expect("copy");
        }
    }
    let general = "[general]\nname = CentOS-7\nfamily = CentOS Linux\nvariant =\nversion = 7\n\
        packagedir =\narch = x86_64\n";
    fs::write(tree.join(".treeinfo"), general).expect(".treeinfo");
    let efi = tree.join("images/efiboot.img");
    File::create(&efi).and_then(|file| file.set_len(9 << 20)).expect("efiboot.img");
    oracle::ok("mkfs.fat", ["-n", "ANACONDA", &text(&efi)]);
    oracle::ok("mcopy", ["-s", "-i", &text(&efi), &text(&tree.join("EFI")), "::/"]);
    let fixed = "-quiet -R -J -T -b isolinux/isolinux.bin -c isolinux/boot.cat -boot-load-size 4 \
        -boot-info-table -no-emul-boot -eltorito-alt-boot -e images/efiboot.img -no-emul-boot -V";
    let names = [text(&image), text(&tree)];
    let options = ["CentOS 7 x86_64", "-o", &names[0], &names[1]];
    oracle::ok("genisoimage", fixed.split_whitespace().chain(options));
    oracle::ok("isohybrid", ["--uefi", &names[0]]);
    fs::remove_dir_all(&tree).expect("remove");
    image
}

#[test]
fn el7s_own_shim_and_grub_start_it_from_every_drive() {
    if !product::may_take_long("install media with EL7's loaders") {
        return;
    }
    let Some(shared) = product::shared() else { return };
    let directory = tempfile::tempdir_in(product::cache_directory()).expect("directory");
    let image = el7_image(&shared, directory.path());
    // The stand-ins among the packages are not signed.
    let unchecked = ["--no-gpgcheck", "CentOS7"];
    Medium::make(&image, "CentOS\\x207\\x20x86_64", &unchecked).check_uefi();
}
