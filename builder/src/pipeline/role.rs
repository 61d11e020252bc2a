//! Installed tree + the role's files + `%post` → the tree that the role's nodes share.

use super::context::BuildContext;
use super::names;
use super::options::BuildOptions;
use super::overlay::{self, Firstboot};
use super::reporter::Reporter;
use super::sources;
use crate::base::error::{Context as _, Error, Result};
use crate::base::progress::Unit;
use crate::image::output::require_space;
use crate::packages::cache;
use crate::packages::media::{MountedMedium, fingerprint};
use crate::plan::boot_config::Settings;
use crate::plan::node;
use crate::tree;
use crate::tree::bootloader;
use crate::tree::install::{self, Scripts, place};
use crate::tree::selinux::Contexts;
use formats::tree::{Content, Entry, Tree};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Changes whenever the same tree and scripts would create another one.
const FORMAT: u32 = 1;

/// The tree that a role's nodes share.
pub struct Role {
    /// Its directory, where the target's programs run.
    pub root: PathBuf,
    /// All of it except the ESP.
    pub tree: Tree,
    /// The tree before `%post`, if there is one.
    pub before: Option<Tree>,
    /// The ESP.
    pub esp: Tree,
    /// The policy's labels, if there is a policy.
    pub contexts: Option<Contexts>,
}

/// Stages of `%post`.
const OF_SCRIPTS: u64 = 2;

/// Stages that [`make`] reports or skips.
pub fn stages(context: &BuildContext) -> u64 {
    if context.scripts.is_empty() { 1 } else { 1 + OF_SCRIPTS }
}

/// Creates it from the installed tree in `directory`.
///
/// # Errors
/// A build error, of a failed `%post` too; an input error of the kickstart's accounts.
pub fn make(
    options: &BuildOptions,
    context: &BuildContext,
    directory: &Path,
    firstboot: &Firstboot,
    reporter: &mut Reporter<'_>,
) -> Result<Role> {
    let plan = &context.plan;
    let facts = overlay::facts(context)?;
    reporter.progress.stage("reading the installed tree", Unit::Steps);
    let mut root = directory.join(place::ROOT);
    let mut tree = tree::scan(&root, plan.time)?;
    for note in overlay::role(context, firstboot, &facts, &mut tree)? {
        reporter.report(&note);
    }
    overlay::ssh_keys(context, &mut tree)?;
    names::check(&context.spec.kickstart, &tree, &root)?;
    let settings = Settings {
        title: overlay::title(&tree)?,
        arguments: plan.arguments.clone(),
        timeout: plan.timeout,
        time: plan.time,
        password: context.spec.kickstart.bootloader.password.clone(),
    };
    bootloader::install(&mut tree, &plan.disk, &settings)?;
    let mut before = None;
    if !context.scripts.is_empty() {
        if let Some(node) = context.spec.nodes.first() {
            for file in node::lab_files(&node::wire_spec(&context.spec, node, &facts)) {
                tree.put(file.tree_path(), file.entry(plan.time));
            }
        }
        let digest = digest(context, firstboot, &root, &tree)?;
        let made = scripted(options, context, &digest, &tree, reporter)?;
        root = made.join(place::ROOT);
        let old = std::mem::replace(&mut tree, tree::scan(&root, plan.time)?);
        for note in overlay::leave_interfaces_down(context, &old, &mut tree)? {
            reporter.report(&note);
        }
        before = Some(old);
        bootloader::kernel(&tree)?;
    }
    let contexts = Contexts::of_tree(&root)?;
    refuse_enforcing(&tree)?;
    let esp = bootloader::take_esp(&mut tree, &plan.disk, plan.time);
    Ok(Role { root, tree, before, esp, contexts })
}

/// Bytes of a file of the tree that is read whole.
const LARGEST: u64 = 64 << 20;

/// Without a compiled policy, systemd stops a node that is to enforce one
/// (`mac_selinux_setup` in systemd's selinux-setup.c).
fn refuse_enforcing(tree: &Tree) -> Result<()> {
    const CONFIG: &str = "etc/selinux/config";
    let config = bytes(tree, CONFIG)?.unwrap_or_default();
    let config = String::from_utf8_lossy(&config).into_owned();
    let value = |key: &str| config.lines().find_map(|line| line.trim().strip_prefix(key));
    if !value("SELINUX=").is_some_and(|mode| mode.eq_ignore_ascii_case("enforcing")) {
        return Ok(());
    }
    let policy =
        format!("etc/selinux/{}/policy/policy.", value("SELINUXTYPE=").unwrap_or_default());
    if tree.entries.keys().any(|name| name.starts_with(policy.as_bytes())) {
        return Ok(());
    }
    Err(Error::input(format!(
        "/{CONFIG} of the image asks for SELinux to be enforced, but no compiled policy ({policy}*) is installed: \
         the node would stop at its start"
    ))
    .hint("add selinux-policy-targeted to %packages, or write selinux --permissive"))
}

/// The directory of the tree after `%post`: from the cache, or a copy of `tree` that the scripts
/// have run in. rpm does not run for it.
fn scripted(
    options: &BuildOptions,
    context: &BuildContext,
    digest: &str,
    tree: &Tree,
    reporter: &mut Reporter<'_>,
) -> Result<PathBuf> {
    let trees = options.select.trees();
    if trees.has(digest) {
        reporter.progress.note("tree with %post done from the cache; the scripts do not run");
    } else {
        let size = tree.entries.values().map(Entry::size).sum();
        cache::require_writable(&options.select.cache, "the tree after %post")?;
        require_space(&options.select.cache, size, "a copy of the installed tree for %post")?;
    }
    context.access.network.cache.use_entry(&trees.place(digest))?;
    let mut run = false;
    let place = trees.get(digest, |directory| {
        run = true;
        let root = directory.join(place::ROOT);
        fs::create_dir(&root).or_build(|| format!("cannot write to {}", directory.display()))?;
        reporter.progress.stage("copying the installed tree for %post", Unit::Bytes);
        let total = tree.entries.values().map(Entry::size).sum();
        tree::write(tree, &root, &mut |done| reporter.progress.at(done, total, ""))?;
        reporter.progress.stage("running %post", Unit::Items);
        let medium = installer_medium(context);
        let medium = medium.map(|path| MountedMedium::open(&path, directory)).transpose()?;
        let post = Scripts {
            section: "%post",
            scripts: &context.scripts,
            limit: options.select.script_limit(),
            time: context.plan.time,
        };
        install::run_post(&post, &root, medium.as_ref().map(MountedMedium::path), reporter)
    })?;
    if !run {
        reporter.progress.skip(OF_SCRIPTS);
    }
    Ok(place)
}

/// The key of the tree after `%post`: the installed tree's, everything that is put over it,
/// and the scripts.
fn digest(
    context: &BuildContext,
    firstboot: &Firstboot,
    root: &Path,
    tree: &Tree,
) -> Result<String> {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    put(&FORMAT.to_le_bytes());
    put(context.plan.tree_digest().as_bytes());
    for (script, text) in &context.scripts {
        put(script.interpreter.as_bytes());
        put(&[u8::from(script.error_on_fail), u8::from(script.log.is_some())]);
        if script.nochroot {
            put(b"nochroot");
        }
        put(script.log.as_deref().unwrap_or_default().as_bytes());
        put(text.as_bytes());
    }
    if let Some(medium) = installer_medium(context) {
        let what = || format!("cannot read the medium {}", medium.display());
        put(&fingerprint(&medium).or_input(what)?);
    }
    for (name, entry) in &tree.entries {
        put(name);
        put(&entry.mode.to_le_bytes());
        put(&entry.uid.to_le_bytes());
        put(&entry.gid.to_le_bytes());
        put(&content(&entry.content, firstboot, root));
    }
    Ok(hex::encode(hash.finalize()))
}

/// The medium that an installer would have mounted, if a script looks for it: the first local one.
fn installer_medium(context: &BuildContext) -> Option<PathBuf> {
    if !context.scripts.iter().any(|(script, _)| script.nochroot) {
        return None;
    }
    sources::first_local(&context.plan.sources.media, &context.spec.repositories)
}

/// What tells a content from others; files of the installed tree are their path in it.
fn content(content: &Content, firstboot: &Firstboot, root: &Path) -> Vec<u8> {
    let kind = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let numbers = |major: u32, minor: u32| [major.to_le_bytes(), minor.to_le_bytes()].concat();
    match content {
        Content::Dir => kind(0, &[]),
        Content::File { path, .. } => match path.strip_prefix(root) {
            Ok(inside) => kind(1, inside.as_os_str().as_bytes()),
            Err(_) => kind(2, firstboot.sha256.as_bytes()),
        },
        Content::Bytes(bytes) => kind(3, bytes),
        Content::Symlink(target) => kind(4, target),
        Content::Hardlink(target) => kind(5, target),
        Content::CharDevice { major, minor } => kind(6, &numbers(*major, *minor)),
        Content::BlockDevice { major, minor } => kind(7, &numbers(*major, *minor)),
        Content::Fifo => kind(8, &[]),
        Content::Socket => kind(9, &[]),
    }
}

fn bytes(tree: &Tree, name: &str) -> Result<Option<Vec<u8>>> {
    let Some(entry) = tree.get(name) else { return Ok(None) };
    entry.read(LARGEST).or_build(|| format!("cannot read the image's /{name}")).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_not_there_cannot_be_enforced() {
        let put = |tree: &mut Tree, path: &str, text: &str| {
            tree.put(path, Entry::new(0o644, 0, Content::Bytes(text.into())));
        };
        let mut tree = Tree::default();
        refuse_enforcing(&tree).unwrap();
        put(&mut tree, "etc/selinux/config", "# x\nSELINUX=permissive\nSELINUXTYPE=targeted\n");
        refuse_enforcing(&tree).unwrap();
        put(&mut tree, "etc/selinux/config", "# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n");
        // The package's directory alone is not enough.
        put(&mut tree, "etc/selinux/targeted/contexts/files/file_contexts", "/.* x\n");
        let error = refuse_enforcing(&tree).unwrap_err().to_string();
        assert!(error.contains("etc/selinux/targeted/policy/policy."), "{error}");
        put(&mut tree, "etc/selinux/targeted/policy/policy.31", "");
        refuse_enforcing(&tree).unwrap();
    }
}
