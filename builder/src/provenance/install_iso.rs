//! What an ISO image boots and installs, and whether it is as it was made.

use crate::base::error::{Context, Error, Result};
use crate::base::files::open_regular;
use crate::plan::install::{InstallPlan, MANIFEST};
use formats::fat;
use formats::iso9660::{
    Iso, IsoError, IsoWriteError, MediaSum, NodeKind, Platform, SystemArea, check_media_sum,
    read_system_area,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Schema number of a description.
pub const SCHEMA: u32 = 1;
/// Larger files are not read whole.
const LARGEST: u64 = 64 << 20;
/// The two copies of GRUB's configuration: which is read depends on the firmware.
const GRUB: &str = "EFI/BOOT/grub.cfg";
const EFI_IMAGE: &str = "images/efiboot.img";
/// Where the first volume descriptor begins that makes a file an ISO image.
const IDENTIFIER: u64 = 16 * 2048 + 1;

/// An ISO image described.
#[derive(Clone, Debug, Serialize)]
pub struct IsoDescription {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its volume label.
    pub label: String,
    /// What it starts by as a CD: `bios` or `uefi`.
    pub cd: Vec<&'static str>,
    /// The partitions that it has as a disk: those of the MBR, then of the GPT.
    pub partitions: Vec<String>,
    /// `right`, `wrong` or `absent`: the sum that the installer's check of its medium reads.
    pub media_sum: &'static str,
    /// How it installs, where imgbuild made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<InstallPlan>,
    /// Whether others than its owner may read it.
    pub readable_by_others: bool,
}

/// Whether a file is an ISO image.
pub fn is_iso(path: &Path) -> bool {
    let mut identifier = [0; 5];
    let read = open_regular(path).and_then(|file| file.read_exact_at(&mut identifier, IDENTIFIER));
    read.is_ok() && &identifier == b"CD001"
}

/// Describes an ISO image.
///
/// # Errors
/// An input error when it cannot be read or is damaged; interruption.
pub fn inspect(path: &Path, progress: &mut dyn FnMut(u64, u64) -> bool) -> Result<IsoDescription> {
    let what = || path.display().to_string();
    let (iso, file) = open(path)?;
    let images = iso.boot_images().or_input(what)?;
    let name = |platform| match platform {
        Some(Platform::Bios) => "bios",
        Some(Platform::Efi) => "uefi",
        None => "other",
    };
    let area = read_system_area(&file).or_input(what)?;
    let install = match read(&iso, MANIFEST).or_input(what)? {
        Some(bytes) => Some(plan(path, &bytes)?),
        None => None,
    };
    let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().or_input(what)?);
    Ok(IsoDescription {
        schema: SCHEMA,
        file: path.to_owned(),
        size: iso.length(),
        label: iso.volume_id().to_owned(),
        cd: images.iter().map(|image| name(image.platform)).collect(),
        partitions: area.map(|area| partitions(&area)).unwrap_or_default(),
        media_sum: match sum(path, &file, progress)? {
            MediaSum::Right => "right",
            MediaSum::Wrong => "wrong",
            MediaSum::Absent => "absent",
        },
        install,
        readable_by_others: mode & 0o077 != 0,
    })
}

/// What of an install medium is not as it was made; nothing when all is.
///
/// # Errors
/// An input error when it is not one that imgbuild made, or cannot be read; interruption.
pub fn verify(path: &Path, progress: &mut dyn FnMut(u64, u64) -> bool) -> Result<Vec<String>> {
    let what = || path.display().to_string();
    let (iso, file) = open(path)?;
    let manifest = read(&iso, MANIFEST).or_input(what)?.ok_or_else(|| {
        Error::input(format!("{} was not made by imgbuild: it has no {MANIFEST}", path.display()))
            .hint("`imgbuild inspect` describes any ISO file, and checks its media sum")
    })?;
    let mut differences = Vec::new();
    for (name, wanted) in &plan(path, &manifest)?.files {
        let node = iso.lookup(name).or_input(what)?.filter(|node| node.kind == NodeKind::File);
        let Some(node) = node else {
            differences.push(format!("{name} is missing"));
            continue;
        };
        let mut hash = Sha256::new();
        let mut from = iso.reader(&node).or_input(what)?;
        io::copy(&mut from, &mut hash).or_input(what)?;
        if hex::encode(hash.finalize()) != *wanted {
            differences.push(format!("{name} has changed"));
        }
    }
    let image = read(&iso, EFI_IMAGE).or_input(what)?.unwrap_or_default();
    let inside = fat::read_file(&image, GRUB, LARGEST).ok();
    if inside.is_none() || inside != read(&iso, GRUB).or_input(what)? {
        differences.push(format!("{GRUB} is another one inside {EFI_IMAGE}"));
    }
    match sum(path, &file, progress)? {
        MediaSum::Right => {}
        MediaSum::Wrong => differences.push("the media sum is another one".to_owned()),
        MediaSum::Absent => differences.push("the media sum is missing".to_owned()),
    }
    Ok(differences)
}

fn open(path: &Path) -> Result<(Iso, File)> {
    let what = || path.display().to_string();
    let file = open_regular(path).or_input(what)?;
    Ok((Iso::open(file.try_clone().or_input(what)?).or_input(what)?, file))
}

fn sum(path: &Path, file: &File, progress: &mut dyn FnMut(u64, u64) -> bool) -> Result<MediaSum> {
    check_media_sum(file, progress).map_err(|error| match error {
        IsoWriteError::Stopped => Error::interrupted(),
        error => Error::input(format!("{}: {error}", path.display())),
    })
}

fn plan(path: &Path, bytes: &[u8]) -> Result<InstallPlan> {
    serde_json::from_slice(bytes).or_input(|| format!("{}: {MANIFEST}", path.display()))
}

fn partitions(area: &SystemArea) -> Vec<String> {
    let mbr = area.partitions.iter().map(|(kind, first, blocks)| {
        format!("mbr type 0x{kind:02x}, blocks {first} to {}", first + blocks.saturating_sub(1))
    });
    let gpt = area
        .gpt
        .iter()
        .map(|(name, first, last)| format!("gpt `{name}`, blocks {first} to {last}"));
    mbr.chain(gpt).collect()
}

/// A small file of an image, if it has one at `path`.
fn read(iso: &Iso, path: &str) -> Result<Option<Vec<u8>>, IsoError> {
    let Some(node) = iso.lookup(path)?.filter(|node| node.kind == NodeKind::File) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let mut reader = iso.reader(&node)?.take(LARGEST);
    reader
        .read_to_end(&mut bytes)
        .map_err(|source| IsoError::Io { offset: node.extents[0].offset, source })?;
    Ok(Some(bytes))
}
