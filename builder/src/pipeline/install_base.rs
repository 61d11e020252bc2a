//! The ISO file that install media are made from: the medium with CentOS 7's installer.

use super::options::Select;
use crate::base::error::{Context, Error, Result};
use crate::base::files::open_regular;
use crate::base::lab::RepositorySource;
use crate::spec::Spec;
use formats::fat::{self, FatOptions};
use formats::iso9660::{Iso, NodeKind, timestamp};
use formats::tree::{Content, Entry, Tree};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Files that a medium with an installer has.
const NEEDED: [&str; 7] = [
    ".treeinfo",
    "EFI/BOOT/grub.cfg",
    "images/efiboot.img",
    "images/pxeboot/initrd.img",
    "images/pxeboot/vmlinuz",
    "isolinux/isolinux.bin",
    "isolinux/isolinux.cfg",
];
/// The EFI boot image.
pub const EFI_IMAGE: &str = "images/efiboot.img";
/// The directory of what is in it.
const EFI_DIRECTORY: &str = "EFI/BOOT";
/// A text file of a medium, or a loader, is not larger.
const LARGEST: u64 = 32 << 20;
/// The EFI boot image's serial number and label; lorax gives it that label.
const EFI_SERIAL: u32 = 0x414e_4143;
const EFI_LABEL: &str = "ANACONDA";

/// The medium, open.
pub struct BaseMedium {
    /// The image.
    pub iso: Iso,
    /// Its file.
    pub path: PathBuf,
    /// What messages and repositories call the medium.
    pub location: String,
}

/// A medium that could be it.
struct Candidate {
    location: String,
    /// Its ISO file, or why it has none.
    path: Result<PathBuf, String>,
}

impl BaseMedium {
    /// Finds it among the media.
    ///
    /// # Errors
    /// An input error that says of each medium why it is not one.
    pub fn find(select: &Select, spec: &Spec) -> Result<Self> {
        let mut reasons = Vec::new();
        for Candidate { location, path } in candidates(select, spec) {
            let reason = match path {
                Ok(path) => match Self::open(path, &location)? {
                    Ok(base) => return Ok(base),
                    Err(reason) => reason,
                },
                Err(reason) => reason,
            };
            reasons.push(format!("{location}: {reason}"));
        }
        let message = format!("no medium has CentOS 7's installer:\n  {}", reasons.join("\n  "));
        Err(Error::input(message)
            .hint("give the ISO file of CentOS 7's DVD or minimal CD: --media CentOS7-1804.iso"))
    }

    /// Opens a file; the inner error says why it is not an installer's medium.
    fn open(path: PathBuf, location: &str) -> Result<Result<Self, String>> {
        let what = || format!("cannot read the medium {}", path.display());
        let iso = Iso::open(open_regular(&path).or_input(what)?).or_input(what)?;
        let base = Self { iso, path, location: location.to_owned() };
        for name in NEEDED {
            if base.iso.lookup(name).or_input(|| base.location.clone())?.is_none() {
                return Ok(Err(format!("it has no {name}, so no installer")));
            }
        }
        let treeinfo = String::from_utf8_lossy(&base.read(".treeinfo")?).into_owned();
        let general = treeinfo.split('[').find(|section| section.starts_with("general]"));
        let version = general.and_then(|section| {
            let pairs = section.lines().filter_map(|line| line.split_once('='));
            pairs.map(|(k, v)| (k.trim(), v.trim())).find(|(key, _)| *key == "version")
        });
        match version.map(|(_, version)| version) {
            Some(version) if version == "7" || version.starts_with("7.") => Ok(Ok(base)),
            Some(version) => Ok(Err(format!("its .treeinfo has version {version}, not 7"))),
            None => Ok(Err("its .treeinfo has no version".to_owned())),
        }
    }

    /// A small file of the medium.
    ///
    /// # Errors
    /// When it is missing, large or unreadable.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let what = || format!("{}: cannot read {path}", self.location);
        let node = self.iso.lookup(path).or_input(what)?;
        let node = node.filter(|node| node.kind == NodeKind::File && node.size <= LARGEST);
        let node = node.ok_or_else(|| Error::input(format!("{}: not a small file", what())))?;
        let mut bytes = Vec::new();
        self.iso.reader(&node).or_input(what)?.read_to_end(&mut bytes).or_input(what)?;
        Ok(bytes)
    }

    /// A text file of the medium.
    ///
    /// # Errors
    /// As [`BaseMedium::read`].
    pub fn text(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// The EFI boot image with the medium's loaders and other files in their place.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn efi_image(&self, configs: &[(&str, String)]) -> Result<Vec<u8>> {
        let mut tree = Tree::default();
        for path in self.efi_files()? {
            tree.put(&path, Entry::new(0o644, 0, Content::Bytes(self.read(&path)?)));
        }
        for (path, text) in configs {
            tree.put(path, Entry::new(0o644, 0, Content::Bytes(text.clone().into_bytes())));
        }
        let used: u64 = tree.entries.values().map(|e| e.size().next_multiple_of(4096)).sum();
        let size = (used + used / 16 + (512 << 10)).next_multiple_of(1 << 20);
        let label = EFI_LABEL.to_owned();
        let options = FatOptions { size, serial: EFI_SERIAL, label, fat32: false };
        let mut image = Cursor::new(vec![0; size as usize]);
        fat::write(&mut image, &options, &tree).or_build(|| format!("cannot make {EFI_IMAGE}"))?;
        Ok(image.into_inner())
    }

    /// Its own EFI loaders, by path.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn efi_loaders(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let efi = self.efi_files()?.into_iter();
        let is_loader = |path: &String| path.to_ascii_lowercase().ends_with(".efi");
        efi.filter(is_loader).map(|path| Ok((path.clone(), self.read(&path)?))).collect()
    }

    /// The paths of what it has for UEFI.
    fn efi_files(&self) -> Result<Vec<String>> {
        let what = || format!("{}: cannot read {EFI_DIRECTORY}", self.location);
        let files = self.iso.walk().or_input(what)?.into_iter().filter_map(|(path, node)| {
            let path = String::from_utf8_lossy(&path).into_owned();
            let inside = path.strip_prefix(EFI_DIRECTORY).is_some_and(|p| p.starts_with('/'));
            (inside && node.kind == NodeKind::File && !path.ends_with("TRANS.TBL")).then_some(path)
        });
        Ok(files.collect())
    }

    /// What the user should know of it.
    pub fn note(&self) -> String {
        let time = self.iso.root().mtime;
        let label = self.iso.volume_id();
        format!("installer: {} (label `{label}`, of {})", self.path.display(), timestamp(time))
    }
}

/// The media in the order in which they were given.
fn candidates(select: &Select, spec: &Spec) -> Vec<Candidate> {
    let of_path = |location: &str, path: &Path| Candidate {
        location: location.to_owned(),
        path: match path.is_file() {
            true => Ok(path.to_owned()),
            false if path.is_dir() => Err("it is a directory, not the ISO file".to_owned()),
            false => Err("it is not an ISO file on this machine; download it".to_owned()),
        },
    };
    if !select.media.is_empty() {
        let of_word = |word: &String| match word.as_str() {
            // Its packages come from the tree that the image is of.
            "practice" => {
                let made = ::practice::Practice::at(&select.cache.join("practice"));
                of_path(&made.os.to_string_lossy(), &made.os_iso)
            }
            word => {
                let path = word.strip_prefix("file://").unwrap_or(word);
                of_path(path, Path::new(path))
            }
        };
        return select.media.iter().map(of_word).collect();
    }
    let of_repository = |source: &RepositorySource| match source {
        RepositorySource::Path(path) => of_path(&source.to_string(), path),
        RepositorySource::Url(url) => of_path(url, Path::new("")),
    };
    spec.repositories.iter().map(|repository| of_repository(&repository.source)).collect()
}
