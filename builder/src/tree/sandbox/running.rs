//! What is running inside, as the host's /proc has it, for the user's information.

use std::collections::BTreeMap;
use std::fs;

/// Characters of a command line that are shown.
const WIDTH: usize = 100;

/// The command line of the newest process without children below the process `first`.
pub fn newest(first: u32) -> Option<String> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent(&stat) {
            parents.insert(id, parent);
        }
    }
    let mut at = first;
    // Two processes of imgbuild's own are above what runs in it.
    let mut depth = 0;
    while let Some((&child, _)) = parents.iter().rev().find(|&(&id, &p)| p == at && id != at) {
        at = child;
        depth += 1;
    }
    (depth >= 2).then(|| command(at)).flatten()
}

/// `PID (NAME) STATE PARENT …`; the name may have blanks and brackets (proc(5)).
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn command(id: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    let shown: String = text.trim().chars().filter(|c| !c.is_control()).take(WIDTH).collect();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents() {
        assert_eq!(parent("12 (a) b) (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent(""), None);
    }
}
