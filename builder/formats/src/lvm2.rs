//! LVM2 physical volumes and the metadata of their volume group. Source: lvm2's
//! lib/format_text/layout.h, lib/label/label.h and `lvmraid`-free text metadata as
//! lvm.conf(5)'s tools write it; version 2 of the header's extension, which lvm2 2.02.180 of
//! EL7 writes itself.

mod read;
mod text;

pub use read::{Found, Piece, ReadError, read};

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const SECTOR: u64 = 512;
/// Where the metadata area begins in a physical volume.
const AREA: u64 = 4096;
/// Where data begins: the first extent. LVM's default alignment.
pub const DATA: u64 = 1 << 20;
const AREA_SIZE: u64 = DATA - AREA;
const AREA_MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";
const CRC_START: u32 = 0xf597_a6cf;

/// A volume group, all physical volumes of which are in one file.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its UUID in LVM's form, with hyphens.
    pub uuid: String,
    /// Bytes in an extent, a power of two.
    pub extent: u64,
    /// Its physical volumes.
    pub physical: Vec<Physical>,
    /// Its logical volumes.
    pub volumes: Vec<Volume>,
    /// When it was made, seconds since 1970.
    pub time: i64,
}

/// A physical volume.
#[derive(Clone, Debug)]
pub struct Physical {
    /// Its UUID in LVM's form.
    pub uuid: String,
    /// A hint where it is, such as `/dev/vda3`.
    pub device: String,
    /// Where it is in the file, in bytes.
    pub offset: u64,
    /// Bytes in it.
    pub size: u64,
}

impl Physical {
    /// Whole extents in it.
    fn extents(&self, extent: u64) -> u64 {
        self.size.saturating_sub(DATA) / extent
    }
}

/// A logical volume: its segments one after the other.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its UUID in LVM's form.
    pub uuid: String,
    /// Its segments in order.
    pub segments: Vec<Segment>,
}

/// Adjoining extents of one physical volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which of the group's physical volumes they are on.
    pub physical: usize,
    /// The first of its extents there.
    pub first: u64,
    /// How many there are.
    pub extents: u64,
}

/// Writes label, headers and metadata of every physical volume of the group.
///
/// # Errors
/// When the metadata does not fit or writing fails.
pub fn write(out: &File, group: &Group) -> io::Result<()> {
    let mut text = metadata(group).into_bytes();
    text.push(0);
    if text.len() as u64 > AREA_SIZE - SECTOR {
        return Err(io::Error::other("the volume group has too many logical volumes"));
    }
    let header = area_header(&text);
    for physical in &group.physical {
        out.write_all_at(&label(physical), physical.offset + SECTOR)?;
        out.write_all_at(&header, physical.offset + AREA)?;
        out.write_all_at(&text, physical.offset + AREA + SECTOR)?;
    }
    Ok(())
}

/// The label's sector: label header, physical volume header, header extension.
fn label(physical: &Physical) -> Vec<u8> {
    let mut b = b"LABELONE".to_vec();
    b.extend(1u64.to_le_bytes()); // the label's own sector
    b.extend(0u32.to_le_bytes()); // checksum, below
    b.extend(32u32.to_le_bytes()); // where the next header is
    b.extend(b"LVM2 001");
    b.extend(physical.uuid.bytes().filter(|&c| c != b'-'));
    b.extend(physical.size.to_le_bytes());
    for (offset, size) in [(DATA, 0), (0, 0), (AREA, AREA_SIZE), (0, 0)] {
        b.extend(u64::to_le_bytes(offset));
        b.extend(u64::to_le_bytes(size));
    }
    b.extend(2u32.to_le_bytes()); // version of the extension
    b.extend(1u32.to_le_bytes()); // in use by a group
    b.extend([0; 16]); // no boot loader areas
    b.resize(SECTOR as usize, 0);
    let sum = crc(&b[20..]);
    b[16..20].copy_from_slice(&sum.to_le_bytes());
    b
}

fn area_header(text: &[u8]) -> Vec<u8> {
    let mut b = vec![0; 4];
    b.extend(AREA_MAGIC);
    b.extend(1u32.to_le_bytes());
    b.extend(AREA.to_le_bytes());
    b.extend(AREA_SIZE.to_le_bytes());
    // One place of metadata: offset within the area, size, checksum, flags.
    b.extend(SECTOR.to_le_bytes());
    b.extend((text.len() as u64).to_le_bytes());
    b.extend(crc(text).to_le_bytes());
    b.resize(SECTOR as usize, 0);
    let sum = crc(&b[4..]);
    b[..4].copy_from_slice(&sum.to_le_bytes());
    b
}

/// LVM's checksum: the CRC-32 of Ethernet with another start and no final inversion.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(CRC_START, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// The group's metadata as text.
fn metadata(group: &Group) -> String {
    let mut t = format!(
        "{} {{\nid = \"{}\"\nseqno = 1\nformat = \"lvm2\"\n\
         status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\nextent_size = {}\n\
         max_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n\nphysical_volumes {{\n",
        group.name,
        group.uuid,
        group.extent / SECTOR
    );
    // Writing to a String cannot fail.
    for (number, p) in group.physical.iter().enumerate() {
        let _ = write!(
            t,
            "\npv{number} {{\nid = \"{}\"\ndevice = \"{}\"\n\nstatus = [\"ALLOCATABLE\"]\n\
             flags = []\ndev_size = {}\npe_start = {}\npe_count = {}\n}}\n",
            p.uuid,
            p.device,
            p.size / SECTOR,
            DATA / SECTOR,
            p.extents(group.extent)
        );
    }
    t.push_str("}\n\nlogical_volumes {\n");
    for v in &group.volumes {
        let _ = write!(
            t,
            "\n{} {{\nid = \"{}\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nflags = []\n\
             creation_time = {}\ncreation_host = \"localhost\"\nsegment_count = {}\n",
            v.name,
            v.uuid,
            group.time,
            v.segments.len()
        );
        let mut start = 0;
        for (number, s) in (1..).zip(&v.segments) {
            let _ = write!(
                t,
                "\nsegment{number} {{\nstart_extent = {start}\nextent_count = {}\n\n\
                 type = \"striped\"\nstripe_count = 1\n\nstripes = [\n\"pv{}\", {}\n]\n}}\n",
                s.extents, s.physical, s.first
            );
            start += s.extents;
        }
        t.push_str("}\n");
    }
    let _ = write!(
        t,
        "}}\n\n}}\n# Generated by imgbuild\n\ncontents = \"Text Format Volume Group\"\n\
         version = 1\n\ndescription = \"\"\n\ncreation_host = \"localhost\"\ncreation_time = {}\n\n",
        group.time
    );
    t
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    pub const MIB: u64 = 1 << 20;

    fn pvck(arguments: &[&str]) -> String {
        let output = Command::new("pvck").args(arguments).output().expect("Debian package lvm2");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{errors}");
        said
    }

    pub fn group() -> Group {
        Group {
            name: "centos".into(),
            uuid: "abcdef-ghij-klmn-opqr-stuv-wxyz-ABCDEF".into(),
            extent: 4 * MIB,
            physical: vec![
                Physical {
                    uuid: "000000-1111-2222-3333-4444-5555-666666".into(),
                    device: "/dev/vda3".into(),
                    offset: 0,
                    size: 101 * MIB,
                },
                Physical {
                    uuid: "000000-1111-2222-3333-4444-5555-777777".into(),
                    device: "/dev/vda4".into(),
                    offset: 101 * MIB,
                    size: 41 * MIB,
                },
            ],
            volumes: vec![
                Volume {
                    name: "root".into(),
                    uuid: "111111-2222-3333-4444-5555-6666-777777".into(),
                    segments: vec![
                        Segment { physical: 0, first: 2, extents: 23 },
                        Segment { physical: 1, first: 0, extents: 7 },
                    ],
                },
                Volume {
                    name: "swap".into(),
                    uuid: "111111-2222-3333-4444-5555-6666-888888".into(),
                    segments: vec![Segment { physical: 0, first: 0, extents: 2 }],
                },
            ],
            time: 1_500_000_000,
        }
    }

    #[test]
    fn pvck_accepts_headers_and_metadata() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(142 * MIB).unwrap();
        write(file.as_file(), &group()).unwrap();
        let path = file.path().to_str().unwrap();
        let headers = pvck(&["--dump", "headers", path]);
        for line in [
            "label_header at 512",
            "pv_header.device_size 105906176",
            "pv_header.disk_locn[0].offset 1048576",
            "mda_header_1 at 4096",
        ] {
            assert!(headers.contains(line), "{line}: {headers}");
        }
        let lower = headers.to_lowercase();
        assert!(!lower.contains("should be") && !lower.contains("invalid"), "{headers}");
        let text = pvck(&["--dump", "metadata", path]);
        for line in ["segment_count = 2", "start_extent = 23", "\"pv0\", 2", "\"pv1\", 0"] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
