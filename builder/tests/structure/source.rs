//! The workspace's source files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's directory.
pub fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("the workspace is around this package").to_owned()
}

/// The members of the workspace, relative to it.
pub fn members() -> Vec<String> {
    let text = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let list = text.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// All Rust files of the workspace, relative to it; `target` and hidden directories are skipped.
pub fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for member in members() {
        collect(&workspace(), Path::new(&member), &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root.join(directory)).unwrap() {
        let entry = entry.unwrap();
        let path = directory.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(root, &path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// The modules of a crate by name (`wing::module`, the crate's root is empty), with their text.
/// Modules of tests are left out.
pub fn modules(source: &Path) -> BTreeMap<String, String> {
    let mut files = Vec::new();
    collect(source, Path::new(""), &mut files);
    let mut modules = BTreeMap::new();
    for file in files {
        let name = file.with_extension("").to_string_lossy().replace('/', "::");
        let name = match name.as_str() {
            "lib" => "",
            "main" => continue,
            name => name.strip_suffix("::mod").unwrap_or(name),
        };
        if !name.split("::").any(|part| part == "tests") {
            modules.insert(name.to_owned(), fs::read_to_string(source.join(file)).unwrap());
        }
    }
    modules
}
