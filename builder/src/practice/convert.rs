//! One RPM out of its Debian packages: files placed and dressed, dependencies
//! mapped, sonames read, our scriptlets added.

use super::closure::{Index, Source, Target};
use super::package::{Item, Kind, Rpm, Scripts};
use super::version::Evr;
use super::{deb, deps, elf, filter, generated, scripts};
use crate::error::{Context, Result};
use crate::interrupt;
use rpm::Dependency;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Reads a Debian package's files as they are placed on the medium.
pub fn placed(source: &Source) -> Result<Vec<Item>> {
    deb::items(&source.path, &source.control, filter::place)
        .or_build(|| format!("cannot unpack {}", source.path.display()))
}

/// Makes the RPM of `target`.
pub fn convert(target: &Target, index: &Index) -> Result<Rpm> {
    interrupt::check()?;
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut requires = Vec::new();
    for source in &target.sources {
        for mut item in placed(source)? {
            if let Kind::File(bytes) = item.kind {
                item.kind = Kind::File(filter::rewritten(&item.path, bytes));
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
        evr: index.versions.get(&target.name).cloned().unwrap_or_else(|| Evr::own("0")),
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

/// Makes a package that has no Debian counterpart.
pub fn generate(package: &generated::Package, time: u32) -> Rpm {
    let rpm = Rpm {
        name: package.name.into(),
        evr: Evr::own(package.version),
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
    drop_standard_folders(&mut rpm);
    let newest = rpm.items.iter().map(|item| item.mtime).max().unwrap_or(0);
    rpm.time = rpm.time.max(newest);
    for item in &mut rpm.items {
        // Files made here have no time of their own.
        if item.mtime == 0 {
            item.mtime = rpm.time;
        }
    }
    add_sonames(&mut rpm);
    if !["setup", "filesystem"].contains(&rpm.name.as_str()) {
        // Nothing may create a real /bin or /lib before the links into /usr exist.
        rpm.requires.push(Dependency::script_pre("filesystem"));
    }
    rpm
}

/// The folders that `filesystem` owns belong to no other package.
fn drop_standard_folders(rpm: &mut Rpm) {
    if rpm.name != "filesystem" {
        let standard: BTreeSet<String> =
            generated::folders().map(|(path, _)| path.into()).collect();
        rpm.items.retain(|item| item.kind != Kind::Dir || !standard.contains(&item.path));
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
        rpm.requires.push(Dependency::any("rtld(GNU_HASH)"));
    }
    let name = |soname: &String| format!("{soname}()(64bit)");
    rpm.requires.extend(needed.difference(&offered).map(name).map(Dependency::any));
    rpm.provides.extend(offered.iter().map(name).map(Dependency::any));
}

/// Writes `rpm` into `folder`.
pub fn write(rpm: Rpm, folder: &Path) -> Result<std::path::PathBuf> {
    interrupt::check()?;
    rpm.write(folder)
}
