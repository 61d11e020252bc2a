//! Full-text fixtures: the product's output, kept in the repository and compared.

use crate::{oracle, product};
use std::fs;
use std::path::Path;

/// Compares `text` with the fixture `name` of `tests/fixtures`; see [`same_file`].
///
/// # Panics
/// When they differ.
pub fn same(name: &str, text: &str) {
    same_file(&product::workspace().join("tests/fixtures").join(name), text);
}

/// Compares `text` with a file of the repository; with `UPDATE_EXPECTED=1` in the environment
/// the file is written instead.
///
/// # Panics
/// When they differ, with a unified diff and how to renew the file.
pub fn same_file(path: &Path, text: &str) {
    if let Some(difference) = difference(path, text) {
        panic!("{difference}");
    }
}

/// How `text` differs from a file of the repository, which is written instead if
/// `UPDATE_EXPECTED=1` is in the environment.
///
/// # Panics
/// When a file cannot be written.
pub fn difference(path: &Path, text: &str) -> Option<String> {
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|update| update == "1") {
        fs::create_dir_all(path.parent().expect("a directory")).expect("directory");
        fs::write(path, text).expect("the file");
    }
    if fs::read_to_string(path).unwrap_or_default() == text {
        return None;
    }
    let new = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(new.path(), text).expect("temporary file");
    let old = if path.exists() { path } else { "/dev/null".as_ref() };
    let difference = oracle::run("diff", ["-u".as_ref(), old.as_os_str(), new.path().as_os_str()]);
    Some(format!(
        "{} differs:\n{}\nIf that is meant: UPDATE_EXPECTED=1 cargo test --release -p lab-tests, \
         and look at the output of git diff",
        path.display(),
        String::from_utf8_lossy(&difference.stdout)
    ))
}
