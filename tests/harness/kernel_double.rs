//! A double of a kernel update for EL7: another kernel of Debian's in a package with the
//! scriptlets of EL7's kernel packages.

use crate::lab::text;
use crate::{oracle, product, rpm_double};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Makes a repository `to` with an update of EL7's package `kernel` and returns `uname -r` of
/// it: a cloud kernel of this Debian other than `running` (`uname -r`), the newest, with the modules
/// `loaded`, by name, and those that they need. What a node does with all the others takes
/// minutes in emulation.
///
/// # Panics
/// When Debian has none, or a tool fails.
pub fn update(running: &str, loaded: &[&str], to: &Path) -> String {
    let package = kept_but(running).unwrap_or_else(|| download(&newest_but(running)));
    let release = release(&package);
    let unpacked = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let to_unpack = text(unpacked.path());
    oracle::ok("dpkg-deb", ["-x", &text(&package), &to_unpack]);
    oracle::ok("find", [&to_unpack, "-name", "*.ko.xz", "-exec", "unxz", "{}", "+"]);
    let modules = unpacked.path().join("lib/modules").join(&release);
    let kept = needed(&modules.join("kernel"), loaded).join(" ");
    rpm_double::repository(&spec(&release, unpacked.path(), &kept), to);
    release
}

/// `uname -r` of a kernel by its package's file.
fn release(package: &Path) -> String {
    let name = package.file_stem().unwrap_or_default().to_string_lossy();
    name.trim_start_matches("linux-image-").to_owned()
}

/// The package of an earlier run, in the tests' cache.
fn kept_but(running: &str) -> Option<PathBuf> {
    let files = fs::read_dir(product::cache_directory()).expect("cache directory");
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|end| end == "deb") && release(path) != running)
}

fn newest_but(running: &str) -> String {
    let listed = oracle::ok("apt-cache", ["pkgnames", "linux-image-6."]);
    let numbers = |name: &str| -> Option<Vec<u32>> {
        let release = name.strip_prefix("linux-image-")?.strip_suffix("-cloud-amd64")?;
        // As in 6.1.0-56 and 6.12.117+deb12.
        Some(release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect())
    };
    listed
        .lines()
        .filter(|name| !name.ends_with(running))
        .filter_map(|name| Some((numbers(name)?, name)))
        .max()
        .map(|(_, name)| name.to_owned())
        .expect("Debian has another cloud kernel; `apt-get update` fetches its lists")
}

/// Downloads a package of Debian's into the tests' cache.
fn download(package: &str) -> PathBuf {
    let kept = product::cache_directory().join(format!("{package}.deb"));
    let new = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    // Root's directory is not for apt's user.
    let script =
        "cd \"$0\" && apt-get -q -o APT::Sandbox::User=root download \"$1\" && mv *.deb \"$2\"";
    oracle::ok("sh", ["-c", script, &text(new.path()), package, &text(&kept)]);
    kept
}

/// The files, below `directory`, of the modules `wanted` and those that they name in turn
/// (`depends` of modinfo(8)). What this kernel has built in has no file.
fn needed(directory: &Path, wanted: &[&str]) -> Vec<String> {
    let found = oracle::ok("find", [&text(directory), "-name", "*.ko", "-printf", "%P\n"]);
    let name = |file: &str| {
        let (_, last) = file.rsplit_once('/').unwrap_or(("", file));
        last.trim_end_matches(".ko").replace('-', "_")
    };
    let files: BTreeMap<String, &str> = found.lines().map(|file| (name(file), file)).collect();
    let mut names: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
    let mut kept = Vec::new();
    while let Some(name) = names.pop() {
        let Some(file) = files.get(&name).map(|file| (*file).to_owned()) else { continue };
        if !kept.contains(&file) {
            names.extend(depends(&directory.join(&file)));
            kept.push(file);
        }
    }
    kept
}

fn depends(module: &Path) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let bytes = fs::read(module).expect("module");
    let Some(at) = bytes.windows(KEY.len()).position(|w| w == KEY) else { return Vec::new() };
    let value = bytes[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(value).split(',').map(|name| name.replace('-', "_")).collect()
}

/// Debian's System.map is none: depmod gets the symbols that the modules want.
fn spec(release: &str, from: &Path, modules: &str) -> String {
    let from = text(from);
    format!(
        "Name: kernel\nVersion: 999\nRelease: 1.el7.double\n\
         Summary: A test double of a kernel update: {release} of Debian\n\
         Requires(post): /usr/sbin/new-kernel-pkg\nRequires(preun): /usr/sbin/new-kernel-pkg\n\
         %description\nNot a kernel of EL7.\n\
         %install\ncp -a {from}/boot %{{buildroot}}\n\
         to=%{{buildroot}}/lib/modules/{release}\nmkdir -p $to/kernel\n\
         cd {from}/lib/modules/{release}\ncp modules.* $to\n\
         cd kernel\ncp --parents {modules} $to/kernel\n\
         (nm -u {modules}; echo ' U module_layout') | sed -n 's/^ *U /ffffffff81000000 R __ksymtab_/p' | sort -u \
         >%{{buildroot}}/boot/System.map-{release}\n\
         touch %{{buildroot}}/boot/initramfs-{release}.img\n\
         gzip </dev/null >%{{buildroot}}/boot/symvers-{release}.gz\n\
         %post\n/usr/sbin/new-kernel-pkg --package kernel --install {release} || exit $?\n\
         %preun\n/usr/sbin/new-kernel-pkg --rminitrd --rmmoddep --remove {release} || exit $?\n\
         %posttrans\nif [ -x /sbin/weak-modules ]\nthen\n\
         /sbin/weak-modules --add-kernel {release} || exit $?\nfi\n\
         /usr/sbin/new-kernel-pkg --package kernel --mkinitrd --dracut --depmod --update {release} || exit $?\n\
         /usr/sbin/new-kernel-pkg --package kernel --rpmposttrans {release} || exit $?\n\
         %files\n/lib/modules/{release}\n/boot/vmlinuz-{release}\n/boot/config-{release}\n\
         /boot/System.map-{release}\n/boot/symvers-{release}.gz\n%ghost /boot/initramfs-{release}.img\n"
    )
}
