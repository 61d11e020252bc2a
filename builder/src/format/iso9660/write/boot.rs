//! El Torito (boot record, catalogue, boot information table) and the MBR of
//! hybrid images.

use super::items::{Data, Items};
use super::plan::Plan;
use super::{BootEntry, Error, Hybrid, Options, Platform, SECTOR};
use std::io::Read;

/// Sector of the primary volume descriptor.
const DESCRIPTOR: u32 = 16;
/// Largest boot image that gets a boot information table; isolinux has 24 KiB.
const MOST_WITH_TABLE: u64 = 64 << 20;
/// Entries of 32 bytes in the catalogue's sector, less the two of the default image.
const MOST_SECTIONS: usize = 31;

impl Platform {
    fn id(self) -> u8 {
        match self {
            Self::Bios => 0,
            Self::Efi => 0xef,
            Self::Other(id) => id,
        }
    }
}

/// The items of the boot images.
pub(super) fn find(options: &Options, tree: &Items<'_>) -> Result<Vec<usize>, Error> {
    if options.el_torito.len() > MOST_SECTIONS {
        return Err(Error::Option(format!("{} boot images", options.el_torito.len())));
    }
    let find = |boot: &BootEntry| {
        let path = boot.path.as_bytes();
        let item = tree.find(path).filter(|&item| {
            let data = tree.items[item].data.map(|data| &tree.data[data]);
            data.is_some_and(|data| data.entry.size() > 0)
        });
        item.ok_or_else(|| Error::entry(path, "the boot image is no file of the tree, or empty"))
    };
    options.el_torito.iter().map(find).collect()
}

/// The boot record volume descriptor (El Torito 2.0).
pub(super) fn record(catalogue: u32) -> Vec<u8> {
    let mut sector = vec![0; 75];
    sector[..7].copy_from_slice(b"\0CD001\x01");
    sector[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
    sector[71..75].copy_from_slice(&catalogue.to_le_bytes());
    sector
}

/// The boot catalogue (El Torito 2.1 to 2.4): the first image as the default
/// entry, a section for each further one.
pub(super) fn catalogue(options: &Options, plan: &Plan<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let boots = options.el_torito.iter().zip(&plan.boot);
    for (index, (boot, &item)) in boots.enumerate() {
        let mut header = [0; 32];
        header[1] = boot.platform.id();
        if index == 0 {
            header[0] = 1;
            header[30..].copy_from_slice(&[0x55, 0xaa]);
            let words = header.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
            let sum = words.fold(0, u16::wrapping_add);
            header[28..30].copy_from_slice(&0u16.wrapping_sub(sum).to_le_bytes());
        } else {
            let last = index + 1 == options.el_torito.len();
            header[0] = if last { 0x91 } else { 0x90 };
            header[2] = 1;
        }
        let mut entry = [0; 32];
        entry[0] = 0x88;
        entry[6..8].copy_from_slice(&boot.load_sectors.to_le_bytes());
        entry[8..12].copy_from_slice(&plan.data_of(item).0.to_le_bytes());
        bytes.extend(header);
        bytes.extend(entry);
    }
    bytes
}

/// Reads a boot image and puts the boot information table into its bytes
/// 8..64: sectors of the volume descriptor and the image, its length, and the
/// sum of its 32-bit words from byte 64 on.
pub(super) fn with_info_table(data: &Data<'_>, reader: impl Read) -> Result<Vec<u8>, Error> {
    let size = data.entry.size();
    if !(64..=MOST_WITH_TABLE).contains(&size) {
        let what = format!("{size} bytes is no size for a boot information table");
        return Err(Error::entry(data.path, what));
    }
    let mut bytes = Vec::new();
    let read = reader.take(size + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::entry(data.path, e.to_string()))?;
    if bytes.len() as u64 != size {
        return Err(Error::entry(data.path, format!("it does not have the {size} bytes expected")));
    }
    let sum = bytes[64..].chunks(4).fold(0u32, |sum, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_le_bytes(word))
    });
    bytes[8..64].fill(0);
    for (at, word) in [(8, DESCRIPTOR), (12, data.lba), (16, size as u32), (20, sum)] {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    Ok(bytes)
}

/// The 16 sectors before the volume descriptors.
pub(super) fn system_area(options: &Options, plan: &Plan<'_>) -> Result<Vec<u8>, Error> {
    let mut area = vec![0; DESCRIPTOR as usize * SECTOR as usize];
    let Some(Hybrid { code, disk_id }) = &options.hybrid else { return Ok(area) };
    if code.len() > 432 {
        return Err(Error::Option(format!("hybrid boot code of {} bytes", code.len())));
    }
    let Some(&default) = plan.boot.first() else {
        return Err(Error::Option("hybrid image without a boot image".into()));
    };
    // Disks count sectors of 512 bytes; as many as fit the partition table.
    let blocks = |sectors: u64| u32::try_from(sectors * 4).unwrap_or(u32::MAX);
    area[..code.len()].copy_from_slice(code);
    area[432..436].copy_from_slice(&blocks(plan.data_of(default).0.into()).to_le_bytes());
    area[440..444].copy_from_slice(&disk_id.to_le_bytes());
    let efi = options.el_torito.iter().position(|boot| boot.platform == Platform::Efi);
    // UEFI refuses tables whose partitions overlap, but does not look at type 0.
    let kind = if efi.is_some() { 0 } else { 0x17 };
    area[446..462].copy_from_slice(&partition(0x80, kind, 0, blocks(plan.sectors.into())));
    if let Some(index) = efi {
        let (lba, bytes) = plan.data_of(plan.boot[index]);
        let start = blocks(lba.into());
        let length = blocks(bytes.div_ceil(SECTOR));
        area[462..478].copy_from_slice(&partition(0, 0xef, start, length));
    }
    area[510..512].copy_from_slice(&[0x55, 0xaa]);
    Ok(area)
}

/// An entry of the MBR's partition table, without cylinders, heads and sectors.
fn partition(status: u8, kind: u8, start: u32, blocks: u32) -> [u8; 16] {
    let mut entry = [status, 0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    if start == 0 {
        // The first sector has an address by head and sector.
        entry[1..4].copy_from_slice(&[0, 1, 0]);
    }
    entry[8..12].copy_from_slice(&start.to_le_bytes());
    entry[12..16].copy_from_slice(&blocks.to_le_bytes());
    entry
}
