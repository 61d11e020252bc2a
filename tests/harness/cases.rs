//! Case directories: `tests/cases/<area>/<case>/` holds the input files of a case and, in
//! `expected.txt`, what the product makes of them. A test walks all cases of an area.

use crate::{fixture, product};
use std::fs;
use std::path::{Path, PathBuf};

/// The file of a case that is compared.
const EXPECTED: &str = "expected.txt";

/// The case directories of `area`, in the order of their names.
///
/// # Panics
/// When there are none.
pub fn directories(area: &str) -> Vec<PathBuf> {
    let directory = product::workspace().join("tests/cases").join(area);
    let entries = fs::read_dir(&directory).unwrap_or_else(|e| panic!("{area}: {e}"));
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "{area} has no cases");
    cases
}

/// Compares what `actual` makes of each case of `area` with the case's `expected.txt`. With
/// `UPDATE_EXPECTED=1` in the environment the files are written instead; read the difference.
///
/// # Panics
/// When any differ, with all differences.
pub fn check(area: &str, actual: impl Fn(&Path) -> String) {
    let compare = |case: &PathBuf| fixture::difference(&case.join(EXPECTED), &actual(case));
    let differences: Vec<String> = directories(area).iter().filter_map(compare).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Copies the input files of a case over those in `to`.
///
/// # Panics
/// When they cannot be copied.
pub fn copy_inputs(case: &Path, to: &Path) {
    for entry in fs::read_dir(case).expect("case") {
        let from = entry.expect("entry").path();
        let target = to.join(from.file_name().expect("name"));
        if from.is_dir() {
            fs::create_dir_all(&target).expect("directory");
            copy_inputs(&from, &target);
        } else if !from.ends_with(EXPECTED) {
            fs::copy(&from, &target).expect("copy");
        }
    }
}
