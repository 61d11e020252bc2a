//! Labels from a real policy (Debian's selinux-policy-default), judged by libselinux.

use builder::tree::selinux::{Contexts, SeFileKind};
use lab_tests::oracle;
use std::collections::BTreeSet;
use std::path::Path;

const FILE_CONTEXTS: &str = "etc/selinux/default/contexts/files/file_contexts";

/// Paths of this machine, and for each specification of the policy some that it is about.
fn paths() -> Vec<String> {
    let found = oracle::ok("find", ["/etc", "/usr/bin", "/usr/lib/systemd", "/var", "-xdev"]);
    let mut paths: BTreeSet<String> =
        found.lines().filter(|line| !line.contains("//")).take(4000).map(str::to_owned).collect();
    let policy = std::fs::read_to_string(Path::new("/").join(FILE_CONTEXTS))
        .expect("Debian package selinux-policy-default");
    for expression in policy.lines().filter_map(|line| line.split_whitespace().next()) {
        for (rest, star) in [("/some/thing", "x"), ("", "")] {
            let mut path = expression.replace("(/.*)?", rest).replace("\\.", "\u{1}");
            for (from, to) in [("[^/]*", star), ("[^/]+", "one"), (".*", star), (".+", "more")] {
                path = path.replace(from, to);
            }
            let path = path.replace('\u{1}', ".");
            if path.starts_with('/') && !path.contains(['(', '[', '\\', '?', '+', '*', '|', '$']) {
                paths.insert(path);
            }
        }
    }
    paths.into_iter().filter(|p| !p.contains("//") && !p.ends_with('/')).collect()
}

#[test]
fn labels_are_those_of_libselinux() {
    let contexts = Contexts::read(Path::new("/"), FILE_CONTEXTS)
        .expect("the policy is understood")
        .expect("Debian package selinux-policy-default");
    let paths = paths();
    assert!(paths.len() > 5000, "{}", paths.len());
    let mut differing = Vec::new();
    for (name, kind) in [
        ("file", SeFileKind::File),
        ("dir", SeFileKind::Directory),
        ("lnk_file", SeFileKind::Link),
        ("sock_file", SeFileKind::Socket),
        ("chr_file", SeFileKind::CharDevice),
        ("blk_file", SeFileKind::BlockDevice),
        ("pipe", SeFileKind::Fifo),
    ] {
        for some in paths.chunks(2000) {
            let options = ["-n", "-N", "-m", name].map(str::to_owned);
            let printed = oracle::run("matchpathcon", options.iter().chain(some));
            let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
            assert_eq!(printed.lines().count(), some.len(), "one answer for each path");
            for (path, expected) in some.iter().zip(printed.lines()) {
                let ours = contexts.lookup(path.as_bytes(), kind).unwrap_or("<<none>>");
                if ours != expected {
                    differing.push(format!("{path} ({name}): {ours}, libselinux {expected}"));
                }
            }
        }
    }
    assert!(
        differing.is_empty(),
        "{} differ: {:#?}",
        differing.len(),
        &differing[..differing.len().min(20)]
    );
}
