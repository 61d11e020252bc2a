//! The order of what a build writes, from strace(1): what has a name must be on the disk before,
//! and the name after.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// System calls that matter.
pub const CALLS: &str =
    "rename,renameat,renameat2,link,linkat,fsync,fdatasync,syncfs,mkdir,mkdirat";

/// One of them that succeeded.
#[derive(Debug, PartialEq)]
enum Event {
    Rename(PathBuf, PathBuf),
    Sync(PathBuf),
    SyncAll,
    Directory(PathBuf),
}

/// Checks what happened below `root`. Downloads in the cache are left out: their name is their
/// checksum, which is compared whenever they are used.
pub fn check(trace: &Path, root: &Path) {
    let text = fs::read_to_string(trace).expect("trace");
    let events = events(&text);
    let ours = |path: &Path| path.starts_with(root);
    let mut renamed = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let (before, after) = (&events[..at], &events[at..]);
        match event {
            Event::Rename(from, to) if ours(to) && !checked(root, to) => {
                let whole = |e: &Event| *e == Event::Sync(from.clone()) || *e == Event::SyncAll;
                assert!(before.iter().any(whole), "{to:?} was renamed before it was on the disk");
                named(to, after);
                renamed.push(to.clone());
            }
            Event::Directory(path) if ours(path) && !temporary(root, path) => named(path, after),
            _ => {}
        }
    }
    let has = |part: &str| renamed.iter().filter(|p| p.to_string_lossy().contains(part)).count();
    assert_eq!(has("/new/out/"), 9, "{renamed:?}");
    assert!(has("/secrets/") >= 8 && has("/cache/trees/") >= 1, "{renamed:?}");
}

fn named(path: &Path, after: &[Event]) {
    let parent = path.parent().expect("a parent").to_owned();
    assert!(
        after.contains(&Event::Sync(parent)),
        "the name {} was never made durable",
        path.display()
    );
}

/// Whether it is compared with its checksum whenever it is used.
fn checked(root: &Path, path: &Path) -> bool {
    ["cache/packages", "cache/metadata"].iter().any(|part| path.starts_with(root.join(part)))
}

/// Whether it is in a directory that is renamed as a whole, or gone after the build; or in a
/// tree, where the sandbox mounts filesystems of its own.
fn temporary(root: &Path, path: &Path) -> bool {
    let trees = root.join("cache/trees");
    if path.parent().is_some_and(|parent| parent != trees && parent.starts_with(&trees)) {
        return true;
    }
    let names = path.components().map(|c| c.as_os_str().to_string_lossy().into_owned());
    let prefixes = [".imgbuild-", "partial-", ".secrets-", "bootstrap-"];
    names.into_iter().any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
}

/// The calls that succeeded, in the order in which they ended.
fn events(trace: &str) -> Vec<Event> {
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut events = Vec::new();
    for line in trace.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(process, start.to_owned());
            continue;
        }
        let whole = match call.strip_prefix("<... ").and_then(|c| c.split_once(" resumed>")) {
            Some((_, end)) => begun.remove(process).unwrap_or_default() + end,
            None => call.to_owned(),
        };
        events.extend(event(&whole));
    }
    events
}

fn event(call: &str) -> Option<Event> {
    let (head, _) = call.rsplit_once(" = 0")?;
    let (name, arguments) = head.split_once('(')?;
    let quoted: Vec<&str> = arguments.split('"').skip(1).step_by(2).collect();
    match name {
        "rename" | "renameat" | "renameat2" => {
            Some(Event::Rename(PathBuf::from(quoted.first()?), PathBuf::from(quoted.get(1)?)))
        }
        "fsync" | "fdatasync" => {
            let path = arguments.split_once('<')?.1.rsplit_once('>')?.0;
            Some(Event::Sync(PathBuf::from(path)))
        }
        "syncfs" => Some(Event::SyncAll),
        "mkdir" | "mkdirat" => Some(Event::Directory(PathBuf::from(quoted.first()?))),
        _ => None,
    }
}

#[test]
fn traces_are_read() {
    let trace = "7 fsync(3</a/.tmp> <unfinished ...>\n8 mkdir(\"/a/b\", 0777) = 0\n\
        7 <... fsync resumed>) = 0\n7 renameat2(AT_FDCWD</>, \"/a/.tmp\", AT_FDCWD</>, \"/a/f\", \
        RENAME_NOREPLACE) = 0\n7 mkdir(\"/a\", 0777) = -1 EEXIST (File exists)\n7 syncfs(4</a>) = 0\n";
    let path = PathBuf::from;
    let expected = [
        Event::Directory(path("/a/b")),
        Event::Sync(path("/a/.tmp")),
        Event::Rename(path("/a/.tmp"), path("/a/f")),
        Event::SyncAll,
    ];
    assert_eq!(events(trace), expected);
}
