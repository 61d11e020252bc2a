//! A folder as a medium.

use super::{Medium, plain, search, unreadable};
use crate::error::{Context, Result};
use crate::files::open_regular;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

impl Medium for Directory {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn name(&self) -> String {
        let absolute = std::path::absolute(&self.root).unwrap_or_else(|_| self.root.clone());
        absolute
            .file_name()
            .map_or_else(|| "media".to_owned(), |n| n.to_string_lossy().into_owned())
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let failed = |e: &dyn std::fmt::Display| unreadable(self.location(), path, e);
        let inside = plain(path).map_err(|e| failed(&e))?;
        match open_regular(&self.root.join(inside)) {
            Ok(file) => Ok(Box::new(file)),
            Err(e) => Err(failed(&e)),
        }
    }

    fn has(&self, path: &str) -> bool {
        plain(path).is_ok_and(|inside| self.root.join(inside).is_file())
    }

    fn repositories(&self) -> Result<Vec<String>> {
        search(&|path| Ok(self.root.join(path).is_file()), &|folder| {
            let mut names = Vec::new();
            let place = self.root.join(folder);
            let what = || format!("cannot list {}", place.display());
            for entry in fs::read_dir(&place).or_input(what)? {
                let entry = entry.or_input(what)?;
                if entry.path().is_dir() {
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            names.sort();
            Ok(names)
        })
    }

    fn files(&self, folder: &str) -> Result<Vec<String>> {
        let place = self.root.join(folder);
        let what = || format!("cannot list {}", place.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&place).or_input(what)? {
            let entry = entry.or_input(what)?;
            if entry.path().is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}
