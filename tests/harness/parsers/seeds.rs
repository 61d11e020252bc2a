//! Inputs to begin with: the suite's own, the shared corpus where there is one, and small ones
//! made by the product's writers.

use crate::{oracle, product};
use std::fs;
use std::path::{Path, PathBuf};

/// Longer files are left out: mutating them is slow and finds nothing more.
const MAX_SEED: u64 = 256 << 10;
/// No more files than this from one pattern.
const MAX_FILES: usize = 40;

/// Where the inputs of a parser come from.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// Patterns of files: those that begin with `corpus/` are below the shared test data, others
    /// in the repository. `*` stands for any part of one name.
    pub files: &'static [&'static str],
    /// Inputs made when the program runs.
    pub made: fn() -> Vec<Vec<u8>>,
}

/// Makes no inputs.
pub fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

pub(super) const ANSWERS: &[&str] =
    &["corpus/packstack/newton-9.0.3/*", "corpus/packstack/real-answer-files/*"];
pub(super) const CHRONYC: &[&str] = &["corpus/ovs/chronyc/*"];
pub(super) const COMPS: &[&str] =
    &["tests/fixtures/plan/os/repodata/comps.xml", "corpus/yum/repos/*/repodata/*comps*.xml"];
pub(super) const KICKSTARTS: &[&str] = &["kickstart/*.ks", "corpus/kickstart/real/*/*"];
pub(super) const REPOMD: &[&str] =
    &["tests/fixtures/plan/os/repodata/repomd.xml", "corpus/yum/repos/*/repodata/repomd.xml"];

impl Seeds {
    /// All of them, and the patterns that no file matches.
    ///
    /// # Panics
    /// When an existing file cannot be read, or a seed cannot be made.
    pub fn load(&self) -> (Vec<Vec<u8>>, Vec<&'static str>) {
        let mut seeds = (self.made)();
        let mut absent = Vec::new();
        for pattern in self.files {
            let paths = matching(pattern);
            if paths.is_empty() {
                absent.push(*pattern);
            }
            seeds.extend(paths.iter().map(|path| fs::read(path).expect("a seed can be read")));
        }
        (seeds, absent)
    }
}

/// The files that fit a pattern, the shortest first.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let base = match pattern.starts_with("corpus/") {
        true => std::env::var_os("IMGBUILD_SHARED")
            .map_or_else(|| product::workspace().join("../shared"), PathBuf::from),
        false => product::workspace().to_owned(),
    };
    let mut found = vec![base];
    for part in pattern.split('/') {
        found = found.iter().flat_map(|directory| below(directory, part)).collect();
    }
    let length = |path: &PathBuf| fs::metadata(path).map_or(0, |meta| meta.len());
    found.retain(|path| path.is_file() && length(path) <= MAX_SEED);
    found.sort_by_key(|path| (length(path), path.clone()));
    found.truncate(MAX_FILES);
    found
}

/// What a directory has that fits one part of a pattern.
fn below(directory: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains('*') {
        return vec![directory.join(part)];
    }
    let pieces: Vec<&str> = part.split('*').collect();
    let fits = |name: &str| {
        let (first, last) = (pieces[0], pieces[pieces.len() - 1]);
        let inner = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
        inner.is_some_and(|mut rest| {
            pieces[1..pieces.len() - 1].iter().all(|piece| match rest.split_once(piece) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        })
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|e| e.path())
        .filter(|p| p.file_name().is_some_and(|n| fits(&n.to_string_lossy())))
        .collect()
}

/// A file without the zeros at its end, which [`super::files`] adds again.
pub(super) fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    bytes
}

/// What a command prints that reads `input`, for formats that the product only reads.
///
/// # Panics
/// When it fails.
pub(super) fn filtered(command: &str, input: &[u8]) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("input");
    fs::write(&path, input).expect("temporary file");
    let redirected = format!("{command} < '{}'", path.display());
    let output = oracle::run("sh", ["-c", &redirected]);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
