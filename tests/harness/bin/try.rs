//! `try`: builds the lab's images and brings the lab up; with `--profile`, builds that role's with
//! the arguments given, boots the first node's in QEMU and shows its serial console until firstboot
//! is done. `tests/try` runs it.
#![allow(clippy::print_stdout, reason = "a program for people")]

use lab_tests::guest::{BOOT_LIMIT, Firmware, Guest};
use lab_tests::lab::text;
use lab_tests::oracle;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where the whole lab's images go: imgbuild's own choice.
const OUTPUT: &str = "output";
/// Memory of a practice node, which runs no OpenStack.
const PRACTICE_MEMORY: &str = "704 MiB";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match value(&arguments, "--profile") {
        Some(profile) => one_node(&arguments, &profile),
        None => whole_lab(&arguments),
    };
    result.unwrap_or_else(|code| code)
}

/// What follows an option.
fn value(arguments: &[String], option: &str) -> Option<String> {
    let at = arguments.iter().position(|a| a == option)?;
    arguments.get(at + 1).cloned()
}

fn program() -> PathBuf {
    std::env::current_exe().expect("own path").with_file_name("imgbuild")
}

/// Runs `imgbuild`; its exit code where it fails.
fn imgbuild(arguments: &[String]) -> Result<(), ExitCode> {
    let status = Command::new(program()).args(arguments).status().expect("imgbuild starts");
    match status.success() {
        true => Ok(()),
        false => Err(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))),
    }
}

fn one_node(arguments: &[String], profile: &str) -> Result<ExitCode, ExitCode> {
    let given = value(arguments, "--output").map(PathBuf::from);
    let output = given.unwrap_or_else(|| {
        Path::new(OUTPUT).join(Path::new(profile).file_stem().expect("a profile's name"))
    });
    let more = ["--force", "--output", &text(&output)].map(str::to_owned);
    let without: Vec<String> = match arguments.iter().position(|a| a == "--output") {
        Some(at) => [&arguments[..at], &arguments[at + 2..]].concat(),
        None => arguments.to_vec(),
    };
    imgbuild(&[&without[..], &more].concat())?;
    Ok(boot(&output))
}

/// Builds the roles that have no images yet, or all with `--force`, and brings the lab up.
fn whole_lab(arguments: &[String]) -> Result<ExitCode, ExitCode> {
    let has = |option: &str| arguments.iter().any(|a| a == option);
    let practice = !has("--media") || value(arguments, "--media").is_some_and(|m| m == "practice");
    let mut build = arguments.to_vec();
    if !has("--media") {
        build.extend(["--media", "practice"].map(str::to_owned));
    }
    let built = |role: &&str| Path::new(OUTPUT).join(role).join("manifest.json").exists();
    let missing: Vec<&str> = ["controller", "compute"].into_iter().filter(|r| !built(r)).collect();
    if missing.len() == 1 && !has("--force") {
        build.extend(["--profile", missing[0]].map(str::to_owned));
    }
    if has("--force") {
        // Machines of the old images.
        imgbuild(&["destroy", "--yes"].map(str::to_owned))?;
    }
    match missing.is_empty() && !has("--force") {
        true => {
            println!("=== {OUTPUT} has the images of all roles (--force builds them again) ===")
        }
        false => imgbuild(&build)?,
    }
    println!("\n=== the lab comes up (emulated without KVM: some minutes) ===");
    let mut up = vec!["up".to_owned()];
    if practice {
        up.extend(["--memory", PRACTICE_MEMORY].map(str::to_owned));
    }
    imgbuild(&up)?;
    let imgbuild = program();
    let imgbuild = imgbuild.strip_prefix(std::env::current_dir().expect("directory"));
    let imgbuild = imgbuild.map_or_else(|_| program(), Path::to_owned);
    let imgbuild = imgbuild.display();
    println!(
        "\n=== all nodes are ready ===\n\
         log in:           {imgbuild} ssh openstack\n\
         the nodes' view:  {imgbuild} ssh openstack -- firstboot status\n\
         yours:            {imgbuild} watch\n\
         shut down:        {imgbuild} down      (up brings it up again)\n\
         remove:           {imgbuild} destroy   (images and secrets stay)"
    );
    Ok(ExitCode::SUCCESS)
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
