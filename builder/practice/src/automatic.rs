//! The dependencies that rpmbuild adds by itself: the package's own name, the features of rpm that
//! its file needs, interpreters of scriptlets, owners of files, and users that sysusers.d(5)
//! files make. Source: rpm's `build/rpmfc.c`, `build/parsePreamble.c` and
//! <https://rpm.org/docs/latest/manual/users_and_groups.html>.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use formats::rpmfile::{Dependency, FileDependency, RpmPackage, When, flag, sense};
use std::collections::BTreeSet;

/// What offers and what needs are called among the dependencies of files.
const OFFER: u8 = b'P';
const NEED: u8 = b'R';

/// Completes the dependencies of `package` and sorts them. `evr` is its own version, `contents`
/// are its files' bytes. Returns which dependencies files are the reason for.
pub fn add(package: &mut RpmPackage, evr: &str, contents: &[&[u8]]) -> Vec<FileDependency> {
    add_own_names(package, evr);
    add_features(package);
    add_owners(package);
    let of_files = sysusers(package, contents);
    for (_, kind, dependency) in &of_files {
        let list = if *kind == OFFER { &mut package.provides } else { &mut package.requires };
        list.push(dependency.clone());
    }
    add_interpreters(package);
    let RpmPackage { provides, requires, obsoletes, recommends, .. } = package;
    for list in [&mut *provides, &mut *requires, obsoletes, recommends] {
        list.sort_by(|a, b| (&a.name, &a.version, a.flags).cmp(&(&b.name, &b.version, b.flags)));
    }
    let place = |(file, kind, dependency): &(usize, u8, Dependency)| {
        let list = if *kind == OFFER { &*provides } else { &*requires };
        let position = list.iter().position(|one| one == dependency)?;
        Some(FileDependency { file: *file, kind: *kind, position })
    };
    of_files.iter().filter_map(place).collect()
}

fn add_own_names(package: &mut RpmPackage, evr: &str) {
    let RpmPackage { name, arch, provides, requires, files, .. } = package;
    provides.push(Dependency::versioned(name.clone(), sense::EQUAL, evr));
    if arch == "x86_64" {
        provides.push(Dependency::versioned(format!("{name}(x86-64)"), sense::EQUAL, evr));
    }
    if files.iter().any(|file| file.is(flag::CONFIG)) {
        let flags = sense::CONFIG | sense::EQUAL;
        let config = Dependency::versioned(format!("config({name})"), flags, evr);
        provides.push(config.clone());
        requires.push(config);
    }
}

/// Features, each with the version of rpm that brought it.
fn add_features(package: &mut RpmPackage) {
    let mut features = vec![
        ("CompressedFileNames", "3.0.4-1"),
        ("FileDigests", "4.6.0-1"),
        ("PayloadFilesHavePrefix", "4.0-1"),
        ("PayloadIsZstd", "5.4.18-1"),
    ];
    if package.files.iter().any(|file| !file.capabilities.is_empty()) {
        features.push(("FileCaps", "4.6.1-1"));
    }
    let flags = sense::RPMLIB | sense::LESS | sense::EQUAL;
    let feature =
        |(name, version)| Dependency::versioned(format!("rpmlib({name})"), flags, version);
    package.requires.extend(features.into_iter().map(feature));
}

/// A user or a group, needed before the package's files.
fn account(kind: &str, name: &str) -> Dependency {
    Dependency::any(format!("{kind}({name})"), sense::SCRIPT_PRE | sense::SCRIPT_POSTUN)
}

fn add_owners(package: &mut RpmPackage) {
    let RpmPackage { files, recommends, .. } = package;
    let users: BTreeSet<_> = files.iter().map(|file| &file.user).collect();
    let groups: BTreeSet<_> = files.iter().map(|file| &file.group).collect();
    for (kind, names) in [("user", users), ("group", groups)] {
        let others = names.into_iter().filter(|name| *name != "root");
        recommends.extend(others.map(|name| account(kind, name)));
    }
}

/// What the sysusers.d(5) files of a package offer and need; of each file, first what has a
/// version.
fn sysusers(package: &RpmPackage, contents: &[&[u8]]) -> Vec<(usize, u8, Dependency)> {
    let mut found = Vec::new();
    for (n, (file, content)) in package.files.iter().zip(contents).enumerate() {
        if file.path.starts_with(b"/usr/lib/sysusers.d/") && file.path.ends_with(b".conf") {
            let text = String::from_utf8_lossy(content);
            let all = text.lines().flat_map(sysusers_line);
            let (versioned, bare): (Vec<_>, Vec<_>) =
                all.partition(|(_, one)| one.flags & sense::EQUAL != 0);
            found.extend(versioned.into_iter().chain(bare).map(|(kind, one)| (n, kind, one)));
        }
    }
    found
}

/// A user, a group or a membership; its line is the version.
fn sysusers_line(line: &str) -> Vec<(u8, Dependency)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let mut padded = fields.join(" ").into_bytes();
    // No padding in the encoded form, as `=` cannot be in a version.
    padded.resize(padded.len().next_multiple_of(3), 0);
    let version = BASE64_STANDARD_NO_PAD.encode(padded);
    let offer = |name: String| {
        (OFFER, Dependency::versioned(name, sense::EQUAL | sense::FIND_PROVIDES, version.clone()))
    };
    match fields[..] {
        ["u" | "u!", name, ..] => vec![
            offer(format!("user({name})")),
            (OFFER, Dependency::any(format!("group({name})"), sense::FIND_PROVIDES)),
        ],
        ["g", name, ..] => vec![offer(format!("group({name})"))],
        ["m", name, group, ..] => vec![
            offer(format!("groupmember({name}/{group})")),
            (NEED, account("user", name)),
            (NEED, account("group", group)),
        ],
        _ => Vec::new(),
    }
}

fn add_interpreters(package: &mut RpmPackage) {
    for scriptlet in &package.scriptlets {
        let phase = match scriptlet.when {
            When::Pre => sense::SCRIPT_PRE,
            When::Post => sense::SCRIPT_POST,
            When::Preun => sense::SCRIPT_PREUN,
            When::Postun => sense::SCRIPT_POSTUN,
            When::Posttrans => sense::POSTTRANS,
            // The medium's packages have no others.
            When::Pretrans | When::Verify => continue,
        };
        let program = scriptlet.program.first().cloned().unwrap_or_default();
        let need = Dependency::any(program, sense::INTERPRETER | phase);
        if !package.requires.contains(&need) {
            package.requires.push(need);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysusers_lines_are_what_they_make() {
        let printed = |line: &str| -> Vec<String> {
            sysusers_line(line).iter().map(|(_, one)| one.to_string()).collect()
        };
        // printf 'g x 5\0' | base64
        assert_eq!(printed("g  x\t5"), ["group(x) = ZyB4IDUA"]);
        assert_eq!(printed("u a 1").len(), 2);
        assert_eq!(printed("u a 1")[1], "group(a)");
        let member = printed("m a b");
        assert!(member[0].starts_with("groupmember(a/b) = "), "{member:?}");
        assert_eq!(member[1..], ["user(a)", "group(b)"]);
        for nothing in ["", "# u a", "r - 5", "u", "m a"] {
            assert_eq!(printed(nothing), [""; 0], "{nothing}");
        }
    }
}
