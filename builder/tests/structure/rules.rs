//! The rules, for the workspace as it is.

use super::graph::{circles, graph_of};
use super::measure::{functions, public_functions, types};
use super::source::{members, modules, rust_files, workspace};
use super::text::{code_of, without_tests};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The wings of imgbuild: each imports only those before it.
const WINGS: [&str; 12] = [
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
    "pipeline",
    "cli",
];
/// Which of the workspace's crates each may depend on.
const MAY_DEPEND_ON: [(&str, &[&str]); 5] = [
    ("builder/formats", &[]),
    ("builder/practice", &["formats"]),
    ("firstboot/contract", &[]),
    ("firstboot", &["contract"]),
    ("builder", &["formats", "practice", "contract", "commit"]),
];
/// The module of imgbuild that makes commands of the host's programs.
const STARTS_PROGRAMS: &str = "base::programs";
const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 60;
/// Most modules of one crate or another that may define a type of one name.
const MAX_SAME_NAME: usize = 3;
/// Circles, by the crate and one of their modules.
const KNOWN_CIRCLES: &[(&str, &str)] = &[];
/// Type names in too many modules.
const KNOWN_NAMES: &[&str] = &[];
/// Functions and files that are too long, by the end of the file's name.
const KNOWN_LONG: &[&str] = &[];

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

/// A list of exceptions only ever gets shorter: remove entries that are fixed.
fn fail_if_unused<T: PartialEq + std::fmt::Debug>(known: &[T], used: &[&T]) {
    let unused: Vec<String> =
        known.iter().filter(|k| !used.contains(k)).map(|k| format!("{k:?}")).collect();
    fail_if_any("exceptions that are no longer needed", &unused);
}

#[test]
fn no_modules_import_in_a_circle() {
    let (mut found, mut used) = (Vec::new(), Vec::new());
    for name in crates() {
        let graph = graph_of(&modules(&workspace().join(&name).join("src")));
        for circle in circles(&graph) {
            let is_this = |known: &&(&str, &str)| known.0 == name && circle.contains(known.1);
            if let Some(known) = KNOWN_CIRCLES.iter().find(is_this) {
                used.push(known);
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
    fail_if_unused(KNOWN_CIRCLES, &used);
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
            let is_lower = place(&upper).is_some_and(|p| place(&own).is_some_and(|o| p <= o));
            if !own.is_empty() && !is_lower {
                found.push(format!("{module} imports {other}"));
            }
        }
    }
    fail_if_any("not a lower wing", &found);
}

#[test]
fn the_wings_are_those_of_the_list() {
    let entries = fs::read_dir(workspace().join("builder/src")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .filter(|name| !matches!(name.as_str(), "lib" | "main"))
        .collect();
    assert_eq!(found, BTreeSet::from(WINGS.map(str::to_owned)));
}

#[test]
fn crates_depend_only_on_those_below() {
    let own = ["builder", "firstboot", "formats", "practice", "contract", "commit", "lab-tests"];
    let mut found = Vec::new();
    for name in crates() {
        let allowed =
            MAY_DEPEND_ON.iter().find(|(of, _)| name == *of).map_or(&[][..], |(_, on)| on);
        for line in read(&Path::new(&name).join("Cargo.toml")).lines() {
            let key = line.split(['.', ' ', '=']).next().unwrap_or_default();
            // A table for one dependency, or another name for it, would not be seen here.
            let hidden = line.contains("dependencies.") || line.contains("package =");
            if hidden || own.contains(&key) && !allowed.contains(&key) {
                found.push(format!("{name}: {line}"));
            }
        }
    }
    fail_if_any("a dependency that is not allowed", &found);
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
    modules_of.retain(|_, places| places.len() > MAX_SAME_NAME);
    let used: Vec<&&str> =
        KNOWN_NAMES.iter().filter(|name| modules_of.remove(**name).is_some()).collect();
    let found: Vec<String> =
        modules_of.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    fail_if_any("one name for too many types", &found);
    fail_if_unused(KNOWN_NAMES, &used);
}

#[test]
fn files_and_functions_are_short() {
    let (mut found, mut used) = (Vec::new(), Vec::new());
    for file in rust_files() {
        let too_long = too_long(&file);
        match KNOWN_LONG.iter().find(|known| file.ends_with(known)) {
            Some(known) if !too_long.is_empty() => used.push(known),
            _ => found.extend(too_long),
        }
    }
    fail_if_any("too long", &found);
    fail_if_unused(KNOWN_LONG, &used);
}

/// What of a file is too long: itself, or functions in it.
fn too_long(file: &Path) -> Vec<String> {
    let text = read(file);
    let lines = text.lines().count();
    let whole = (lines > MAX_FILE_LINES).then(|| format!("{}: {lines} lines", file.display()));
    let functions = functions(&text).into_iter().filter(|(_, lines)| *lines > MAX_FUNCTION_LINES);
    let functions =
        functions.map(|(name, lines)| format!("{}: {name} has {lines} lines", file.display()));
    whole.into_iter().chain(functions).collect()
}

#[test]
fn programs_are_started_in_one_place() {
    let found: Vec<String> = modules(&workspace().join("builder/src"))
        .into_iter()
        .filter(|(module, _)| module != STARTS_PROGRAMS)
        .filter(|(_, text)| without_tests(&code_of(text)).contains("Command::new("))
        .map(|(module, _)| module)
        .collect();
    fail_if_any(&format!("they start programs past {STARTS_PROGRAMS}"), &found);
}

#[test]
fn public_functions_do_not_fail_with_strings() {
    let mut found = Vec::new();
    for (module, text) in modules(&workspace().join("builder/src")) {
        for signature in public_functions(&without_tests(&code_of(&text))) {
            let returned = signature.rsplit_once("->").map_or("", |(_, returned)| returned.trim());
            if returned.contains("Result<") && returned.ends_with(", String>") {
                found.push(format!("{module}: {signature}"));
            }
        }
    }
    fail_if_any("a string is not an error", &found);
}

/// Tools that count, search and review code skip what is named so.
#[test]
fn no_file_looks_generated() {
    let parts = |file: &Path| file.iter().any(|part| part == "build" || part == "build.rs");
    let found: Vec<String> =
        rust_files().iter().filter(|f| parts(f)).map(|f| f.display().to_string()).collect();
    fail_if_any("taken for a build script or its output", &found);
}
