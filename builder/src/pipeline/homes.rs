//! The homes of the accounts that a kickstart creates.

use crate::plan::node::accounts::Home;
use formats::tree::Tree;

/// What a new home begins with (useradd(8)).
const SKELETON: &[u8] = b"etc/skel/";

/// Creates homes with what is in /etc/skel, owned by their users. A directory that exists already
/// stays as it is, so that no account gets the system's own. Returns what there is to say of those.
pub fn create_homes(tree: &mut Tree, homes: &[Home], time: i64) -> Vec<String> {
    let mut notes = Vec::new();
    for home in homes {
        let parts = home.path.split('/').filter(|part| !part.is_empty() && *part != ".");
        let path = parts.collect::<Vec<_>>().join("/");
        if let Some(entry) = tree.get(&path) {
            notes.push(format!(
                "the home {} exists already and stays as it is, with the owner {} and the mode {:04o}",
                home.path, entry.uid, entry.mode
            ));
            continue;
        }
        tree.put(&path, home.entry(time));
        let skeleton: Vec<_> = tree
            .entries
            .range(SKELETON.to_vec()..)
            .take_while(|(name, _)| name.starts_with(SKELETON))
            .map(|(name, entry)| {
                let mut entry = entry.clone();
                (entry.uid, entry.gid, entry.mtime) = (home.uid, home.gid, time);
                ([path.as_bytes(), b"/", &name[SKELETON.len()..]].concat(), entry)
            })
            .collect();
        tree.entries.extend(skeleton);
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::tree::{Content, Entry};

    #[test]
    fn a_home_has_the_skeleton_and_the_systems_directories_stay() {
        let mut tree = Tree::default();
        let file = |text: &str| Entry::new(0o644, 1, Content::Bytes(text.as_bytes().to_vec()));
        tree.put("etc/skel/.bashrc", file("alias"));
        tree.put("etc/skel/.config/x", file("x"));
        tree.put("etc/skeleton", file("other"));
        tree.put("tmp", Entry::new(0o1777, 1, Content::Dir));
        let home = |path: &str| Home { path: path.into(), uid: 1000, gid: 1001 };
        let homes = ["/home/ann", "//srv/./bob/", "/", "/tmp"].map(home);
        let notes = create_homes(&mut tree, &homes, 5);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[1].contains("/tmp exists already") && notes[1].contains("1777"), "{notes:?}");
        for path in ["home/ann", "home/ann/.bashrc", "home/ann/.config/x", "srv/bob/.bashrc"] {
            let entry = tree.get(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((entry.uid, entry.gid, entry.mtime), (1000, 1001, 5), "{path}");
        }
        assert_eq!(tree.get("home/ann").unwrap().mode, 0o700);
        assert_eq!((tree.get("").unwrap().uid, tree.get("tmp").unwrap().uid), (0, 0));
        assert!(tree.get("home/annton").is_none() && tree.get("home/ann/ton").is_none());
    }
}
