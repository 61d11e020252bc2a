//! An ISO 9660 image as a medium, read in place.

use super::{Medium, search, unreadable};
use crate::error::{Context, Error, Result};
use crate::format::iso9660::{Iso, Kind, Node};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub struct Image {
    path: PathBuf,
    iso: Iso,
}

impl Image {
    pub fn open(path: &Path) -> Result<Self> {
        let file =
            File::open(path).or_input(|| format!("cannot read the medium {}", path.display()))?;
        let iso = Iso::open(file).map_err(|e| {
            Error::input(format!("cannot read the medium {}: {e}", path.display())).hint(
                "it has to be a whole ISO 9660 image; compare its checksum with the publisher's",
            )
        })?;
        Ok(Self { path: path.to_owned(), iso })
    }

    fn lookup(&self, path: &str) -> Result<Option<Node>> {
        self.iso.lookup(path).map_err(|e| unreadable(self.location(), path, &e))
    }
}

impl Medium for Image {
    fn location(&self) -> String {
        self.path.display().to_string()
    }

    fn name(&self) -> String {
        self.path
            .file_stem()
            .map_or_else(|| "media".to_owned(), |n| n.to_string_lossy().into_owned())
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read + Send + '_>> {
        let node = self
            .lookup(path)?
            .filter(|node| node.kind == Kind::File)
            .ok_or_else(|| unreadable(self.location(), path, &"no such file"))?;
        match self.iso.reader(&node) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(e) => Err(unreadable(self.location(), path, &e)),
        }
    }

    fn repositories(&self) -> Result<Vec<String>> {
        let is_file =
            |path: &str| Ok(self.lookup(path)?.is_some_and(|node| node.kind == Kind::File));
        search(&is_file, &|folder| {
            let Some(node) = self.lookup(folder)? else { return Ok(Vec::new()) };
            let children =
                self.iso.read_dir(&node).map_err(|e| unreadable(self.location(), folder, &e))?;
            let folders = children.into_iter().filter(|child| child.kind == Kind::Dir);
            let mut names: Vec<String> =
                folders.map(|child| String::from_utf8_lossy(&child.name).into_owned()).collect();
            names.sort();
            Ok(names)
        })
    }
}
