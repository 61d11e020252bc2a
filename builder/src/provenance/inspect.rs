//! What a disk image is: format, partitions, system, kernels, node.

use crate::base::error::Result;
use crate::image::{Filesystem, Image, ImageContent, Volume};
use crate::layout::{SECTOR, disk_name};
use crate::provenance::manifest::Manifest;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Schema number of a description.
pub const SCHEMA: u32 = 1;

/// An image described.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Its file, then the backing files below it.
    pub files: Vec<PathBuf>,
    /// `raw` or `qcow2`.
    pub format: &'static str,
    /// The disk's size in bytes.
    pub size: u64,
    /// Bytes of a sector, by which its partition table counts.
    pub sector: u64,
    /// Further disks of the machine, where a manifest is next to the image that names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_disks: Vec<InspectedDisk>,
    /// The kind of its partition table: `gpt` or `msdos`.
    pub label: &'static str,
    /// The disk's GUID, or the signature of an msdos label.
    pub guid: String,
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// Logical volumes of LVM in the partitions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logical_volumes: Vec<LogicalVolume>,
    /// The system's own name (os-release), if its root filesystem can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Kernels in /boot.
    pub kernels: Vec<String>,
    /// The node's firstboot spec: lab, name, role, address, plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<InspectedNode>,
    /// Packages, where a manifest is next to the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<u64>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

/// A further disk of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedDisk {
    /// Its name in the machine.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its GUID, or the signature of an msdos label.
    pub guid: String,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// The disk that it is on, unless that is the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Its first byte.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its filesystem, if it has one that is known.
    pub filesystem: Option<&'static str>,
    /// The filesystem's UUID as fstab spells it.
    pub uuid: Option<String>,
}

/// One logical volume of LVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogicalVolume {
    /// `group/name`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its filesystem, if it has one that is known.
    pub filesystem: Option<&'static str>,
    /// The filesystem's UUID as fstab spells it.
    pub uuid: Option<String>,
}

/// Whose image it is, by the firstboot spec in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InspectedNode {
    /// The lab.
    pub lab: String,
    /// The node.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Its address.
    pub address: String,
    /// SHA-256 of the plan that the image was created from.
    pub plan: String,
}

/// Looks into the image at `path`.
///
/// # Errors
/// An input error when it is not a disk image.
pub fn inspect(path: &Path) -> Result<Description> {
    let manifest = path.with_file_name("manifest.json");
    let manifest = manifest.exists().then(|| Manifest::read(&manifest));
    let mut image = Image::open(path)?;
    let mut notes = Vec::new();
    if let Some(Ok(manifest)) = &manifest {
        match Image::open(path)?.with_further(&manifest.further_images(path)) {
            Ok(whole) => image = whole,
            Err(e) => notes.push(e.to_string()),
        }
    }
    notes.extend(image.table.damage.iter().cloned());
    let further = image.further.iter().zip(1..).map(|(disk, index)| InspectedDisk {
        name: disk_name(index),
        size: disk.size(),
        guid: disk.table.identifier.clone(),
    });
    let further_disks = further.collect();
    let (partitions, logical_volumes) = volumes(&image)?;
    let mut description = Description {
        schema: SCHEMA,
        files: image.files.clone(),
        format: image.format,
        size: image.size(),
        sector: SECTOR,
        further_disks,
        label: image.table.label,
        guid: image.table.identifier.clone(),
        partitions,
        logical_volumes,
        system: None,
        kernels: Vec::new(),
        node: None,
        packages: None,
        notes,
    };
    match ImageContent::of(&image) {
        Ok(content) => inside(&content, &mut description)?,
        Err(e) => description.notes.push(e.to_string()),
    }
    if let Some(manifest) = manifest {
        match manifest.and_then(|m| m.node_of(path).map(|_| m.plan.packages.len())) {
            Ok(count) => description.packages = Some(count as u64),
            Err(e) => description.notes.push(e.to_string()),
        }
    }
    Ok(description)
}

/// Partitions and logical volumes.
fn volumes(image: &Image) -> Result<(Vec<Partition>, Vec<LogicalVolume>)> {
    let (mut partitions, mut logical) = (Vec::new(), Vec::new());
    for volume in image.volumes()? {
        let filesystem = match volume.filesystem {
            Filesystem::Ext(what) => Some(what),
            Filesystem::Fat => Some("FAT"),
            Filesystem::Physical => Some("LVM"),
            Filesystem::Unread(what) => Some(what),
            Filesystem::None => None,
        };
        let size = volume.bytes().size();
        let Volume { number, disk, name, uuid, .. } = volume;
        let table = match disk.checked_sub(1).and_then(|index| image.further.get(index)) {
            Some(further) => &further.table,
            None => &image.table,
        };
        match number {
            Some(number) => partitions.push(Partition {
                disk: (disk > 0).then(|| disk_name(disk)),
                number,
                name,
                offset: table.partitions[&number].first_lba * SECTOR,
                size,
                filesystem,
                uuid,
            }),
            None => logical.push(LogicalVolume { name, size, filesystem, uuid }),
        }
    }
    Ok((partitions, logical))
}

fn inside(content: &ImageContent<'_>, description: &mut Description) -> Result<()> {
    const MOST: u64 = 1 << 20;
    let text = |path: &str| -> Result<Option<String>> {
        let bytes = content.read(path.as_bytes(), MOST)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let release = match text("etc/os-release")? {
        Some(text) => Some(text),
        None => text("usr/lib/os-release")?,
    };
    description.system = release.and_then(|text| {
        let name = text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="))?.to_owned();
        Some(name.trim_matches(['"', '\'']).to_owned())
    });
    let kernel = |name: String| name.strip_prefix("vmlinuz-").map(str::to_owned);
    description.kernels = content.names(b"boot")?.into_iter().filter_map(kernel).collect();
    description.kernels.sort();
    let spec = text(contract::spec::PATH.trim_start_matches('/'))?;
    description.node = spec.as_deref().and_then(node);
    description.notes.extend(content.unread.iter().cloned());
    Ok(())
}

/// By key, not as a whole: the image may be of another version of firstboot.
fn node(spec: &str) -> Option<InspectedNode> {
    let spec: toml::Value = toml::from_str(spec).ok()?;
    let text = |keys: &[&str]| {
        let value = keys.iter().try_fold(&spec, |value, key| value.get(key));
        value.and_then(toml::Value::as_str).unwrap_or_default().to_owned()
    };
    Some(InspectedNode {
        lab: text(&["lab"]),
        name: text(&["node", "name"]),
        role: text(&["node", "role"]),
        address: text(&["node", "address"]),
        plan: text(&["image", "plan"]),
    })
}
