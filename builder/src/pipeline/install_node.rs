//! What one node's installation needs beyond packages: archives of its files, and its kickstart.

use super::context::BuildContext;
use super::install_base::BaseMedium;
use super::overlay::{self, Firstboot};
use super::planning;
use crate::base::error::{Context as _, Error, Result};
use crate::base::lab::LabNode;
use crate::kickstart::{Fate, Kickstart, SourceMap, Text, parse};
use crate::lab::secrets::{self, NodeSecrets};
use crate::plan::install::{self, AddedRepository, InstallSource, NodeInputs, NodeInstall};
use crate::plan::node::{self, NodeFile};
use contract::{assets, node_files};
use formats::archive;
use formats::tree::{Content, Entry, Tree};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What nodes that are installed together have alike.
pub struct InstallShared<'a> {
    /// The medium with the installer.
    pub base: &'a BaseMedium,
    /// firstboot.
    pub firstboot: &'a Firstboot,
    /// Whether a disk may be erased.
    pub erase: bool,
    /// Repositories that are added.
    pub repositories: &'a [AddedRepository],
}

/// An archive of files for the system.
struct Archive {
    name: &'static str,
    bytes: Vec<u8>,
}

/// Adds what `node` is installed with from `source` to `additions`; gives its part of the plan.
pub fn add(
    shared: &InstallShared<'_>,
    source: &InstallSource,
    (context, node): (&BuildContext, &LabNode),
    secrets: Option<&NodeSecrets>,
    additions: &mut Tree,
) -> Result<NodeInstall> {
    let (spec, time) = (&context.spec, context.plan.time);
    let (archives, paths) = archives(context, node, secrets)?;
    let place = |archive: &Archive| source.file_in_scripts(&node.name, archive.name);
    let sums: Vec<(String, String)> = archives.iter().map(|a| (place(a), a.sum())).collect();
    let kickstart = parsed(context, node)?;
    let text = install::render(&NodeInputs {
        name: &node.name,
        source,
        kickstart: &kickstart,
        added_storage: added_storage(&spec.kickstart),
        disk: &spec.machine.install_disk,
        erase: shared.erase,
        packages: &packages(context),
        own_repositories: &own_repositories(context, shared.base),
        repositories: shared.repositories,
        firstboot: (assets::BINARY_PATH, &shared.firstboot.sha256),
        before: &sums[..1],
        after: &sums[1..],
        paths: &paths,
        disable_repositories: spec.repositories.iter().any(|r| r.baseurl.is_some()),
        enable: &context.plan.enable,
        disable: &context.plan.disable,
    });
    additions.put(&source.added("firstboot"), shared.firstboot.entry(time));
    for archive in archives {
        let path = source.added(&place(&archive));
        additions.put(&path, Entry::new(0o600, time, Content::Bytes(archive.bytes)));
    }
    let path = source.kickstart(&node.name);
    additions.put(&path, Entry::new(0o600, time, Content::Bytes(text.into_bytes())));
    let (rule, value) = install::rule(&spec.machine.install_disk);
    Ok(NodeInstall {
        name: node.name.clone(),
        role: context.plan.profile.clone(),
        kickstart: path,
        arguments: install::arguments(&context.plan.arguments),
        disk: format!("{rule} {value}").trim_end().to_owned(),
    })
}

/// The archives of a node's files: what nodes of its role have alike, what makes it itself, and its
/// secrets if it gets any; and the paths of everything in them and of firstboot.
fn archives(
    context: &BuildContext,
    node: &LabNode,
    secrets: Option<&NodeSecrets>,
) -> Result<(Vec<Archive>, Vec<String>)> {
    let (spec, time) = (&context.spec, context.plan.time);
    let facts = &overlay::facts(context)?;
    let role = node::role_files(spec, facts);
    let authorized = text_of(&role, node_files::AUTHORIZED_KEYS);
    let wire = node::wire_spec(spec, node, facts);
    let mut assets = Tree::default();
    overlay::put_assets(time, &mut assets);
    let mut role = tree_of(role.into_iter().chain(node::lab_files(&wire)), time);
    role.entries.extend(assets.entries.into_iter().filter(|(_, e)| e.content != Content::Dir));
    let identity = tree_of(node::identity_files(spec, node, facts)?, time);
    let mut trees = vec![("role.tar.gz", role), ("node.tar.gz", identity)];
    let files = secrets.map(|secrets| secrets::node_files::files(secrets, &authorized));
    trees.extend(files.map(|files| ("secret/node.tar.gz", tree_of(files, time))));
    let paths: BTreeSet<String> = trees
        .iter()
        .flat_map(|(_, tree)| tree.entries.keys())
        .map(|path| format!("/{}", String::from_utf8_lossy(path)))
        .chain([assets::BINARY_PATH.to_owned()])
        .collect();
    let mut archives = Vec::new();
    for (name, tree) in trees {
        let mut bytes = Vec::new();
        archive::write(&tree, &mut bytes, &mut |_| true)
            .or_build(|| format!("cannot archive the files of {}", node.name))?;
        archives.push(Archive { name, bytes });
    }
    Ok((archives, paths.into_iter().collect()))
}

impl Archive {
    fn sum(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

fn tree_of(files: impl IntoIterator<Item = NodeFile>, time: i64) -> Tree {
    // Without the directories above them: unpacked, those would get another mode.
    let entries = files.into_iter().map(|file| (file.tree_path().into(), file.entry(time)));
    Tree { entries: entries.collect() }
}

fn text_of(files: &[NodeFile], path: &str) -> String {
    let file = files.iter().rev().find(|file| file.path == path);
    match file.map(|file| &file.content) {
        Some(Content::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    }
}

/// What the installer is to lay out where images get it without being asked: its own layout, or the
/// boot partitions that the machine's firmware needs.
fn added_storage(kickstart: &Kickstart) -> &'static str {
    let added = kickstart.report.iter().filter(|line| line.fate == Fate::Added);
    let commands: Vec<&str> = added.map(|line| line.command.as_str()).collect();
    match commands.contains(&"autopart") {
        true => "autopart\n",
        false if commands.iter().any(|command| command.starts_with("part ")) => "reqpart\n",
        false => "",
    }
}

/// The node's own kickstart.
fn parsed(context: &BuildContext, node: &LabNode) -> Result<Kickstart> {
    let text = context.spec.rendered.get(&node.name).map_or("", |rendered| rendered.0.as_str());
    let lines = SourceMap::default();
    let source = Text::new(&node.name, text, &lines, &context.spec.lab);
    parse(&source).map_err(|found| {
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        Error::input(all.join("\n"))
    })
}

/// Packages beyond `%packages`: those that the profile and the kickstart's commands need, and those
/// that it wants where a medium has them.
fn packages(context: &BuildContext) -> Vec<String> {
    let (spec, catalog) = (&context.spec, &context.catalog);
    let needs = spec.needs.iter().map(|name| planning::name_on_media(catalog, name));
    let has = |name: &&str| catalog.packages.iter().any(|package| package.name == *name);
    let wanted = spec.install.iter().map(String::as_str).chain(needs).filter(has);
    let available = spec.if_available.iter().map(String::as_str).filter(has);
    let all: BTreeSet<String> = wanted.chain(available).map(str::to_owned).collect();
    all.into_iter().collect()
}

/// Repositories of the medium beside that at its top.
fn own_repositories(context: &BuildContext, base: &BaseMedium) -> Vec<(String, String)> {
    let repos = context.catalog.repos.iter();
    let own = repos.filter(|repo| repo.medium.location() == base.location);
    own.filter(|repo| !repo.directory.is_empty())
        .map(|repo| (repo.id.clone(), repo.directory.clone()))
        .collect()
}
