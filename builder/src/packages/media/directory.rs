//! A directory as a medium.

use super::medium::{Medium, compare, copy_pieces, plain, search, unreadable};
use super::stored::{StoredFile, absolute};
use crate::base::error::{Context, Result};
use crate::base::files::open_regular;
use crate::packages::checksum::Known;
use formats::iso9660::Extent;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};

pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn file(&self, path: &str) -> Result<File> {
        let failed = |e: &dyn std::fmt::Display| unreadable(self.location(), path, e);
        let inside = plain(path).map_err(|e| failed(&e))?;
        open_regular(&self.root.join(inside)).map_err(|e| failed(&e))
    }
}

/// Whether it is anything but a regular file: nothing at all, a directory, a pipe.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidFilename
    )
}

/// Makes `to` a copy of `from` by ioctl_ficlone(2); whether that is possible here.
fn clone_blocks(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
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
        Ok(Box::new(self.file(path)?))
    }

    /// On filesystems that can, the copy shares the file's blocks until either is written to.
    fn copy(
        &self,
        path: &str,
        known: &Known,
        to: &File,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let from = self.file(path)?;
        let fits = from.metadata().is_ok_and(|meta| meta.len() == known.size);
        if !(fits && clone_blocks(&from, to)) {
            return copy_pieces(self, path, known, to, advance);
        }
        compare(self, path, known, &known.checksum_of(to)?)?;
        advance(known.size);
        Ok(())
    }

    fn has(&self, path: &str) -> bool {
        plain(path).is_ok_and(|inside| self.root.join(inside).is_file())
    }

    fn stored(&self, path: &str) -> io::Result<Option<StoredFile>> {
        let Ok(inside) = plain(path) else { return Ok(None) };
        if !Path::new(inside).components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        let file = match open_regular(&self.root.join(inside)) {
            Ok(file) => file,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        // Looked at when it is open: links that change meanwhile make no difference (proc(5)).
        let place = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        if !place.starts_with(self.root.canonicalize()?) {
            let why = "it is a link that leads out of the medium";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let meta = file.metadata()?;
        let (extents, modified) = (vec![Extent { offset: 0, size: meta.len() }], meta.modified()?);
        Ok(Some(StoredFile { file, extents, modified }))
    }

    fn words(&self) -> Vec<String> {
        vec![absolute(&self.root)]
    }

    fn repositories(&self) -> Result<Vec<String>> {
        search(&|path| Ok(self.root.join(path).is_file()), &|directory| {
            let mut names = Vec::new();
            let place = self.root.join(directory);
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

    fn files(&self, directory: &str) -> Result<Vec<String>> {
        let place = self.root.join(directory);
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
