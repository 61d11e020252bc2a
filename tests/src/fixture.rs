//! Full-text fixtures: what the product says, kept in the repository and compared.

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

/// Compares `text` with a file of the repository; with `UPDATE_FIXTURES=1` in the environment
/// the file is written instead.
///
/// # Panics
/// When they differ, with a unified diff and how to renew the file.
pub fn same_file(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        fs::write(path, text).expect("fixture");
    }
    if fs::read_to_string(path).unwrap_or_default() == text {
        return;
    }
    let new = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(new.path(), text).expect("temporary file");
    let old = if path.exists() { path } else { "/dev/null".as_ref() };
    let difference = oracle::run("diff", ["-u".as_ref(), old.as_os_str(), new.path().as_os_str()]);
    panic!(
        "{} differs:\n{}\nIf that is meant: UPDATE_FIXTURES=1 cargo test --release -p lab-tests, \
         and look at what git diff says",
        path.display(),
        String::from_utf8_lossy(&difference.stdout)
    );
}
