//! What goes over the installed tree: the role's and the node's files, accounts, firstboot.

use super::context::BuildContext;
use super::homes::create_homes;
use super::keys;
use crate::base::error::{Context as _, Error, Result};
use crate::base::files::read_regular;
use crate::base::lab::LabNode;
use crate::lab::secrets::{self, NodeSecrets};
use crate::plan;
use crate::plan::node::accounts::{self, AccountFiles, Accounts};
use crate::plan::node::{self, Facts, NodeFile, ssh_keys};
use contract::{assets, node_files};
use formats::tree::{Content, Entry, Tree};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A larger file is not firstboot.
const MAX_BYTES: u64 = 256 << 20;

/// What a build puts into the images beyond packages and text.
pub struct Firstboot {
    path: PathBuf,
    size: u64,
    /// SHA-256 of the program.
    pub sha256: String,
}

impl Firstboot {
    /// The program as an entry of a tree.
    pub fn entry(&self, time: i64) -> Entry {
        Entry::new(0o755, time, Content::File { path: self.path.clone(), size: self.size })
    }
}

/// Bytes of a text file of the tree that is read whole.
const LARGEST: u64 = 64 << 20;

/// The static firstboot binary: as given, or next to this program.
pub fn firstboot_binary(given: Option<&Path>) -> Result<Firstboot> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()
            .or_environment(|| "this program's own path is unknown".to_owned())?
            .with_file_name("firstboot"),
    };
    let hint = "build it with `cargo build --release` in imgbuild's source, or name it by --firstboot FILE";
    let bytes = read_regular(&path, MAX_BYTES).map_err(|e| {
        Error::environment(format!("cannot read firstboot at {}: {e}", path.display())).hint(hint)
    })?;
    match is_static(&bytes) {
        Some(true) => Ok(Firstboot {
            path,
            size: bytes.len() as u64,
            sha256: hex::encode(Sha256::digest(&bytes)),
        }),
        Some(false) => Err(Error::environment(format!(
            "{} is linked dynamically; EL7's libraries are too old for it",
            path.display()
        ))
        .hint(hint)),
        None => Err(Error::environment(format!("{} is not an x86_64 ELF program", path.display()))
            .hint(hint)),
    }
}

/// Whether an ELF64 program asks for no dynamic loader (no PT_INTERP; ELF specification).
fn is_static(elf: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    let u16_at = |at: usize| Some(u16::from_le_bytes(elf.get(at..at + 2)?.try_into().ok()?));
    let is_x86_64 = elf.starts_with(b"\x7fELF\x02\x01") && u16_at(18)? == 62;
    let headers = usize::try_from(u64::from_le_bytes(elf.get(32..40)?.try_into().ok()?)).ok()?;
    let (size, count) = (usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    let kind = |n: usize| {
        let at = headers.checked_add(n.checked_mul(size)?)?;
        Some(u32::from_le_bytes(elf.get(at..at.checked_add(4)?)?.try_into().ok()?))
    };
    is_x86_64.then(|| (0..count).all(|n| kind(n) != Some(PT_INTERP)))
}

/// What the node files need to know of the plan.
///
/// # Errors
/// When a key for the nodes cannot be had.
pub fn facts(context: &BuildContext) -> Result<Facts> {
    let BuildContext { catalog, plan, spec, access, .. } = context;
    let counted = plan::assign(&spec.repositories, &catalog.repos);
    let keys = match plan.practice {
        true => BTreeMap::new(),
        false => keys::node_keys(&spec.repositories, catalog, &access.network)?,
    };
    Ok(Facts {
        packages: counted.into_iter().map(|(lab, repo)| (lab.id.clone(), repo.packages)).collect(),
        plan: plan.digest(),
        keys,
        practice: plan.practice,
    })
}

/// Puts what all nodes of the role share into the tree. Returns what the user should know.
pub fn role(
    context: &BuildContext,
    firstboot: &Firstboot,
    facts: &Facts,
    tree: &mut Tree,
) -> Result<Vec<String>> {
    let time = context.plan.time;
    disable_repositories(context, tree)?;
    for file in node::role_files(&context.spec, facts) {
        tree.put(file.tree_path(), file.entry(time));
    }
    tree.put(assets::BINARY_PATH.trim_start_matches('/'), firstboot.entry(time));
    put_assets(time, tree);
    accounts(context, tree)
}

/// Puts firstboot's units into the tree, enabled, and what shows its status at a login.
pub fn put_assets(time: i64, tree: &mut Tree) {
    let path = |absolute: &'static str| absolute.trim_start_matches('/');
    for (place, text, link) in [
        (assets::UNIT_PATH, assets::UNIT, assets::UNIT_LINK),
        (assets::PEERS_UNIT_PATH, assets::PEERS_UNIT, assets::PEERS_UNIT_LINK),
        (assets::WATCH_UNIT_PATH, assets::WATCH_UNIT, assets::WATCH_UNIT_LINK),
    ] {
        tree.put(path(place), Entry::new(0o644, time, Content::Bytes(text.into())));
        tree.put(path(link), Entry::new(0o777, time, Content::Symlink(place.into())));
    }
    let login = Entry::new(0o644, time, Content::Bytes(assets::LOGIN.into()));
    tree.put(path(assets::LOGIN_PATH), login);
}

/// Switches the distribution's own repositories off where the lab has some for its nodes: a lab
/// has no way to them, and one that does not answer stops yum, and with it packstack, for the
/// others as well. `%post` and `repo --install` come later and may have their own.
fn disable_repositories(context: &BuildContext, tree: &mut Tree) -> Result<()> {
    if context.spec.repositories.iter().all(|repository| repository.baseurl.is_none()) {
        return Ok(());
    }
    let is_file = |name: &[u8]| name.starts_with(b"etc/yum.repos.d/") && name.ends_with(b".repo");
    for (name, entry) in tree.entries.iter_mut().filter(|(name, _)| is_file(name)) {
        if !matches!(entry.content, Content::File { .. } | Content::Bytes(_)) {
            continue;
        }
        let bytes = entry
            .read(LARGEST)
            .or_build(|| format!("cannot read the image's /{}", String::from_utf8_lossy(name)))?;
        entry.content = Content::Bytes(node::disable_repositories(&bytes));
    }
    Ok(())
}

/// Puts what makes one node into the tree, its secrets too. Returns which of these files `%post`
/// changed, when what it wrote is lost; `before` is the tree before it.
pub fn identity(
    context: &BuildContext,
    node: &LabNode,
    facts: &Facts,
    secrets: &NodeSecrets,
    before: Option<&Tree>,
    tree: &mut Tree,
) -> Result<Vec<String>> {
    let authorized = read_text(tree, node_files::AUTHORIZED_KEYS.trim_start_matches('/'))?;
    let files = node::identity_files(&context.spec, node, facts)?;
    let mut lost = Vec::new();
    for file in files.into_iter().chain(secrets::node_files::files(secrets, &authorized)) {
        if before.is_some_and(|before| is_lost(&file, before, tree).unwrap_or(true)) {
            lost.push(file.path.clone());
        }
        tree.put(file.tree_path(), file.entry(context.plan.time));
    }
    Ok(lost)
}

/// Whether `file` replaces what `%post` changed in `after`, and does not keep it.
fn is_lost(file: &NodeFile, before: &Tree, after: &Tree) -> Result<bool> {
    let (old, new) = (content(before, file.tree_path())?, content(after, file.tree_path())?);
    let keeps = |new: &[u8]| match &file.content {
        Content::Bytes(bytes) => bytes.starts_with(new),
        _ => true,
    };
    Ok(old != new && new.is_some_and(|new| !keeps(&new)))
}

/// The bytes of a file of the tree.
fn content(tree: &Tree, path: &str) -> Result<Option<Vec<u8>>> {
    let Some(entry) = tree.get(path) else { return Ok(None) };
    entry.read(LARGEST).or_build(|| format!("cannot read the image's /{path}")).map(Some)
}

/// Interfaces of which `%post` wrote the file and that cannot come up do not start at boot.
/// Returns what the user should know; `before` is the tree before `%post`.
pub fn leave_interfaces_down(
    context: &BuildContext,
    before: &Tree,
    tree: &mut Tree,
) -> Result<Vec<String>> {
    let lab = &context.spec.network.interface;
    let prefix = node_files::ifcfg_path("");
    let named = |(name, entry): (&Vec<u8>, &Entry)| {
        let is_file = matches!(entry.content, Content::File { .. } | Content::Bytes(_));
        let name = String::from_utf8(name.clone()).ok().filter(|_| is_file)?;
        name.starts_with(prefix.trim_start_matches('/')).then_some(name)
    };
    let mut notes = Vec::new();
    for path in tree.entries.iter().filter_map(named).collect::<Vec<_>>() {
        let new = content(tree, &path)?;
        let Some(bytes) =
            new.filter(|new| content(before, &path).ok().flatten().as_ref() != Some(new))
        else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        if let (Some((text, why)), Some(entry)) =
            (node::network::leave_down(&text, lab), tree.entries.get_mut(path.as_bytes()))
        {
            entry.content = Content::Bytes(text.into());
            notes.push(format!(
                "warning: /{path}, which %post wrote, is of an interface that does not start at \
                 boot: {why}"
            ));
        }
    }
    Ok(notes)
}

/// Puts the keys of `sshkey` into the homes of accounts, root's excepted.
pub fn ssh_keys(context: &BuildContext, tree: &mut Tree) -> Result<()> {
    let passwd = read_text(tree, "etc/passwd")?;
    let keys = &context.spec.kickstart.ssh_keys;
    let files = ssh_keys::files(keys, &passwd, context.plan.time)
        .or_input(|| "the kickstart's accounts".to_owned())?;
    for (path, entry) in files {
        tree.put(&path, entry);
    }
    Ok(())
}

/// `rootpw`, `user` and `group`, worked into the account files that the packages left. Returns
/// what is left as it was.
fn accounts(context: &BuildContext, tree: &mut Tree) -> Result<Vec<String>> {
    let read = |path: &str| read_text(tree, path);
    let files = AccountFiles {
        passwd: read("etc/passwd")?,
        group: read("etc/group")?,
        shadow: read("etc/shadow")?,
        gshadow: read("etc/gshadow")?,
    };
    let Accounts { files, homes, notes } = accounts::apply(files, &context.spec.kickstart)
        .or_input(|| "the kickstart's accounts".to_owned())?;
    let time = context.plan.time;
    for (path, text, mode) in [
        ("etc/passwd", files.passwd, 0o644),
        ("etc/group", files.group, 0o644),
        ("etc/shadow", files.shadow, 0),
        ("etc/gshadow", files.gshadow, 0),
    ] {
        // Owner and mode stay what the packages gave; Debian's shadow has a group of its own.
        let mut entry =
            tree.get(path).cloned().unwrap_or_else(|| Entry::new(mode, time, Content::Dir));
        entry.content = Content::Bytes(text.into_bytes());
        if !(path.ends_with("gshadow") && entry.size() == 0) {
            tree.put(path, entry);
        }
    }
    Ok(notes.into_iter().chain(create_homes(tree, &homes, time)).collect())
}

fn read_text(tree: &Tree, path: &str) -> Result<String> {
    let Some(entry) = tree.get(path) else { return Ok(String::new()) };
    let what = || format!("cannot read the image's /{path}");
    String::from_utf8(entry.read(LARGEST).or_build(what)?).or_build(what)
}

/// The menu's title: the system's own name.
pub fn title(tree: &Tree) -> Result<String> {
    let text = match read_text(tree, "usr/lib/os-release")? {
        text if text.is_empty() => read_text(tree, "etc/os-release")?,
        text => text,
    };
    let name = text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux");
    Ok(name.trim_matches(['"', '\'']).replace(['\'', '\\', '{', '}'], ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_and_dynamic_programs_are_told_apart() {
        assert_eq!(is_static(b"#!/bin/sh\n"), None);
        assert_eq!(is_static(&std::fs::read("/bin/sh").unwrap()), Some(false));
    }
}
