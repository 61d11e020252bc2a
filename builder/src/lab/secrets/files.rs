//! The files that secrets are kept in: each is whole, and of mode 0600.

use super::values::Secret;
use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use std::fs;
use std::path::PathBuf;

/// A directory of them.
pub struct Files(pub PathBuf);

impl Files {
    /// Names of the files.
    pub fn names(&self) -> Result<Vec<String>> {
        let what = || format!("cannot read {}", self.0.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).or_environment(what)? {
            names.push(entry.or_environment(what)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// The place of one.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of one, if it exists.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::environment(format!("cannot read {}: {e}", path.display()))),
        }
    }

    /// A private part and its public one, if they exist. The private part is written last:
    /// without it nobody has used the public one yet, so that rotating both loses nothing.
    pub fn pair(&self, private: &str, public: &str) -> Result<Option<(Secret, String)>> {
        match (self.read(private)?, self.read(public)?) {
            (Some(private), Some(public)) => Ok(Some((Secret(private), public))),
            (None, _) => Ok(None),
            (Some(_), None) => Err(Error::input(format!(
                "the lab's secrets are damaged: {} exists, but {public} next to it does not",
                self.path(private).display()
            ))
            .hint("put it back, or create new ones by `imgbuild secrets rotate`")),
        }
    }

    /// A whole file of mode 0600 in the place of the old one.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let what = || format!("cannot write {}", self.path(name).display());
        durable::replace(&self.path(name), text.as_bytes()).or_environment(what)
    }

    /// Removes one, if it exists.
    pub fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::environment(format!("cannot remove {}: {e}", self.path(name).display())))
            }
            _ => Ok(()),
        }
    }
}
