//! The identifiers of a disk that is laid out, all derived from one seed.

use super::arrangement::{ArrangedGroup, ArrangedPartition, Arrangement};
use super::disk_names::disk_name;
use super::disk_range::FurtherDisk;
use super::ids::{lvm_uuid, serial, uuid};
use super::model::{DeviceContent, Files, Format, Layout, Partition, Tmpfs, Volume, VolumeGroup};
use super::request::{FilesystemRequest, Target, TmpfsRequest};

impl Arrangement {
    /// The layout with identifiers from `seed`.
    pub fn identify(&self, seed: &str) -> Layout {
        let partitions = self.partitions.iter().enumerate();
        Layout {
            size: self.size_bytes,
            further: self.further(seed),
            label: self.label,
            guid: uuid(seed, "disk"),
            partitions: partitions
                .map(|(index, part)| identify_partition(part, &self.swap_key(index), seed))
                .collect(),
            groups: self.groups.iter().map(|group| identify_group(group, seed)).collect(),
            tmpfs: self.tmpfs.iter().map(plan_tmpfs).collect(),
            hash_seed: uuid(seed, "hash seed"),
        }
    }

    /// The disks after the first.
    fn further(&self, seed: &str) -> Vec<FurtherDisk> {
        let mut offset = self.size_bytes;
        let disk = |(index, size): (usize, &u64)| {
            let from = offset;
            offset += size;
            let guid = uuid(seed, &format!("disk {}", disk_name(index + 1)));
            FurtherDisk { offset: from, size: *size, guid }
        };
        self.further_bytes.iter().enumerate().map(disk).collect()
    }

    /// What tells a swap partition from others: its line, and its number among those of that line
    /// number, which another file or the loop of a template may have as well.
    fn swap_key(&self, index: usize) -> String {
        let line = self.partitions[index].request.place.line;
        let is_same = |part: &&ArrangedPartition| {
            part.request.target == Target::Swap && part.request.place.line == line
        };
        match self.partitions[..index].iter().filter(is_same).count() {
            0 => line.to_string(),
            before => format!("{line}/{before}"),
        }
    }
}

fn plan_tmpfs(request: &TmpfsRequest) -> Tmpfs {
    let (size_mib, options) = (request.size_mib, request.options.clone());
    Tmpfs { mount: request.target.as_str().to_owned(), size_mib, options }
}

fn identify_partition(part: &ArrangedPartition, swap_key: &str, seed: &str) -> Partition {
    let target = &part.request.target;
    let content = match (target, &part.group) {
        (Target::BiosBoot, _) => DeviceContent::BiosBoot,
        (_, Some(group)) => DeviceContent::Physical {
            group: group.clone(),
            uuid: lvm_uuid(seed, &format!("physical volume {}", target.as_str())),
        },
        _ => identify_content(target, &part.request.filesystem, swap_key, seed),
    };
    Partition {
        name: partition_name(target),
        offset: part.offset_bytes,
        size: part.size_bytes,
        guid: uuid(seed, &partition_key(target, swap_key)),
        content,
        logical: part.logical,
        active: part.active,
    }
}

/// What tells a partition from all others: its target, but for swap, of which there may be several.
fn partition_key(target: &Target, swap_key: &str) -> String {
    match target {
        Target::Swap => format!("partition swap {swap_key}"),
        other => format!("partition {}", other.as_str()),
    }
}

/// GPT partition name, of at most 36 UTF-16 units.
fn partition_name(target: &Target) -> String {
    match target.as_str() {
        "biosboot" => "BIOS boot".into(),
        "/boot/efi" => "EFI System Partition".into(),
        "/" => "root".into(),
        other => {
            let mut units = 0;
            let fits = |c: &char| {
                units += c.len_utf16();
                units <= 36
            };
            other.chars().take_while(fits).collect()
        }
    }
}

fn identify_group(group: &ArrangedGroup, seed: &str) -> VolumeGroup {
    let volumes = group.volumes.iter().map(|volume| {
        let request = &volume.request;
        let what = format!("{}/{}", group.name, request.name);
        Volume {
            name: request.name.clone(),
            uuid: lvm_uuid(seed, &format!("logical volume {what}")),
            size: volume.size_bytes,
            pieces: volume.pieces.clone(),
            content: identify_content(&request.target, &request.filesystem, &what, seed),
        }
    });
    VolumeGroup {
        name: group.name.clone(),
        uuid: lvm_uuid(seed, &format!("volume group {}", group.name)),
        extent: group.extent_bytes,
        volumes: volumes.collect(),
    }
}

/// A filesystem or swap area; `swap_key` tells several swap areas apart.
fn identify_content(
    target: &Target,
    filesystem: &FilesystemRequest,
    swap_key: &str,
    seed: &str,
) -> DeviceContent {
    let (label, options) = (filesystem.label.clone(), filesystem.options.clone());
    let Target::Mount(mount) = target else {
        return DeviceContent::Swap {
            uuid: uuid(seed, &format!("swap {swap_key}")),
            label,
            options,
        };
    };
    let format = Format::of_mount(mount, filesystem.kind.as_deref());
    let what = format!("filesystem {mount}");
    DeviceContent::Files(Files {
        mount: mount.clone(),
        format,
        uuid: if format == Format::Efi { serial(seed, &what) } else { uuid(seed, &what) },
        label,
        options,
    })
}
