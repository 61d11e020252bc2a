//! A directory with the shipped profiles and kickstarts, to be changed and loaded.

use builder::base::diagnostic::Diagnostics;
use builder::plan::node;
use builder::spec::{Request, Spec, load};
use lab_tests::product::workspace;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub fn request<'a>(profile: &'a str, directory: &'a Path) -> Request<'a> {
    Request { home: Some(directory), ..Request::new(profile, directory) }
}

/// The shipped profile, from the copies within the program.
pub fn shipped(profile: &str) -> Spec {
    let empty = tempfile::tempdir().unwrap();
    load(&request(profile, empty.path())).unwrap()
}

pub fn facts() -> node::Facts {
    node::Facts {
        packages: BTreeMap::from([("centos".to_owned(), 3971)]),
        plan: "00".repeat(32),
        keys: BTreeMap::new(),
        practice: false,
    }
}

/// A working directory with the shipped files, to be edited.
pub struct Lab(TempDir);

impl Lab {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["profiles", "kickstart"] {
            fs::create_dir(directory.path().join(name)).unwrap();
            for entry in fs::read_dir(workspace().join(name)).unwrap() {
                let from = entry.unwrap().path();
                fs::copy(&from, directory.path().join(name).join(from.file_name().unwrap()))
                    .unwrap();
            }
        }
        Self(directory)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// The messages for what must be refused.
    pub fn diagnostics(&self, request: &Request<'_>) -> Diagnostics {
        load(request).expect_err("this input must be refused")
    }
}
