//! An ISO 9660 image as a medium, read in place.

use super::medium::{Medium, plain, search, unreadable};
use super::stored::{StoredFile, absolute};
use crate::base::error::{Context, Error, Result};
use crate::base::files::open_regular;
use formats::iso9660::{self, Iso, IsoNode, Names, NodeKind};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Largest TRANS.TBL: a line has at most some 500 bytes.
const TABLE_MAX: u64 = 64 << 20;
/// Largest directory whose listing is kept, and how many such listings.
const KEPT: usize = 64;

pub struct Image {
    path: PathBuf,
    iso: Iso,
    /// Listings by the directory's path, as packages are looked up in a few large directories.
    directories: Mutex<HashMap<String, Listing>>,
}

type Listing = Arc<HashMap<Vec<u8>, IsoNode>>;

impl Image {
    pub fn open(path: &Path) -> Result<Self> {
        let file =
            open_regular(path).or_input(|| format!("cannot read the medium {}", path.display()))?;
        let iso = Iso::open(file).map_err(|e| {
            Error::input(format!("cannot read the medium {}: {e}", path.display())).hint(
                "it has to be a whole ISO 9660 image; compare its checksum with the publisher's",
            )
        })?;
        Ok(Self { path: path.to_owned(), iso, directories: Mutex::default() })
    }

    fn lookup(&self, path: &str) -> Result<Option<IsoNode>> {
        let failed = |e: &dyn std::fmt::Display| unreadable(self.location(), path, e);
        let inside = plain(path).map_err(|e| failed(&e))?;
        let mut node = self.iso.root();
        let mut directory = String::new();
        for name in inside.split('/').filter(|name| !name.is_empty()) {
            if node.kind != NodeKind::Dir {
                return Ok(None);
            }
            let listing = self.listing(&directory, &node).map_err(|e| failed(&e))?;
            let Some(child) = listing.get(name.as_bytes()) else { return Ok(None) };
            node = child.clone();
            directory = format!("{directory}/{name}");
        }
        Ok(Some(node))
    }

    /// What is in a directory, by name.
    fn listing(&self, path: &str, node: &IsoNode) -> Result<Listing, iso9660::IsoError> {
        let kept = || self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = kept().get(path) {
            return Ok(Arc::clone(listing));
        }
        let children = self.iso.read_dir(node)?;
        let real = self.real_names(&children)?;
        let named = |child: IsoNode| {
            let name = real.get(&child.name).unwrap_or(&child.name).clone();
            (name.clone(), IsoNode { name, ..child })
        };
        let listing: Listing = Arc::new(children.into_iter().map(named).collect());
        let mut kept = kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(path.to_owned(), Arc::clone(&listing));
        Ok(listing)
    }

    /// Names of what is in a directory and of one kind, sorted; none when there is no such
    /// directory.
    fn names(&self, directory: &str, kind: NodeKind) -> Result<Vec<String>> {
        let Some(node) = self.lookup(directory)? else { return Ok(Vec::new()) };
        let place = if directory.is_empty() { String::new() } else { format!("/{directory}") };
        let children =
            self.listing(&place, &node).map_err(|e| unreadable(self.location(), directory, &e))?;
        let of_kind = children.values().filter(|child| child.kind == kind);
        let mut names: Vec<String> =
            of_kind.map(|child| String::from_utf8_lossy(&child.name).into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// Where an image has but ISO 9660's own short names, TRANS.TBL has the real ones.
    fn real_names(
        &self,
        children: &[IsoNode],
    ) -> Result<HashMap<Vec<u8>, Vec<u8>>, iso9660::IsoError> {
        let table = children.iter().find(|child| child.name.eq_ignore_ascii_case(b"TRANS.TBL"));
        let (Names::Plain, Some(table)) = (self.iso.names(), table) else {
            return Ok(HashMap::new());
        };
        let mut text = Vec::new();
        self.iso.reader(table)?.take(TABLE_MAX).read_to_end(&mut text).map_err(|source| {
            iso9660::IsoError::Io { offset: table.extents.first().map_or(0, |e| e.offset), source }
        })?;
        Ok(text.split(|b| *b == b'\n').filter_map(translation).collect())
    }
}

/// A line of TRANS.TBL: kind, stored name and real name, as `F ACL_2_2_.RPM;1  <tab>acl-2.2.rpm`;
/// a link's target follows after another tab.
fn translation(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = line.split(|b| *b == b'\t');
    let stored = fields.next()?.get(2..)?.trim_ascii();
    let real = fields.next()?.trim_ascii();
    let stored = iso9660::plain_name(stored);
    let fit = !real.is_empty() && !real.contains(&b'/') && !matches!(real, b"." | b"..");
    (fit && !stored.is_empty()).then(|| (stored, real.to_vec()))
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
            .filter(|node| node.kind == NodeKind::File)
            .ok_or_else(|| unreadable(self.location(), path, &"no such file"))?;
        match self.iso.reader(&node) {
            Ok(reader) => Ok(Box::new(reader)),
            Err(e) => Err(unreadable(self.location(), path, &e)),
        }
    }

    fn has(&self, path: &str) -> bool {
        self.lookup(path).is_ok_and(|node| node.is_some_and(|node| node.kind == NodeKind::File))
    }

    fn stored(&self, path: &str) -> io::Result<Option<StoredFile>> {
        let damaged = |e: &dyn std::fmt::Display| io::Error::other(e.to_string());
        let Some(node) = self.lookup(path).map_err(|e| damaged(&e.message))? else {
            return Ok(None);
        };
        if node.kind != NodeKind::File {
            return Ok(None);
        }
        let (file, extents) = self.iso.stored(&node).map_err(|e| damaged(&e))?;
        let since = Duration::from_secs(u64::try_from(node.mtime).unwrap_or(0));
        Ok(Some(StoredFile {
            file: file.try_clone()?,
            extents: extents.to_vec(),
            modified: SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH),
        }))
    }

    fn words(&self) -> Vec<String> {
        vec![absolute(&self.path)]
    }

    fn files(&self, directory: &str) -> Result<Vec<String>> {
        self.names(directory, NodeKind::File)
    }

    fn repositories(&self) -> Result<Vec<String>> {
        let is_file =
            |path: &str| Ok(self.lookup(path)?.is_some_and(|node| node.kind == NodeKind::File));
        search(&is_file, &|directory| self.names(directory, NodeKind::Dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_trans_tbl() {
        let line = |text: &str| translation(text.as_bytes());
        assert_eq!(
            line("F ACL_2_2_.RPM;1     \tacl-2.2.51-14.el7.x86_64.rpm"),
            Some((b"ACL_2_2_.RPM".to_vec(), b"acl-2.2.51-14.el7.x86_64.rpm".to_vec()))
        );
        assert_eq!(
            line("D REPODATA\trepodata"),
            Some((b"REPODATA".to_vec(), b"repodata".to_vec()))
        );
        assert_eq!(line("L LINK.;1\tlink\ttarget"), Some((b"LINK".to_vec(), b"link".to_vec())));
        for bad in ["", "F", "F X", "F X\t", "F X\t..", "F X\ta/b"] {
            assert_eq!(line(bad), None, "{bad}");
        }
    }
}
