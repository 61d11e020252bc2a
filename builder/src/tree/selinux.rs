//! SELinux labels from the target's own policy: its `file_contexts` say which context each
//! path gets, as libselinux (selabel_file(5), `label_file.c` of 2.5) reads them. The labels
//! go into the tree as `security.selinux`, so that no node relabels itself.

mod kind;
pub mod spec;

pub use kind::SeFileKind;

use crate::base::error::{Context, Result};
use crate::tree;
use formats::tree::{Content, Tree};
use rayon::prelude::*;
use spec::{Spec, Substitutions};
use std::path::Path;

/// The extended attribute that holds a label.
pub const XATTR: &[u8] = b"security.selinux";

/// Asks for a relabelling at boot (`selinux-autorelabel.service`); nothing is left to relabel.
const AUTORELABEL: &[u8] = b".autorelabel";

/// Bytes that a file of a policy has at most; EL7's largest has half a MiB.
const LARGEST: u64 = 64 << 20;

/// The policy that `/etc/selinux/config` names when it names none (libselinux, `selinux_config.c`).
const DEFAULT_TYPE: &str = "targeted";

/// A policy's file contexts.
#[derive(Debug, Default)]
pub struct Contexts {
    /// In the order of precedence: the first that matches decides.
    specs: Vec<Spec>,
    local: Substitutions,
    distribution: Substitutions,
}

impl Contexts {
    /// Reads those of the policy that the tree in the directory `root` is configured for;
    /// `None` when it has no policy.
    ///
    /// # Errors
    /// A build error with file and line.
    pub fn of_tree(root: &Path) -> Result<Option<Self>> {
        let config = read(root, "etc/selinux/config")?.unwrap_or_default();
        let policy = config
            .lines()
            .find_map(|line| line.trim().strip_prefix("SELINUXTYPE="))
            .map_or(DEFAULT_TYPE, str::trim);
        Self::read(root, &format!("etc/selinux/{policy}/contexts/files/file_contexts"))
    }

    /// Reads the file `base` below `root` with those next to it: `.homedirs`, `.local`, `.subs`
    /// and `.subs_dist`. The `.bin` files hold the same, compiled. `None` without `base`.
    ///
    /// # Errors
    /// A build error with file and line.
    pub fn read(root: &Path, base: &str) -> Result<Option<Self>> {
        let Some(main) = read(root, base)? else { return Ok(None) };
        let mut specs = spec::parse(&main, base)?;
        for part in ["homedirs", "local"] {
            let name = format!("{base}.{part}");
            specs.extend(spec::parse(&read(root, &name)?.unwrap_or_default(), &name)?);
        }
        // The last one that matches decides, and those without metacharacters before all others.
        specs.reverse();
        specs.sort_by_key(|spec| !spec.fixed);
        let substitutions = |part: &str| -> Result<Substitutions> {
            let text = read(root, &format!("{base}.{part}"))?.unwrap_or_default();
            Ok(Substitutions::parse(&text))
        };
        let (local, distribution) = (substitutions("subs")?, substitutions("subs_dist")?);
        Ok(Some(Self { specs, local, distribution }))
    }

    /// The context of an absolute path; `None` where the policy gives none.
    pub fn lookup(&self, path: &[u8], kind: SeFileKind) -> Option<&str> {
        let local = self.local.apply(path);
        let distribution = self.distribution.apply(local.as_deref().unwrap_or(path));
        let path = distribution.as_deref().or(local.as_deref()).unwrap_or(path);
        let spec = self.specs.iter().find(|spec| spec.matches(path, kind))?;
        spec.context.as_deref()
    }

    /// Labels every entry of the tree.
    pub fn label(&self, tree: &mut Tree) {
        tree.entries.remove(AUTORELABEL);
        tree.entries.par_iter_mut().for_each(|(path, entry)| {
            let Some(kind) = kind(&entry.content) else { return };
            let absolute: Vec<u8> = b"/".iter().chain(path).copied().collect();
            match self.lookup(&absolute, kind) {
                Some(context) => {
                    let value = context.bytes().chain([0]).collect();
                    entry.xattrs.insert(XATTR.to_vec(), value);
                }
                None => drop(entry.xattrs.remove(XATTR)),
            }
        });
    }
}

/// `None` for a further name of a file: the label is the file's.
fn kind(content: &Content) -> Option<SeFileKind> {
    Some(match content {
        Content::Dir => SeFileKind::Directory,
        Content::File { .. } | Content::Bytes(_) => SeFileKind::File,
        Content::Symlink(_) => SeFileKind::Link,
        Content::CharDevice { .. } => SeFileKind::CharDevice,
        Content::BlockDevice { .. } => SeFileKind::BlockDevice,
        Content::Fifo => SeFileKind::Fifo,
        Content::Socket => SeFileKind::Socket,
        Content::Hardlink(_) => return None,
    })
}

/// A text file of the tree; `None` where there is none.
fn read(root: &Path, name: &str) -> Result<Option<String>> {
    let Some(bytes) = tree::read_file(root, name, LARGEST)? else { return Ok(None) };
    String::from_utf8(bytes).or_build(|| format!("cannot read the image's /{name}")).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::tree::Entry;
    use std::fs;

    fn contexts(files: &[(&str, &str)]) -> Contexts {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(root.path().join(name), text).unwrap();
        }
        Contexts::read(root.path(), "fc").unwrap().unwrap()
    }

    #[test]
    fn the_last_match_decides_and_fixed_paths_before_all() {
        let contexts = contexts(&[
            (
                "fc",
                "/etc/passwd -- fixed\n/etc(/.*)? etc\n/etc/p.* -- p\n/etc/none(/.*)? <<none>>\n",
            ),
            ("fc.local", "/etc/x -l link\n"),
            ("fc.subs", "/opt/etc /etc\n"),
        ]);
        let file = |path: &str| contexts.lookup(path.as_bytes(), SeFileKind::File);
        assert_eq!(file("/etc/passwd"), Some("fixed"));
        assert_eq!(file("/etc/profile"), Some("p"));
        assert_eq!(file("/etc/x"), Some("etc"));
        assert_eq!(file("/etc/none/x"), None);
        assert_eq!(file("/opt/etc/passwd"), Some("fixed"));
        assert_eq!(file("/opt/etcetera"), None);
        assert_eq!(contexts.lookup(b"/etc/x", SeFileKind::Link), Some("link"));
        assert_eq!(contexts.lookup(b"/etc/p", SeFileKind::Directory), Some("etc"));
    }

    #[test]
    fn labels_end_with_nul_and_nothing_relabels() {
        let contexts = contexts(&[("fc", "/.* all\n/tmp/.* <<none>>\n")]);
        let mut tree = Tree::default();
        tree.put("tmp/x", Entry::new(0o644, 0, Content::Bytes(Vec::new())));
        tree.put(".autorelabel", Entry::new(0o644, 0, Content::Bytes(Vec::new())));
        contexts.label(&mut tree);
        assert_eq!(tree.get("tmp").unwrap().xattrs[XATTR], b"all\0");
        assert!(tree.get("tmp/x").unwrap().xattrs.is_empty());
        assert!(tree.get(".autorelabel").is_none());
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("fc"), "# x\n/a -q b\n").unwrap();
        let error = Contexts::read(root.path(), "fc").unwrap_err();
        assert_eq!(error.message, "the image's /fc:2: `-q` is not a file type");
        assert!(Contexts::read(root.path(), "absent").unwrap().is_none());
    }
}
