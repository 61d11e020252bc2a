//! One tree → the trees of the filesystems that it is spread over.

use formats::tree::{Content, Entry, Tree};

/// Takes what is below each of `mounts` (absolute, outer ones first, `/` among them) out of
/// `tree`, and returns a tree for each in the same order. A mount point is a directory in both.
/// A name that leads to a file of another filesystem becomes a file of its own.
pub fn split(tree: &Tree, mounts: &[&str], time: i64) -> Vec<Tree> {
    let mut rest = tree.clone();
    let mut found: Vec<Tree> = Vec::new();
    // Inner ones first, so that each takes only what is left to it.
    for mount in mounts.iter().rev() {
        let path = mount.trim_matches('/');
        if path.is_empty() {
            found.push(std::mem::take(&mut rest));
            continue;
        }
        let point = match rest.get(path) {
            Some(entry) if entry.content == Content::Dir => entry.clone(),
            _ => Entry::new(0o755, time, Content::Dir),
        };
        rest.put(path, point.clone());
        let mut inner = Tree::default();
        inner.entries.insert(Vec::new(), point);
        let prefix = format!("{path}/").into_bytes();
        let below: Vec<Vec<u8>> = rest
            .entries
            .range(prefix.clone()..)
            .take_while(|(p, _)| p.starts_with(&prefix))
            .map(|(p, _)| p.clone())
            .collect();
        for name in below {
            if let Some(entry) = rest.entries.remove(&name) {
                inner.entries.insert(name[prefix.len()..].to_vec(), entry);
            }
        }
        found.push(inner);
    }
    found.reverse();
    for (part, mount) in found.iter_mut().zip(mounts) {
        keep_links_inside(part, tree, mount.trim_matches('/'));
    }
    found
}

fn keep_links_inside(part: &mut Tree, whole: &Tree, directory: &str) {
    let prefix =
        if directory.is_empty() { Vec::new() } else { format!("{directory}/").into_bytes() };
    let mut changes = Vec::new();
    for (name, entry) in &part.entries {
        let Content::Hardlink(target) = &entry.content else { continue };
        let inside =
            target.strip_prefix(prefix.as_slice()).filter(|t| part.entries.contains_key(*t));
        let change = match (inside, whole.entries.get(target)) {
            (Some(inside), _) => {
                Entry { content: Content::Hardlink(inside.to_vec()), ..entry.clone() }
            }
            (None, Some(file)) => file.clone(),
            (None, None) => continue,
        };
        changes.push((name.clone(), change));
    }
    part.entries.extend(changes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Entry {
        Entry::new(0o644, 1, Content::Bytes(text.into()))
    }

    #[test]
    fn each_filesystem_gets_its_part_and_links_stay_whole() {
        let mut tree = Tree::default();
        tree.put("etc/a", file("a"));
        tree.put("var/log/b", file("b"));
        tree.put("var/c", Entry::new(0, 1, Content::Hardlink(b"var/log/b".to_vec())));
        tree.put("var/log/d", Entry::new(0, 1, Content::Hardlink(b"var/log/b".to_vec())));
        let parts = split(&tree, &["/", "/data", "/var", "/var/log"], 1);
        let names = |tree: &Tree| -> Vec<String> {
            tree.entries.keys().map(|k| String::from_utf8_lossy(k).into_owned()).collect()
        };
        assert_eq!(names(&parts[0]), ["", "data", "etc", "etc/a", "var"]);
        assert_eq!(names(&parts[1]), [""]);
        assert_eq!(names(&parts[2]), ["", "c", "log"]);
        assert_eq!(names(&parts[3]), ["", "b", "d"]);
        assert_eq!(parts[2].get("c"), Some(&file("b")));
        assert_eq!(parts[3].get("d").unwrap().content, Content::Hardlink(b"b".to_vec()));
    }
}
