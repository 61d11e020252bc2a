//! One RPM out of its Debian packages: files placed and dressed, dependencies
//! mapped, sonames read, our scriptlets added.

use super::closure::{Index, RpmTarget, Source};
use super::package::{ItemKind, Rpm, RpmItem, Scripts};
use super::{deb, deps, elf, filter, generated, scripts, version};
use crate::error::{Context, Result};
use formats::rpmfile::{Dependency, sense};
use std::collections::{BTreeMap, BTreeSet};

/// Reads a Debian package's files as they are placed on the medium.
pub fn placed(source: &Source) -> Result<Vec<RpmItem>> {
    deb::items(&source.path, &source.control, filter::place)
        .or_build(|| format!("cannot unpack {}", source.path.display()))
}

/// Creates the RPM of `target`.
pub fn convert(target: &RpmTarget, index: &Index) -> Result<Rpm> {
    let mut items: BTreeMap<String, RpmItem> = BTreeMap::new();
    let mut requires = Vec::new();
    for source in &target.sources {
        for mut item in placed(source)? {
            if let ItemKind::File(bytes) = item.kind {
                item.kind = ItemKind::File(filter::rewritten(&item.path, bytes));
            }
            items.entry(item.path.clone()).or_insert(item);
        }
        for dependency in deps::requires(&source.control, &target.name, index) {
            if !requires.contains(&dependency) {
                requires.push(dependency);
            }
        }
    }
    let sources = &target.sources;
    let all = sources.iter().all(|source| source.control.get("Architecture") == "all");
    let text = sources.first().map_or("", |source| source.control.get("Description"));
    let (summary, rest) = text.split_once('\n').unwrap_or((text, ""));
    let origin: Vec<String> = sources
        .iter()
        .map(|s| format!("{} {}", s.control.get("Package"), s.control.get("Version")))
        .collect();
    let rpm = Rpm {
        name: target.name.clone(),
        evr: index.versions.get(&target.name).cloned().unwrap_or_else(|| version::own("0")),
        noarch: all,
        summary: summary.to_string(),
        description: format!(
            "{rest}\n\nPractice medium of imgbuild, converted from Debian: {}.",
            origin.join(", ")
        ),
        time: 0,
        items: items.into_values().collect(),
        requires,
        provides: Vec::new(),
        obsoletes: Vec::new(),
        scripts: Scripts::default(),
    };
    Ok(finish(rpm))
}

/// Creates a package that has no Debian counterpart.
pub fn generate(package: &generated::GeneratedPackage, time: u32) -> Rpm {
    let rpm = Rpm {
        name: package.name.into(),
        evr: version::own(package.version),
        noarch: true,
        summary: package.summary.into(),
        description: format!("{}\n\nPractice medium of imgbuild.", package.summary),
        time,
        items: Vec::new(),
        requires: Vec::new(),
        provides: Vec::new(),
        obsoletes: Vec::new(),
        scripts: Scripts::default(),
    };
    finish(rpm)
}

/// Adds what the medium itself says about a package, then what follows from its files.
fn finish(mut rpm: Rpm) -> Rpm {
    scripts::complete(&mut rpm);
    drop_standard_directories(&mut rpm);
    let newest = rpm.items.iter().map(|item| item.mtime).max().unwrap_or(0);
    rpm.time = rpm.time.max(newest);
    for item in &mut rpm.items {
        // Files created here have no time of their own.
        if item.mtime == 0 {
            item.mtime = rpm.time;
        }
    }
    add_sonames(&mut rpm);
    if !["setup", "filesystem"].contains(&rpm.name.as_str()) {
        // Nothing may create a real /bin or /lib before the links into /usr exist.
        rpm.requires.push(Dependency::any("filesystem", sense::SCRIPT_PRE));
    }
    rpm
}

/// The directories that `filesystem` owns belong to no other package.
fn drop_standard_directories(rpm: &mut Rpm) {
    if rpm.name != "filesystem" {
        let standard: BTreeSet<String> =
            generated::directories().map(|(path, _)| path.into()).collect();
        rpm.items.retain(|item| item.kind != ItemKind::Dir || !standard.contains(&item.path));
    }
}

fn add_sonames(rpm: &mut Rpm) {
    let mut needed = BTreeSet::new();
    let mut offered = BTreeSet::new();
    for item in &rpm.items {
        let Some(dynamic) = item.bytes().and_then(elf::dynamic) else { continue };
        let library = item.path.rsplit('/').next().is_some_and(|name| name.contains(".so"));
        if let Some(soname) = dynamic.soname.filter(|_| library) {
            offered.insert(soname);
        }
        needed.extend(dynamic.needed);
    }
    if !needed.is_empty() && rpm.name != "glibc" {
        rpm.requires.push(Dependency::any("rtld(GNU_HASH)", 0));
    }
    let any = |soname: &String| Dependency::any(format!("{soname}()(64bit)"), 0);
    rpm.requires.extend(needed.difference(&offered).map(any));
    rpm.provides.extend(offered.iter().map(any));
}

#[cfg(test)]
mod tests {
    use super::super::closure;
    use super::*;
    use crate::progress::tests::NEVER;
    use std::path::Path;
    use std::process::Command;

    /// A Debian package made by dpkg-deb of `files`, next to its control text.
    fn debian(directory: &Path, control: &str, files: &[(&str, &[u8])]) -> std::path::PathBuf {
        let name = control.lines().next().and_then(|line| line.strip_prefix("Package: "));
        let root = directory.join(name.expect("a name"));
        let put = |path: &str, bytes: &[u8]| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
            std::fs::write(path, bytes).expect("file");
        };
        let tail = "Architecture: amd64\nMaintainer: a <a@b.c>\nDescription: probe\n more\n";
        put("DEBIAN/control", format!("{control}{tail}").as_bytes());
        for (path, bytes) in files {
            put(path, bytes);
        }
        let deb = root.with_extension("deb");
        let out = Command::new("dpkg-deb")
            .args(["--root-owner-group", "-b"])
            .args([&root, &deb])
            .output()
            .expect("dpkg-deb of the Debian package dpkg");
        assert!(out.status.success(), "{out:?}");
        deb
    }

    #[test]
    fn converts_and_merges_debian_packages() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let bash = std::fs::read("/bin/bash").expect("bash");
        let files = [
            debian(
                dir.path(),
                "Package: openvswitch-switch\nVersion: 3.1.0-2\n\
                 Depends: openvswitch-common (= 3.1.0-2), libc6 (>= 2.36), perl\n",
                &[
                    ("lib/systemd/system/openvswitch-switch.service",
                     b"[Unit]\nPartOf=openvswitch-switch.service\n[Install]\nWantedBy=a.target\n"),
                    ("usr/share/man/man1/x.1", b"dropped"),
                ],
            ),
            debian(
                dir.path(),
                "Package: openvswitch-common\nVersion: 3.1.0-2\n",
                &[("bin/ovs-probe", &bash)],
            ),
            debian(dir.path(), "Package: libc6\nVersion: 2.36-9\n", &[("usr/share/x", b"")]),
        ];
        let (index, media) = closure::index(&files, NEVER).expect("an index");
        assert!(media.is_empty());
        let rpm = convert(&index.targets["openvswitch"], &index).expect("converted");
        let paths: Vec<&str> = rpm.items.iter().map(|item| item.path.as_str()).collect();
        assert!(paths.contains(&"/usr/bin/ovs-probe"), "{paths:?}");
        assert!(paths.contains(&"/usr/lib/systemd/system/openvswitch.service"), "{paths:?}");
        assert!(!paths.iter().any(|path| path.contains("/man")), "{paths:?}");
        assert!(!paths.contains(&"/usr/bin"), "directories of filesystem: {paths:?}");
        let requires: Vec<String> = rpm.requires.iter().map(ToString::to_string).collect();
        for need in ["glibc >= 2.36", "libc.so.6()(64bit)", "rtld(GNU_HASH)", "filesystem"] {
            assert!(requires.iter().any(|line| line == need), "{need} in {requires:?}");
        }
        assert!(!requires.iter().any(|line| line.contains("perl")), "{requires:?}");
        assert!(rpm.scripts.post.contains("preset openvswitch.service"));
        assert!(rpm.time > 1_600_000_000, "the newest file's time");
    }
}
