//! The build log: kept in the cache while the build runs and when it fails, part of the
//! output when it succeeds.

use crate::error::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

pub struct Log {
    path: PathBuf,
    file: File,
    lines: u64,
}

impl Log {
    pub fn create(cache: &Path) -> Result<Self> {
        let folder = cache.join("logs");
        let path = folder.join(format!("build-{}.log", std::process::id()));
        let what = || format!("cannot write to the cache {}", folder.display());
        fs::create_dir_all(&folder).or_environment(what)?;
        let file = File::create(&path).or_environment(what)?;
        Ok(Self { path, file, lines: 0 })
    }

    /// A log that cannot be written is no reason to fail.
    pub fn line(&mut self, text: &str) {
        self.lines += 1;
        let _ = writeln!(self.file, "{text}");
    }

    pub fn bytes(&self) -> Result<Vec<u8>> {
        fs::read(&self.path).or_build(|| format!("cannot read {}", self.path.display()))
    }

    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).or_build(|| format!("cannot remove {}", self.path.display()))
    }

    /// Where the log stays, if it says anything.
    pub fn keep(self) -> Option<PathBuf> {
        if self.lines > 0 {
            return Some(self.path);
        }
        let _ = fs::remove_file(&self.path);
        None
    }
}
