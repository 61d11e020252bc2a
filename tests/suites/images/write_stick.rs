//! `imgbuild write`: an ISO file onto a disk of this machine, for which a loop device stands.

use lab_tests::lab::text;
use lab_tests::{oracle, product};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A loop device with a file behind it, which is in a directory of its own.
struct Stick {
    directory: tempfile::TempDir,
    device: String,
}

impl Stick {
    /// With a partition table of somebody else's.
    fn new(size: u64) -> Self {
        let directory = tempfile::tempdir_in(product::cache_directory()).expect("directory");
        let file = directory.path().join("stick");
        fs::File::create(&file).and_then(|file| file.set_len(size)).expect("file");
        oracle::ok("sgdisk", ["-n", "1:0:0", &text(&file)]);
        let device = oracle::ok("losetup", ["--find", "--show", &text(&file)]).trim().to_owned();
        Self { directory, device }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("stick")
    }

    fn sum(&self) -> String {
        oracle::ok("sha256sum", [&self.device])
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        oracle::run("losetup", ["--detach", &self.device]);
    }
}

/// A small ISO file, no multiple of what is written at a time.
fn iso(directory: &Path) -> PathBuf {
    let (tree, iso) = (directory.join("tree"), directory.join("small.iso"));
    fs::create_dir(&tree).expect("directory");
    let content: Vec<u8> = (0..9_000_001_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    fs::write(tree.join("file"), content).expect("file");
    oracle::ok("xorriso", ["-as", "mkisofs", "-quiet", "-o", &text(&iso), &text(&tree)]);
    iso
}

fn write(arguments: &[&str]) -> Output {
    let mut command = product::command();
    command.arg("write").args(arguments).output().expect("imgbuild starts")
}

fn refused(arguments: &[&str], code: i32, words: &str) {
    let output = write(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(stderr.contains(words), "{arguments:?}: {stderr}");
}

#[test]
fn an_iso_file_is_on_the_stick_and_nothing_else() {
    let stick = Stick::new(64 << 20);
    let (iso, device) = (text(&iso(stick.directory.path())), stick.device.as_str());
    let before = stick.sum();
    // A loop device is not a removable disk.
    refused(&[&iso, device], 2, "give --yes");
    refused(&[&iso, device, "--yes"], 2, "give --any-disk");
    refused(&[&text(&stick.file()), device, "--yes"], 2, "is not an ISO file");
    refused(&[&iso, &text(&stick.file()), "--yes"], 2, "is not a disk");
    refused(&[&iso, "/dev/nothing", "--yes"], 2, "/dev/nothing");
    assert_eq!(stick.sum(), before, "nothing was written");

    let output = write(&[&iso, device, "--yes", "--any-disk", "--progress", "plain"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let length = fs::metadata(&iso).expect("iso").len().to_string();
    oracle::ok("cmp", ["-n", &length, &iso, device]);
    let label = oracle::ok("isoinfo", ["-d", "-i", device]);
    assert!(label.contains("Volume id:"), "{label}");
    let table = oracle::run("sgdisk", ["--verify", device]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("Creating new GPT entries"), "the old table is gone: {table}");
}

#[test]
fn disks_in_use_or_too_small_are_left_as_they_are() {
    let stick = Stick::new(8 << 20);
    let (iso, device) = (text(&iso(stick.directory.path())), stick.device.as_str());
    let before = stick.sum();
    refused(&[&iso, device, "--yes", "--any-disk"], 2, "take a larger stick");
    assert_eq!(stick.sum(), before);

    oracle::ok("mkfs.ext4", ["-q", "-F", device]);
    let place = stick.directory.path().join("mounted");
    fs::create_dir(&place).expect("directory");
    oracle::ok("mount", [device, &text(&place)]);
    let before = stick.sum();
    refused(&[&iso, device, "--yes", "--any-disk"], 2, &format!("is mounted at {}", text(&place)));
    let after = stick.sum();
    oracle::ok("umount", [&text(&place)]);
    assert_eq!(after, before);
}
