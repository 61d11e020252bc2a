//! Spec + Catalog → Plan.

use super::context::BuildContext;
use super::inputs::{Decision, Inputs, Media};
use super::planned_packages::{package, repositories};
use super::unchanged;
use crate::base::error::{Error, Result};
use crate::base::lab::{ImageFormat, LabNode};
use crate::base::progress::{Progress, Unit};
use crate::kickstart::{InitialSetup, Members, Packages};
use crate::layout::Layout;
use crate::packages::checksum::Checksum;
use crate::packages::repo::Catalog;
use crate::packages::solve::{self, Request};
use crate::plan::{self, Lab, LeftOut, Machine, Plan, PlanNode, PlanPackage, Script};
use crate::spec::Spec;
use std::collections::BTreeSet;
use std::sync::Arc;

const MIB: u64 = 1024 * 1024;

/// A plan with what it was created from, and what the user should know.
pub struct Planned {
    pub context: BuildContext,
    pub notes: Vec<String>,
}

/// Creates the plan, or finds what a given one was created from.
///
/// # Errors
/// Input errors of packages; a verification error where media are not those of the plan.
pub fn plan(inputs: Inputs, media: Media, progress: &mut Progress) -> Result<Planned> {
    let (mut plan, media, notes) = match &inputs.decision {
        Decision::Make(formats) => {
            progress.stage("choosing packages", Unit::Steps);
            let (plan, notes) = decide(&inputs, &media, formats)?;
            (plan, media, notes)
        }
        Decision::Replay(plan) => {
            let (mut plan, mut media) = (Plan::clone(plan), media);
            unchanged::find_packages(&mut plan, Arc::make_mut(&mut media.catalog))?;
            let note = format!("replay of plan {}", plan.digest());
            (plan, media, vec![note])
        }
    };
    let Inputs { spec, scripts, access, notes: mut all, .. } = inputs;
    plan.sources.repositories = plan::places(&spec.repositories, &media.catalog.repos);
    all.extend(notes);
    Ok(Planned {
        context: BuildContext { catalog: media.catalog, plan, spec, scripts, access },
        notes: all,
    })
}

/// The packages of a plan and what is known of them together.
struct PlannedPackages {
    packages: Vec<PlanPackage>,
    /// Bytes of their files.
    content: u64,
    /// When the last of them was built.
    time: i64,
    skipped: Vec<String>,
}

/// Creates a plan, with what the user should know of it.
fn decide(inputs: &Inputs, media: &Media, formats: &[ImageFormat]) -> Result<(Plan, Vec<String>)> {
    let catalog = &media.catalog;
    let solution = solve::solve(catalog, &request(catalog, &inputs.spec))?;
    let bootstrap: BTreeSet<solve::Id> =
        solve::closure(catalog, &solution.packages, "rpm").into_iter().collect();
    if bootstrap.is_empty() {
        return Err(Error::input("the image has no rpm, which has to install it")
            .hint("name the package `rpm` (or the group @core) in the kickstart's %packages"));
    }
    let packages: Vec<PlanPackage> = solution
        .packages
        .iter()
        .map(|id| package(catalog, *id, bootstrap.contains(id)))
        .collect::<Result<_>>()?;
    let mut notes = solution.notes;
    notes.extend(solution.skipped.iter().map(|s| format!("not installed: {s}")));
    let content = solution.packages.iter().map(|&id| catalog.packages[id].installed).sum();
    let time = solution.packages.iter().map(|&id| catalog.packages[id].built).max().unwrap_or(0);
    let chosen = PlannedPackages { packages, content, time, skipped: solution.skipped };
    let plan = assemble(inputs, media, formats, chosen)?;
    notes.push(format!("plan: {} packages, nodes {}", plan.packages.len(), node_names(&plan)));
    Ok((plan, notes))
}

fn node_names(plan: &Plan) -> String {
    plan.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn assemble(
    inputs: &Inputs,
    media: &Media,
    formats: &[ImageFormat],
    chosen: PlannedPackages,
) -> Result<Plan> {
    let Inputs { spec, scripts, .. } = inputs;
    let PlannedPackages { packages, content, time, skipped } = chosen;
    let units = &spec.services;
    let target = spec.kickstart.default_target().to_owned();
    let bare: Vec<Script> = scripts.iter().map(|(script, _)| script.clone()).collect();
    let left_out = LeftOut {
        docs: spec.kickstart.packages.no_docs,
        languages_but: spec.kickstart.packages.languages.clone(),
    };
    let initial_setup = spec.kickstart.initial_setup != InitialSetup::Off;
    let states = (&units.enabled[..], &units.disabled[..]);
    let seed = plan::tree_digest(&packages, &left_out, states, &target, initial_setup);
    let disk = spec.arrangement.identify(&seed);
    disk.check_content(needs(content))?;
    refuse_shared_base(formats, &disk)?;
    let node = |n: &LabNode| PlanNode {
        name: n.name.clone(),
        address: n.address,
        mac: n.hardware_address(&spec.lab),
        outputs: outputs(&n.name, formats, &disk),
    };
    let nodes = spec.nodes.iter().map(node).collect();
    Ok(Plan {
        schema: plan::SCHEMA,
        profile: spec.role.as_str().to_owned(),
        lab: lab(spec),
        machine: Machine { cpus: spec.machine.cpus, memory: spec.machine.memory },
        sources: inputs.sources.clone(),
        inputs: inputs.digests.clone(),
        practice: media.practice,
        time,
        repositories: repositories(&media.catalog),
        packages,
        left_out,
        skipped,
        enable: units.enabled.clone(),
        disable: units.disabled.clone(),
        target,
        initial_setup,
        scripts: bare,
        arguments: spec.kickstart.kernel_arguments(),
        timeout: spec.kickstart.bootloader.timeout.unwrap_or(5),
        disk,
        nodes,
        outputs: formats.iter().map(|f| f.as_str().to_owned()).collect(),
    })
}

/// The files of a node.
fn outputs(node: &str, formats: &[ImageFormat], disk: &Layout) -> Vec<String> {
    let files = formats.iter().flat_map(|format| {
        // An archive has the files of all disks.
        let disks = if *format == ImageFormat::Tar { 1 } else { usize::MAX };
        let disks = disk.disks().into_iter().take(disks);
        disks.map(|disk| disk.file(node, format.extension())).collect::<Vec<_>>()
    });
    // libvirt's description of the machine, where there is a disk for it.
    let xml = formats.iter().any(|f| f.qemu().is_some()).then(|| format!("{node}.xml"));
    files.chain(xml).collect()
}

fn refuse_shared_base(formats: &[ImageFormat], disk: &Layout) -> Result<()> {
    if !formats.contains(&ImageFormat::Qcow2Overlay) || disk.further.is_empty() {
        return Ok(());
    }
    Err(Error::input("qcow2-overlay is for machines with one disk")
        .hint("choose the format qcow2, or leave `more-disks` out of the profile"))
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

/// Boot loader packages, and what they were called before CentOS 7.4.
const BEFORE_7_4: [(&str, &str); 4] = [
    ("grub2-pc", "grub2"),
    ("grub2-pc-modules", "grub2"),
    ("grub2-efi-x64", "grub2-efi"),
    ("shim-x64", "shim"),
];

/// What the media call a package that an image needs.
pub fn name_on_media<'a>(catalog: &Catalog, name: &'a str) -> &'a str {
    let has = |wanted: &str| catalog.packages.iter().any(|p| p.name == wanted);
    let old = BEFORE_7_4.into_iter().find(|(new, _)| *new == name).map(|(_, old)| old);
    old.filter(|old| !has(name) && has(old)).unwrap_or(name)
}

/// `%packages` and the profile as a request.
fn request(catalog: &Catalog, spec: &Spec) -> Request {
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
        deselect: excluded.iter().filter(|name| !spec.install.contains(name)).cloned().collect(),
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
    request.install.extend(spec.install.iter().cloned());
    request.required.extend(spec.needs.iter().map(|name| name_on_media(catalog, name).to_owned()));
    request
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
