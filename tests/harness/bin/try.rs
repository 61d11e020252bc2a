//! `try`: builds images with the arguments given, boots the first node's in QEMU and shows
//! its serial console until firstboot is done. `tests/try` runs it.
#![allow(clippy::print_stdout, reason = "a program for people")]

use lab_tests::guest::{BOOT_LIMIT, Firmware, Guest};
use lab_tests::lab::text;
use lab_tests::oracle;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let imgbuild = std::env::current_exe().expect("own path").with_file_name("imgbuild");
    let status =
        Command::new(imgbuild).args(&arguments).arg("--force").status().expect("imgbuild starts");
    if !status.success() {
        return ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1));
    }
    let given = arguments.iter().position(|a| a == "--output").and_then(|at| arguments.get(at + 1));
    let output = PathBuf::from(given.map_or("output", String::as_str));
    boot(&output)
}

/// Boots an overlay on the first node's image, so that the image stays as it was built.
fn boot(output: &Path) -> ExitCode {
    let manifest = std::fs::read(output.join("manifest.json")).expect("manifest.json");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("manifest.json");
    let node = &manifest["plan"]["nodes"][0];
    let name = node["name"].as_str().expect("a node's name");
    let address: Ipv4Addr =
        node["address"].as_str().and_then(|a| a.parse().ok()).expect("a node's address");
    let directory = tempfile::tempdir().expect("temporary directory");
    let overlay = directory.path().join("overlay.qcow2");
    let base = std::path::absolute(output.join(format!("{name}.qcow2"))).expect("path");
    oracle::ok(
        "qemu-img",
        ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &text(&base), &text(&overlay)],
    );
    println!("\n=== {name} boots in QEMU (emulated: a minute or two) ===");
    let mut guest = Guest::start(&overlay, Firmware::Bios, address, Path::new("/nonexistent"));
    let mut shown = 0;
    let started = Instant::now();
    let done = [format!("node {name} is ready"), format!("node {name} is not ready")];
    loop {
        let console = guest.console();
        print!("{}", console.get(shown..).unwrap_or_default());
        shown = console.len();
        if let Some(end) = done.iter().find(|d| console.contains(d.as_str())) {
            println!("\n=== {end}; the images are in {} ===", output.display());
            return if *end == done[0] { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        if guest.ended() || started.elapsed() > BOOT_LIMIT {
            println!("\n=== {name} did not come up ===");
            return ExitCode::FAILURE;
        }
        sleep(Duration::from_millis(300));
    }
}
