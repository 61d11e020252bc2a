//! The checks. What can be tried is tried, rather than guessed from what is installed.

use super::finding::{Finding, Grade};
use crate::base::error::{Error, Result};
use crate::base::programs::{CHRONYD, HostProgram, IP, QEMU, SSH};
use crate::base::{home, interrupt};
use crate::cli::common::working_directory;
use crate::cli::host;
use crate::image::output::free_space;
use crate::lab::vm;
use crate::packages::media::http::shown;
use crate::pipeline;
use crate::spec::{self, LabSummary, show_size};
use crate::tree::sandbox::userns;
use contract::time::rfc3339;
use nix::unistd::{AccessFlags, Uid, access};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes that a lab of three nodes needs in the cache: packages, two trees.
const CACHE_SPACE: u64 = 8 << 30;
/// Bytes that its images need.
const OUTPUT_SPACE: u64 = 3 << 30;
/// A clock that shows less is wrong: 2024-01-01. Packages and certificates are newer.
const EARLIEST: Duration = Duration::from_secs(1_704_067_200);

/// Where things are to be.
pub struct CheckedPlaces {
    pub cache: PathBuf,
    pub output: PathBuf,
    pub state: PathBuf,
    pub lab_file: Option<PathBuf>,
}

/// All findings.
///
/// # Errors
/// Interruption.
pub fn all(places: &CheckedPlaces) -> Result<Vec<Finding>> {
    // The first needs a process with one thread.
    let mut findings = vec![rights(), confinement(), firstboot()];
    findings.extend([
        space("cache", &places.cache, CACHE_SPACE, "--cache"),
        space("output", &places.output, OUTPUT_SPACE, "--output"),
        space("state", &places.state, 1 << 20, "--state"),
    ]);
    findings.extend(lab(places)?);
    findings.extend([
        program("QEMU", QEMU, Grade::Fail),
        program("network", IP, Grade::Fail),
        program("time server", CHRONYD, Grade::Warn),
        program("ssh", SSH, Grade::Warn),
    ]);
    interrupt::check()?;
    findings.push(kvm());
    interrupt::check()?;
    findings.extend([libvirt(), clock(), proxy()]);
    Ok(findings)
}

fn rights() -> Finding {
    const NAME: &str = "rights";
    match userns::try_root() {
        Ok(()) if Uid::effective().is_root() => Finding::ok(NAME, "root"),
        Ok(()) => Finding::ok(NAME, "subordinate ids and user namespaces work: root is not needed"),
        Err(e) => Finding::of(NAME, Grade::Fail, e),
    }
}

/// What keeps packages' scripts apart from this machine, where root builds.
fn confinement() -> Finding {
    const NAME: &str = "confinement";
    let path = "/proc/sys/user/max_user_namespaces";
    match fs::read_to_string(path).map(|text| text.trim() == "0") {
        Ok(false) => Finding::ok(NAME, "user namespaces are allowed"),
        Ok(true) => Finding::warn(
            NAME,
            format!("user namespaces are forbidden ({path} is 0): root in the image is root"),
            "sysctl -w user.max_user_namespaces=15000",
        ),
        Err(_) => Finding::warn(
            NAME,
            "this kernel does not tell of user namespaces: root in the image may be root",
            "use a newer kernel, or build only from media that you trust",
        ),
    }
}

fn firstboot() -> Finding {
    const NAME: &str = "firstboot";
    match pipeline::firstboot_binary(None) {
        Ok(_) => Finding::ok(NAME, "the nodes' program is next to imgbuild"),
        Err(e) => Finding::of(NAME, Grade::Fail, e),
    }
}

/// Whether a directory, or the one that it will be made in, can be written and has room.
fn space(name: &'static str, directory: &Path, need: u64, option: &str) -> Finding {
    let remedy = format!("name another directory by {option}");
    let (place, free) = match free_space(directory) {
        Ok(found) => found,
        Err(e) => return Finding::fail(name, e.message, remedy),
    };
    let shown = directory.display();
    if !place.is_dir() {
        return Finding::fail(name, format!("{} is not a directory", place.display()), remedy);
    }
    if access(&place, AccessFlags::W_OK | AccessFlags::X_OK).is_err() {
        return Finding::fail(name, format!("{} cannot be written", place.display()), remedy);
    }
    let found = format!("{shown}: {} free", show_size(free));
    match free {
        free if free >= need => Finding::ok(name, found),
        free if free >= need / 4 => Finding::warn(
            name,
            format!("{found}; a lab of three nodes takes about {}", show_size(need)),
            format!("`imgbuild clean` frees the cache; or {remedy}"),
        ),
        _ => Finding::fail(
            name,
            format!("{found}; a lab of three nodes takes about {}", show_size(need)),
            format!("free some space; or {remedy}"),
        ),
    }
}

/// The lab file, its network, and who may log in.
fn lab(places: &CheckedPlaces) -> Result<Vec<Finding>> {
    let directory = working_directory()?;
    let (home, sudo_home) = (home::own(), home::of_sudo_user());
    let config = home::configurations();
    let summary = spec::load_lab(&spec::Request {
        lab: places.lab_file.as_deref(),
        home: home.as_deref(),
        sudo_home: sudo_home.as_deref(),
        config: &config,
        ..spec::Request::new("", &directory)
    });
    let LabSummary { file, name, network, keys } = match summary {
        Ok(summary) => summary,
        Err(errors) => return Ok(vec![Finding::of("lab", Grade::Fail, Error::from(errors))]),
    };
    let mut findings = vec![Finding::ok("lab", format!("{name}, from {file}"))];
    findings.push(match host::collision(network) {
        None => Finding::ok("addresses", format!("{network} is the lab's alone")),
        Some((interface, other)) => Finding::warn(
            "addresses",
            format!("{network} of the lab is {other} of this machine's {interface}, too"),
            "choose another network in the lab file (imgbuild init proposes one); under plain QEMU the lab is apart from it",
        ),
    });
    findings.push(match keys {
        0 => Finding::warn(
            "keys",
            "no ssh key of yours: the lab gets an operator key, which imgbuild alone uses",
            "ssh-keygen -t ed25519 makes one",
        ),
        keys => Finding::ok("keys", format!("{keys} public keys log in to the nodes")),
    });
    Ok(findings)
}

fn program(name: &'static str, program: HostProgram, grade: Grade) -> Finding {
    match program.require() {
        Ok(path) => Finding::ok(name, path.display().to_string()),
        Err(e) => Finding::of(name, grade, e),
    }
}

/// Tried with a guest, as `up` does.
fn kvm() -> Finding {
    const NAME: &str = "KVM";
    let Some(qemu) = QEMU.find() else {
        return Finding::warn(NAME, "not tried, as QEMU is missing", "install QEMU");
    };
    match vm::try_kvm(&qemu) {
        Ok(Ok(())) => Finding::ok(NAME, "works: machines run at full speed"),
        Ok(Err(why)) => Finding::warn(
            NAME,
            format!("does not work ({why}): machines are emulated, a boot takes minutes"),
            "use a machine with /dev/kvm that you may open (group kvm), or allow nested virtualisation",
        ),
        Err(e) => Finding::of(NAME, Grade::Warn, e),
    }
}

fn libvirt() -> Finding {
    const NAME: &str = "libvirt";
    match vm::try_libvirt() {
        Ok(uri) => Finding::ok(NAME, format!("answers at {uri}")),
        Err(e) => {
            let found = format!("does not answer ({}): plain QEMU runs the machines", e.message);
            Finding::ok(NAME, found)
        }
    }
}

fn clock() -> Finding {
    const NAME: &str = "clock";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match now {
        now if now < EARLIEST => Finding::fail(
            NAME,
            format!("it is {} here, which is in the past", rfc3339(now)),
            "set the clock: certificates are not valid yet",
        ),
        now => Finding::ok(NAME, rfc3339(now)),
    }
}

/// What downloads go through; passwords in it are not shown.
fn proxy() -> Finding {
    const NAME: &str = "proxy";
    let names = ["http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "all_proxy"];
    // A proxy's address may lack its scheme.
    let without_login = |text: &str| match text.contains("://") {
        true => shown(text),
        false => text.rsplit('@').next().unwrap_or_default().to_owned(),
    };
    let set = |name: &str| Some(format!("{name}={}", without_login(&std::env::var(name).ok()?)));
    let set: Vec<String> = names.into_iter().filter_map(set).collect();
    match set.is_empty() {
        true => Finding::ok(NAME, "none is set"),
        false => Finding::ok(NAME, set.join(", ")),
    }
}
