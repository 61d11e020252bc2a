//! Spec + Catalog → Plan.

use super::{Context, Select, sources};
use crate::base::error::{Context as _, Error, Result};
use crate::base::lab::{ImageFormat, LabNode, UnknownFormat};
use crate::base::progress::{Progress, Unit};
use crate::checksum::Checksum;
use crate::kickstart::{Members, Packages};
use crate::packages::media::http::shown;
use crate::packages::repo::{self, Catalog};
use crate::packages::solve::{self, Request};
use crate::plan::{
    self, Input, Lab, LeftOut, Machine, Node, Package, Plan, Repository, Script, Sources,
};
use crate::spec::{self, Spec};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MIB: u64 = 1024 * 1024;

/// A plan with what it was made from, and what the user should know.
pub struct Planned {
    pub context: Context,
    pub notes: Vec<String>,
}

pub fn plan(select: &Select, progress: &mut Progress) -> Result<Planned> {
    let directory = working_folder()?;
    let spec = spec(select, &directory)?;
    let formats = formats(select, &spec)?;
    let mut notes: Vec<String> = spec.warnings.iter().map(|w| format!("warning: {w}")).collect();
    progress.stage("reading repositories", Unit::Steps);
    let access = select.access();
    let (catalog, practice) = sources::catalog(&access, select, &spec, progress, &mut notes)?;
    progress.stage("choosing packages", Unit::Steps);
    let solution = solve::solve(&catalog, &request(&spec))?;
    let bootstrap: BTreeSet<solve::Id> =
        solve::closure(&catalog, &solution.packages, "rpm").into_iter().collect();
    if bootstrap.is_empty() {
        return Err(Error::input("the image has no rpm, which has to install it")
            .hint("name the package `rpm` (or the group @core) in the kickstart's %packages"));
    }
    let packages: Vec<Package> = solution
        .packages
        .iter()
        .map(|id| package(&catalog, *id, bootstrap.contains(id)))
        .collect::<Result<_>>()?;
    notes.extend(solution.notes);
    notes.extend(solution.skipped.iter().map(|s| format!("not installed: {s}")));
    let content = solution.packages.iter().map(|&id| catalog.packages[id].installed).sum();
    let time = solution.packages.iter().map(|&id| catalog.packages[id].built).max().unwrap_or(0);
    let scripts = scripts(&spec);
    let sources = whereabouts(select, &spec, &directory);
    let plan = assemble(
        &spec,
        sources,
        &catalog,
        packages,
        &scripts,
        formats,
        practice,
        content,
        time,
        solution.skipped,
    )?;
    notes.push(format!("plan: {} packages, nodes {}", plan.packages.len(), node_names(&plan)));
    Ok(Planned { context: Context { catalog, plan, spec, scripts, access }, notes })
}

pub fn working_folder() -> Result<PathBuf> {
    std::env::current_dir().or_environment(|| "the working folder cannot be told".to_owned())
}

/// Reads the profile, the lab file and the kickstart.
pub fn spec(select: &Select, directory: &Path) -> Result<Spec> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    Ok(spec::load(&spec::Request {
        profile: &select.profile,
        lab: select.lab.as_deref(),
        node: select.node.as_deref(),
        directory,
        home: home.as_deref(),
    })?)
}

/// Digests of everything that the spec was read from.
pub fn inputs(spec: &Spec) -> Vec<Input> {
    let keys = Input {
        name: "ssh-authorized-keys".to_owned(),
        sha256: hex::encode(Sha256::digest(spec.authorized_keys.join("\n"))),
    };
    let input = |i: &spec::Input| Input { name: i.name.clone(), sha256: i.sha256.clone() };
    spec.inputs.iter().map(input).chain([keys]).collect()
}

/// Where all of it was found, from anywhere on this machine.
fn whereabouts(select: &Select, spec: &Spec, directory: &Path) -> Sources {
    // The loader names files by their path; what is built in has none.
    let path = |input: Option<&spec::Input>| {
        input.map(|i| directory.join(&i.name)).filter(|path| path.is_file())
    };
    let medium = |word: &String| match Path::new(word) {
        path if path.exists() => directory.join(path).to_string_lossy().into_owned(),
        // Without user and password, which a plan must not hold.
        _ => shown(word),
    };
    Sources {
        profile: path(spec.inputs.get(1))
            .map_or_else(|| select.profile.clone(), |p| p.to_string_lossy().into_owned()),
        lab: path(spec.inputs.first()),
        media: select.media.iter().map(medium).collect(),
        releasever: select.releasever.clone(),
    }
}

fn node_names(plan: &Plan) -> String {
    plan.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[expect(clippy::too_many_arguments, reason = "the one place where a plan is put together")]
fn assemble(
    spec: &Spec,
    sources: Sources,
    catalog: &Catalog,
    packages: Vec<Package>,
    scripts: &[(Script, String)],
    formats: Vec<ImageFormat>,
    practice: bool,
    content: u64,
    time: i64,
    skipped: Vec<String>,
) -> Result<Plan> {
    let units = &spec.services;
    let target = "multi-user.target".to_owned();
    let bare: Vec<Script> = scripts.iter().map(|(script, _)| script.clone()).collect();
    let left_out = LeftOut {
        docs: spec.kickstart.packages.no_docs,
        languages_but: spec.kickstart.packages.languages.clone(),
    };
    let seed = plan::tree_digest(&packages, &left_out, &units.enabled, &units.disabled, &target);
    let disk = spec.arrangement.identify(&seed);
    disk.check_content(needs(content))?;
    let mut extensions: Vec<&str> = formats.iter().map(|f| f.extension()).collect();
    // libvirt's description of the machine, where there is a disk for it.
    extensions.extend(formats.iter().any(|f| f.qemu().is_some()).then_some("xml"));
    let node = |n: &LabNode| Node {
        name: n.name.clone(),
        address: n.address,
        mac: n.hardware_address(&spec.lab),
        outputs: extensions.iter().map(|e| format!("{}.{e}", n.name)).collect(),
    };
    Ok(Plan {
        schema: plan::SCHEMA,
        profile: spec.role.as_str().to_owned(),
        lab: lab(spec),
        machine: Machine { cpus: spec.machine.cpus, memory: spec.machine.memory },
        sources,
        inputs: inputs(spec),
        practice,
        time,
        repositories: repositories(catalog),
        packages,
        left_out,
        skipped,
        enable: units.enabled.clone(),
        disable: units.disabled.clone(),
        target,
        scripts: bare,
        arguments: spec.kickstart.bootloader.append.clone(),
        timeout: spec.kickstart.bootloader.timeout.unwrap_or(5),
        disk,
        nodes: spec.nodes.iter().map(node).collect(),
        outputs: formats.iter().map(|f| f.as_str().to_owned()).collect(),
    })
}

fn lab(spec: &Spec) -> Lab {
    let network = &spec.network;
    Lab {
        name: spec.lab.clone(),
        network: network.subnet.address,
        prefix: network.subnet.prefix,
        gateway: network.gateway,
        ntp: network.ntp.clone(),
    }
}

fn formats(select: &Select, spec: &Spec) -> Result<Vec<ImageFormat>> {
    let mut formats: Vec<ImageFormat> = Vec::new();
    for text in &select.formats {
        let format = text.parse().map_err(|e: UnknownFormat| {
            let all: Vec<&str> = ImageFormat::ALL.iter().map(|f| f.as_str()).collect();
            Error::input(format!("--format: {e}")).hint(format!("formats are {}", all.join(", ")))
        })?;
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    if formats.is_empty() {
        formats.clone_from(&spec.formats);
    }
    for (index, format) in formats.iter().enumerate() {
        if let Some(other) = formats[..index].iter().find(|f| f.extension() == format.extension()) {
            let (one, two) = (other.as_str(), format.as_str());
            let name = format.extension();
            return Err(Error::input(format!("formats {one} and {two} both make NODE.{name}"))
                .hint("choose one of them"));
        }
    }
    Ok(formats)
}

/// `%packages` and the profile as a request.
fn request(spec: &Spec) -> Request {
    let Packages {
        no_core,
        ignore_missing,
        environment,
        groups,
        names,
        excluded,
        excluded_groups,
        no_docs: _,
        languages: _,
    } = &spec.kickstart.packages;
    let mut request = Request {
        deselect: excluded.clone(),
        without_groups: excluded_groups.clone(),
        if_available: spec.if_available.clone(),
        ignore_missing: *ignore_missing,
        ..Request::default()
    };
    let mut asked: Vec<String> = Vec::new();
    if !no_core && !groups.iter().any(|g| g.name == "core") {
        asked.push("core".to_owned());
    }
    for group in groups {
        match group.members {
            Members::Mandatory => drop(request.without_defaults.insert(group.name.clone())),
            Members::All => drop(request.with_optional.insert(group.name.clone())),
            Members::Default => {}
        }
        asked.push(group.name.clone());
    }
    asked.retain(|g| !excluded_groups.contains(g));
    request.install.extend(environment.iter().map(|e| format!("@^{e}")));
    request.install.extend(asked.iter().map(|g| format!("@{g}")));
    request.install.extend(names.iter().cloned());
    request.install.extend(spec.needs.iter().map(|name| (*name).to_owned()));
    request
}

pub fn repositories(catalog: &Catalog) -> Vec<Repository> {
    let repository = |r: &repo::Repo| Repository {
        id: r.id.clone(),
        packages: r.packages,
        repomd_sha256: r.repomd_sha256.clone(),
    };
    catalog.repos.iter().map(repository).collect()
}

pub fn package(catalog: &Catalog, id: solve::Id, bootstrap: bool) -> Result<Package> {
    let p = &catalog.packages[id];
    let repo = &catalog.repos[p.repo];
    let location = repo.path(&p.location);
    repo.medium.disc(&location).map_err(|mut e| {
        e.message = format!("{}: {}", p.nevra(), e.message);
        e
    })?;
    Ok(Package {
        name: p.name.clone(),
        epoch: p.evr.epoch,
        version: p.evr.version.clone(),
        release: p.evr.release.clone().unwrap_or_default(),
        arch: p.arch.clone(),
        repo: repo.id.clone(),
        location,
        checksum: p.checksum.clone(),
        size: p.size,
        bootstrap,
    })
}

pub fn scripts(spec: &Spec) -> Vec<(Script, String)> {
    let script = |s: &crate::kickstart::Script| {
        let authconfig = if s.authconfig { " (authconfig)" } else { "" };
        let plan = Script {
            origin: format!("{}:{}{authconfig}", s.place.file, s.place.line),
            interpreter: s.interpreter.clone(),
            error_on_fail: s.error_on_fail,
            log: s.log.clone(),
            sha256: hex::encode(Sha256::digest(&s.body)),
        };
        (plan, s.body.clone())
    };
    spec.kickstart.post.iter().map(script).collect()
}

/// Bytes of filesystem for packages whose files have `installed`: with initramfs, rpmdb and
/// caches, the filesystem's own tables and its journal.
fn needs(installed: u64) -> u64 {
    installed + installed / 4 + 400 * MIB
}

/// Bytes that the plan's packages have when installed.
pub fn installed(catalog: &Catalog, plan: &Plan) -> u64 {
    let wanted: BTreeSet<&Checksum> = plan.packages.iter().map(|p| &p.checksum).collect();
    catalog.packages.iter().filter(|p| wanted.contains(&p.checksum)).map(|p| p.installed).sum()
}
