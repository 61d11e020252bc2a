//! An image against the manifest of its build: the file itself where it is untouched, else
//! everything in it.

use crate::base::error::{Class, Context, Error, Result};
use crate::base::files::open_regular;
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use crate::image::checksum;
use crate::image::listing::{self, Change, Listing};
use crate::image::{Image, ImageContent, PartitionTable, signature_text};
use crate::layout::{DiskLabel, DiskRange, Layout};
use crate::provenance::manifest::{Manifest, Output, Region};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Schema number of a report.
pub const SCHEMA: u32 = 1;

/// What `verify` found out.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The image.
    pub image: PathBuf,
    /// The manifest it was compared with.
    pub manifest: PathBuf,
    /// The node it is of.
    pub node: String,
    /// Whether it is as it was built.
    pub equal: bool,
    /// Whether every file of the image (it and its backing files) has its SHA-256, so that
    /// nothing in it needed to be looked at.
    pub untouched: bool,
    /// What differs.
    pub differences: Vec<Difference>,
    /// What of the image could not be compared, and why.
    pub unread: Vec<String>,
}

impl VerifyReport {
    /// Of an image that nothing is known of yet.
    fn new(image: &Path, manifest: &Path, node: &str) -> Self {
        Self {
            schema: SCHEMA,
            image: image.to_owned(),
            manifest: manifest.to_owned(),
            node: node.to_owned(),
            equal: false,
            untouched: false,
            differences: Vec::new(),
            unread: Vec::new(),
        }
    }
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `image`, `disk`, `partition`, `boot`, `filesystem` or `file`.
    pub kind: &'static str,
    /// A path in the image for `file`, else a name.
    pub place: String,
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// What differs; for `file`: type, mode, owner, group, size, content, target, device,
    /// attributes, time.
    pub what: Vec<String>,
}

impl Difference {
    /// Something that is not as it should be.
    pub fn changed(kind: &'static str, place: impl Into<String>, what: String) -> Self {
        Self { kind, place: place.into(), change: "changed", what: vec![what] }
    }

    /// One difference of two listings.
    pub fn of_file(path: &[u8], change: &Change) -> Self {
        let (change, what) = match change {
            Change::Added => ("added", Vec::new()),
            Change::Removed => ("removed", Vec::new()),
            Change::Changed(fields) => ("changed", fields.iter().map(|f| (*f).into()).collect()),
        };
        Self { kind: "file", place: listing::shown(path), change, what }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.kind == "file" { String::new() } else { format!("{}: ", self.kind) };
        write!(f, "{}: {kind}{}", self.change, self.place)?;
        if self.what.is_empty() { Ok(()) } else { write!(f, ": {}", self.what.join(", ")) }
    }
}

/// Compares every file of the build whose manifest is at `place`: images that can be read as disks
/// as [`verify`] does, others by their digests.
///
/// # Errors
/// An input error when the manifest or an image cannot be read.
pub fn verify_build(place: &Path, progress: &mut Progress) -> Result<Vec<VerifyReport>> {
    let manifest = Manifest::read(place)?;
    let mut reports = Vec::new();
    for file in &manifest.files {
        let path = place.with_file_name(&file.file);
        let is_disk = [".raw", ".qcow2"].iter().any(|end| file.file.ends_with(end));
        // What nodes share is read with their images.
        if is_disk && manifest.is_further(file) && path.exists() {
            continue;
        }
        if is_disk && !file.node.is_empty() && path.exists() {
            reports.push(verify(&path, Some(place), progress)?);
            continue;
        }
        let differences = match path.exists() {
            true => changed_file(&path, file, &manifest, place, progress)?.into_iter().collect(),
            false => vec![Difference {
                kind: "image",
                place: file.file.clone(),
                change: "removed",
                what: Vec::new(),
            }],
        };
        reports.push(VerifyReport {
            equal: differences.is_empty(),
            untouched: differences.is_empty(),
            differences,
            ..VerifyReport::new(&path, place, &file.node)
        });
    }
    progress.finish();
    Ok(reports)
}

/// Compares the image at `path` with `manifest`, or with the `manifest.json` next to it.
///
/// # Errors
/// An input error when the image or the manifest cannot be read.
pub fn verify(
    path: &Path,
    manifest: Option<&Path>,
    progress: &mut Progress,
) -> Result<VerifyReport> {
    let place = manifest.map_or_else(|| path.with_file_name("manifest.json"), Path::to_owned);
    let manifest = Manifest::read(&place)?;
    let node = manifest.node_of(path)?;
    open_regular(path).or_input(|| format!("cannot read {}", path.display()))?;
    let mut report = VerifyReport::new(path, &place, &node.name);
    let further = manifest.further_images(path);
    let image = match Image::open(path).and_then(|image| image.with_further(&further)) {
        Ok(image) => image,
        // It is there and no longer an image: what verify is for.
        Err(e) if e.class == Class::Input && is_output(&manifest, path) => {
            report.unread.push(e.to_string());
            return Ok(report);
        }
        Err(e) => return Err(e),
    };
    let stored = stored(&image, &manifest, &place, progress)?;
    if let Some(stored) = &stored
        && stored.is_empty()
    {
        progress.finish();
        (report.equal, report.untouched) = (true, true);
        return Ok(report);
    }
    report.differences = disk(&image, &manifest.plan.disk);
    report.differences.extend(boot(&image, &node.boot, &mut report.unread));
    let expected = read_listing(&place.with_file_name(&node.listing))?;
    match ImageContent::of(&image) {
        Ok(content) => {
            progress.stage("reading the image's files", Unit::Bytes);
            report.differences.extend(filesystems(&content, &manifest.plan.disk));
            report.unread.extend(content.unread.iter().cloned());
            report.differences.extend(files(&content, &expected, &mut report.unread, progress)?);
        }
        // What the manifest says of a filesystem that cannot be read is not known to be true.
        Err(e) => report.unread.push(e.to_string()),
    }
    // Only unused space is left, or the image format's own bytes.
    if report.differences.is_empty() {
        report.differences.extend(stored.into_iter().flatten());
    }
    progress.finish();
    report.equal = report.differences.is_empty() && report.unread.is_empty();
    Ok(report)
}

/// The image's files against their digests; `None` when one is none of the build's outputs,
/// as after a conversion.
fn stored(
    image: &Image,
    manifest: &Manifest,
    place: &Path,
    progress: &mut Progress,
) -> Result<Option<Vec<Difference>>> {
    let mut outputs = Vec::new();
    for path in &image.files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match manifest.files.iter().find(|f| f.file == name) {
            Some(output) => outputs.push((path, output)),
            None => return Ok(None),
        }
    }
    let mut differences = Vec::new();
    for (path, output) in outputs {
        let changed = changed_file(path, output, manifest, place, progress)?;
        differences.extend(changed.map(|mut difference| {
            difference.what.push(
                "no partition, boot loader or file differs, so unused space does, or the way the \
                 image is stored"
                    .to_owned(),
            );
            difference
        }));
    }
    Ok(Some(differences))
}

/// A file against the digest that its build has of it: its own, or those of its block map.
fn changed_file(
    path: &Path,
    output: &Output,
    manifest: &Manifest,
    place: &Path,
    progress: &mut Progress,
) -> Result<Option<Difference>> {
    progress.stage("checksum of the image", Unit::Bytes);
    let what = if let Some((map, sha256)) = manifest.block_map(output) {
        let map_path = place.with_file_name(map);
        let mut on = |done, total| progress.at(done, total, &output.file);
        checksum::mapped_difference(path, &map_path, sha256, &mut on)?
            .map(|first| format!("from byte {first} on it is not what {map} says"))
    } else {
        let mut done = 0;
        let found = checksum::sha256(path, &mut |read| {
            done += read;
            progress.at(done, output.size, &output.file);
        })?;
        let expected = output.sha256.as_deref().unwrap_or("nothing of it");
        (found != expected).then(|| format!("SHA-256 is {found}, the manifest says {expected}"))
    };
    Ok(what.map(|what| Difference::changed("image", output.file.clone(), what)))
}

/// Partition table and identifiers.
fn disk(image: &Image, layout: &Layout) -> Vec<Difference> {
    let first = [(image.size(), &image.table)].into_iter();
    let tables = first.chain(image.further.iter().map(|disk| (disk.size(), &disk.table)));
    let found: Vec<_> = tables.collect();
    let disks = layout.disks();
    let mut differences = Vec::new();
    for (planned, (size, table)) in disks.iter().zip(&found) {
        differences.extend(compare_disk(*size, table, planned, layout));
    }
    let missing = disks.iter().skip(found.len());
    differences.extend(missing.map(|disk| Difference {
        kind: "disk",
        place: disk.name.clone(),
        change: "removed",
        what: vec!["its image was not read with the first disk's".to_owned()],
    }));
    differences
}

/// One disk's table.
fn compare_disk(
    size: u64,
    table: &PartitionTable,
    disk: &DiskRange<'_>,
    layout: &Layout,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut expect = |kind, place: &str, what: &str, found: String, expected: String| {
        if !found.eq_ignore_ascii_case(&expected) {
            let what = format!("{what} is {found}, planned is {expected}");
            differences.push(Difference::changed(kind, place, what));
        }
    };
    expect("disk", "size", "size", size.to_string(), disk.size.to_string());
    expect("disk", "partition table", "label", table.label.into(), layout.label.as_str().into());
    let identifier = match layout.label {
        DiskLabel::Gpt => disk.guid.to_owned(),
        DiskLabel::Msdos => Layout::signature(disk).map(signature_text).unwrap_or_default(),
    };
    expect("disk", "identifier", "identifier", table.identifier.clone(), identifier);
    let damage = table.damage.clone().unwrap_or_else(|| "whole".into());
    expect("disk", "partition table", "its state", damage, "whole".into());
    let partitions = layout.numbered(disk);
    for &(number, planned) in &partitions {
        let name = planned.name.as_str();
        let Some(found) = table.partitions.get(&number) else {
            expect("partition", name, "number", "gone".into(), number.to_string());
            continue;
        };
        let kind = match layout.label {
            DiskLabel::Gpt => {
                expect("partition", name, "name", found.name.clone(), name.to_owned());
                let guid = planned.guid.clone();
                expect("partition", name, "identifier", found.guid.clone(), guid);
                planned.type_guid().to_owned()
            }
            DiskLabel::Msdos => format!("{:#04x}", planned.msdos_type()),
        };
        expect("partition", name, "type", found.kind.clone(), kind);
        let blocks = |first: u64, last: u64| format!("blocks {first} to {last}");
        let (first, last) = planned.blocks(disk);
        let place = blocks(first, last);
        expect("partition", name, "place", blocks(found.first_lba, found.last_lba), place);
    }
    let planned: Vec<u32> = partitions.iter().map(|(number, _)| *number).collect();
    for (number, found) in table.partitions.iter().filter(|(n, _)| !planned.contains(n)) {
        let what = format!("{number} is not planned");
        expect("partition", &found.name, "number", what, "none".into());
    }
    differences
}

fn filesystems(content: &ImageContent<'_>, layout: &Layout) -> Vec<Difference> {
    let expected = layout.filesystems();
    let mut differences = Vec::new();
    for (mount, uuid) in content.uuids() {
        let planned = expected.iter().map(|(_, files)| files).find(|f| f.mount == mount);
        let Some(planned) = planned.map(|files| files.uuid.as_str()) else { continue };
        if !uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(planned)) {
            let what = format!("UUID is {}, planned is {planned}", uuid.unwrap_or("none"));
            differences.push(Difference::changed("filesystem", mount, what));
        }
    }
    differences
}

/// Whether the build has made a file of this name.
fn is_output(manifest: &Manifest, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    manifest.files.iter().any(|file| file.file == name)
}

/// Every file; what of them cannot be read goes to `unread`.
fn files(
    content: &ImageContent<'_>,
    expected: &Listing,
    unread: &mut Vec<String>,
    progress: &mut Progress,
) -> Result<Vec<Difference>> {
    let mut damaged: Vec<Vec<u8>> = Vec::new();
    let found =
        content.listing(&mut |done, total| progress.at(done, total, ""), &mut |path, why| {
            damaged.push(path.to_vec());
            unread.push(why.to_string());
            interrupt::check()
        })?;
    // Nothing is known of what is damaged and, in a filesystem, of what is below it.
    let is_known = |path: &[u8]| {
        !damaged.iter().any(|d| {
            d.is_empty() || path.strip_prefix(&d[..]).is_some_and(|r| r.is_empty() || r[0] == b'/')
        })
    };
    let changes = listing::compare(expected, &found);
    let known = changes.iter().filter(|(path, _)| is_known(path));
    Ok(known.map(|(path, change)| Difference::of_file(path, change)).collect())
}

fn boot(image: &Image, regions: &[Region], unread: &mut Vec<String>) -> Vec<Difference> {
    let mut differences = Vec::new();
    for region in regions {
        let bytes = match image.bytes(region.offset, region.size) {
            Ok(bytes) => bytes,
            Err(e) => {
                unread.push(format!("{}: {e}", region.name));
                continue;
            }
        };
        let found = hex::encode(Sha256::digest(bytes));
        if found != region.sha256 {
            let what = format!(
                "SHA-256 of {} bytes at byte {} is {found}, the manifest says {}",
                region.size, region.offset, region.sha256
            );
            differences.push(Difference::changed("boot", region.name.clone(), what));
        }
    }
    differences
}

/// Reads a listing as the build left it.
///
/// # Errors
/// An input error when it is missing or damaged.
pub fn read_listing(path: &Path) -> Result<Listing> {
    let what = || format!("cannot read the list of the image's files, {}", path.display());
    let file = open_regular(path).or_input(what)?;
    let mut text = String::new();
    zstd::stream::read::Decoder::new(file)
        .and_then(|mut from| std::io::Read::read_to_string(&mut from, &mut text))
        .or_input(what)?;
    listing::parse(&text)
        .map_err(|line| Error::input(format!("{}: line {line} is damaged", path.display())))
}
