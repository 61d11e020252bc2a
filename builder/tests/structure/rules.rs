//! The rules, for the workspace as it is.

use super::graph::{circles, graph_of};
use super::measure::{functions, types};
use super::source::{members, modules, rust_files, workspace};
use super::text::{code_of, without_tests};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The wings of imgbuild: each imports only those before it.
const WINGS: [&str; 13] = [
    "base",
    "layout",
    "kickstart",
    "spec",
    "packages",
    "plan",
    "tree",
    "image",
    "lab",
    "provenance",
    "practice",
    "pipeline",
    "cli",
];
/// Most wings that a newcomer can be asked to look through.
const MAX_WINGS: usize = 14;
/// Crates that know nothing of the workspace's other crates.
const INDEPENDENT: [&str; 2] = ["builder/formats", "firstboot/contract"];
const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 60;
/// Most modules of one crate or another that may define a type of one name.
const MAX_SAME_NAME: usize = 3;
/// Modules that are still to move into a wing or a crate.
const MOVING: [&str; 6] = ["checksum", "format", "practice", "problem", "profile", "rpmfile"];
/// Circles, by the crate and one of their modules.
const KNOWN_CIRCLES: [(&str, &str); 19] = [
    ("builder", "kickstart"),
    ("builder", "kickstart::rules"),
    ("builder", "layout"),
    ("builder", "practice"),
    ("builder", "practice::names"),
    ("builder/formats", "ext4"),
    ("builder/formats", "iso9660"),
    ("builder/formats", "lvm2"),
    ("builder/formats", "qcow2"),
    ("builder/formats", "rpmfile"),
    ("builder/practice", ""),
    ("builder/practice", "names"),
    ("firstboot", "cli"),
    ("firstboot", "steps"),
    ("firstboot", "peers::answer"),
    ("firstboot", "peers::own"),
    ("firstboot", "run"),
    ("firstboot", "host"),
    ("firstboot/contract", "answers"),
];
/// Imports of a higher wing.
const KNOWN_CLIMBS: [(&str, &str); 2] = [("kickstart", "plan"), ("layout", "kickstart")];
/// Type names in too many modules.
const KNOWN_NAMES: [&str; 28] = [
    "Arguments",
    "Command",
    "Content",
    "Entry",
    "Error",
    "File",
    "Group",
    "Item",
    "Kind",
    "Machine",
    "Network",
    "Node",
    "Options",
    "Outcome",
    "Package",
    "Partition",
    "Reader",
    "Record",
    "Refusal",
    "Report",
    "Repository",
    "Request",
    "Source",
    "Target",
    "Value",
    "Fault",
    "Host",
    "Step",
];
/// Functions and files that are too long, by the end of the file's name.
const KNOWN_LONG: [&str; 8] = [
    "ext4/writer.rs",
    "kickstart/network.rs",
    "practice/repodata.rs",
    "src/repodata.rs",
    "secrets/store.rs",
    "install/scripts.rs",
    "node/peers.rs",
    "kickstart/state.rs",
];

/// The crates whose modules are checked, relative to the workspace.
fn crates() -> Vec<String> {
    members()
        .into_iter()
        .filter(|m| m.starts_with("builder") || m.starts_with("firstboot"))
        .collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(workspace().join(file)).unwrap()
}

fn fail_if_any(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn no_modules_import_in_a_circle() {
    let mut found = Vec::new();
    for name in crates() {
        let graph = graph_of(&modules(&workspace().join(&name).join("src")));
        for circle in circles(&graph) {
            if KNOWN_CIRCLES
                .iter()
                .any(|(krate, module)| name == *krate && circle.contains(*module))
            {
                continue;
            }
            let imports = circle.iter().map(|module| {
                let inside: Vec<&str> =
                    graph[module].intersection(&circle).map(String::as_str).collect();
                format!("{module} imports {}", inside.join(", "))
            });
            found.push(format!("in {name}:\n    {}", imports.collect::<Vec<_>>().join("\n    ")));
        }
    }
    fail_if_any("modules import each other", &found);
}

#[test]
fn a_wing_imports_only_lower_wings() {
    let place = |wing: &str| WINGS.iter().position(|w| *w == wing);
    let wing = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for (module, imports) in graph_of(&modules(&workspace().join("builder/src"))) {
        let own = wing(&module);
        for other in imports {
            let upper = wing(&other);
            let known = KNOWN_CLIMBS.contains(&(own.as_str(), upper.as_str()));
            let is_lower = place(&upper).is_some_and(|p| place(&own).is_some_and(|o| p <= o));
            let is_moving = MOVING.contains(&own.as_str()) || MOVING.contains(&upper.as_str());
            if !own.is_empty() && !is_lower && !known && !is_moving {
                found.push(format!("{module} imports {other}"));
            }
        }
    }
    fail_if_any("not a lower wing", &found);
}

#[test]
fn there_are_few_wings() {
    let entries = fs::read_dir(workspace().join("builder/src")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let wings: BTreeSet<String> = names
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .filter(|name| !matches!(name.as_str(), "lib" | "main"))
        .filter(|name| !MOVING.contains(&name.as_str()))
        .collect();
    assert!(wings.len() <= MAX_WINGS, "{wings:?}");
}

#[test]
fn independent_crates_depend_on_no_other() {
    let mut found = Vec::new();
    for name in crates().iter().filter(|name| INDEPENDENT.contains(&name.as_str())) {
        let manifest = read(&Path::new(name).join("Cargo.toml"));
        let own = ["builder", "firstboot", "formats", "practice", "contract", "lab-tests"];
        for line in manifest.lines() {
            let key = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if own.contains(&key) {
                found.push(format!("{name}: {line}"));
            }
        }
    }
    fail_if_any("a crate that is to stand alone has a dependency", &found);
}

#[test]
fn type_names_are_not_overused() {
    let mut modules_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in crates() {
        for (module, text) in modules(&workspace().join(&name).join("src")) {
            for defined in types(&without_tests(&code_of(&text))) {
                modules_of.entry(defined).or_default().push(format!("{name}/{module}"));
            }
        }
    }
    // Each library's own alias of the standard one.
    modules_of.remove("Result");
    let over = modules_of.iter().filter(|(name, places)| {
        places.len() > MAX_SAME_NAME && !KNOWN_NAMES.contains(&name.as_str())
    });
    let found: Vec<String> =
        over.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    fail_if_any("one name for too many types", &found);
}

#[test]
fn files_and_functions_are_short() {
    let mut found = Vec::new();
    let is_known = |file: &Path| KNOWN_LONG.iter().any(|known| file.ends_with(known));
    for file in rust_files().into_iter().filter(|file| !is_known(file)) {
        let text = read(&file);
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            found.push(format!("{}: {lines} lines", file.display()));
        }
        for (name, lines) in functions(&text) {
            if lines > MAX_FUNCTION_LINES {
                found.push(format!("{}: {name} has {lines} lines", file.display()));
            }
        }
    }
    fail_if_any("too long", &found);
}

#[test]
fn no_file_looks_generated() {
    let parts = |file: &Path| file.iter().any(|part| part == "build" || part == "build.rs");
    let found: Vec<String> =
        rust_files().iter().filter(|f| parts(f)).map(|f| f.display().to_string()).collect();
    fail_if_any("taken for a build script or its output", &found);
}
