//! Images written: ISO 9660 level 3 with Rock Ridge and El Torito.

mod boot;
mod items;
mod names;
mod plan;
mod records;
mod rockridge;

use super::{Error, Platform, SECTOR, date};
use crate::format::tree::Tree;
use items::Data;
use plan::Plan;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// What an image has beside its tree.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Volume identifier: at most 32 printable ASCII characters. Installers
    /// look media up by it; GRUB and udev want it without spaces.
    pub volume_id: String,
    /// The volume's creation and modification time, seconds since 1970.
    pub time: i64,
    /// Boot images, the default one first; empty for an image that does not boot.
    pub el_torito: Vec<BootEntry>,
    /// Makes the image start from a USB disk too.
    pub hybrid: Option<Hybrid>,
}

/// A boot image of the El Torito catalogue, without emulation.
#[derive(Clone, Debug)]
pub struct BootEntry {
    /// The firmware it is for.
    pub platform: Platform,
    /// The image's path in the tree.
    pub path: String,
    /// 512-byte sectors that firmware loads: 4 for isolinux and GRUB; for EFI
    /// the image's size, 0 where that does not fit.
    pub load_sectors: u16,
    /// Writes into bytes 8..64 of the image where it and the volume are, as
    /// isolinux and GRUB for BIOS need it.
    pub boot_info_table: bool,
}

/// An MBR before the image, as isohybrid of syslinux makes it: the whole image
/// is the first partition, its EFI boot image the second.
#[derive(Clone, Debug)]
pub struct Hybrid {
    /// Boot code of at most 432 bytes: `isohdpfx.bin`, which starts the
    /// default boot image.
    pub code: Vec<u8>,
    /// The MBR's disk signature.
    pub disk_id: u32,
}

/// Writes `tree` as an image from byte 0 of `out` on and returns its length in
/// bytes. The same tree and options give the same bytes.
///
/// Extended attributes are not kept. Interrupting is the caller's: `out` may fail.
///
/// # Errors
/// [`Error::Option`] or [`Error::Entry`] when something does not fit the
/// format or a file is not as long as its entry says, [`Error::Io`] from `out`.
pub fn write(out: &mut (impl Write + Seek), options: &Options, tree: &Tree) -> Result<u64, Error> {
    let plan = Plan::new(tree, options)?;
    let mut out = Image { out, position: 0 };
    out.out.seek(SeekFrom::Start(0))?;
    out.put(&boot::system_area(options, &plan)?)?;
    out.put_sectors(&descriptor(options, &plan))?;
    if let Some(catalogue) = plan.catalogue {
        out.put_sectors(&boot::record(catalogue))?;
    }
    out.put_sectors(b"\xffCD001\x01")?;
    out.put_sectors(&plan.path_table(u16::to_le_bytes, u32::to_le_bytes))?;
    out.put_sectors(&plan.path_table(u16::to_be_bytes, u32::to_be_bytes))?;
    if plan.catalogue.is_some() {
        out.put_sectors(&boot::catalogue(options, &plan))?;
    }
    for index in 0..plan.directories.len() {
        let directory = plan.directory(index)?;
        out.put(&directory.records)?;
        out.put(&directory.continuations)?;
    }
    for (index, data) in plan.tree.data.iter().enumerate() {
        let boots = options.el_torito.iter().zip(&plan.boot);
        let table = boots
            .filter(|(boot, _)| boot.boot_info_table)
            .any(|(_, &item)| plan.tree.items[item].data == Some(index));
        put_data(&mut out, data, table)?;
    }
    out.pad_to(u64::from(plan.sectors) * SECTOR)?;
    out.out.flush()?;
    Ok(out.position)
}

/// What is written, and how far it is.
struct Image<'a, W> {
    out: &'a mut W,
    position: u64,
}

impl<W: Write> Image<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.position += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn put_sectors(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)?;
        self.pad_to(self.position.next_multiple_of(SECTOR))
    }

    fn pad_to(&mut self, position: u64) -> io::Result<()> {
        while self.position < position {
            let zeros = [0; SECTOR as usize];
            let most = (position - self.position).min(SECTOR) as usize;
            self.put(&zeros[..most])?;
        }
        Ok(())
    }
}

/// Writes a file's bytes, with a boot information table in them if `table`.
fn put_data<W: Write>(out: &mut Image<'_, W>, data: &Data<'_>, table: bool) -> Result<(), Error> {
    let failed = |e: io::Error| Error::entry(data.path, e.to_string());
    let mut reader = data.entry.open().map_err(failed)?;
    if table {
        return Ok(out.put_sectors(&boot::with_info_table(data, reader)?)?);
    }
    let size = data.entry.size();
    let mut left = size;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX)).max(1);
        let read = match reader.read(&mut buffer[..most]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            result => result.map_err(failed)?,
        };
        match (read, left) {
            (0, 0) => break,
            (0, _) => {
                let what = format!("it is shorter than the {} bytes expected", size);
                return Err(Error::entry(data.path, what));
            }
            (_, 0) => {
                let what = format!("it is longer than the {} bytes expected", size);
                return Err(Error::entry(data.path, what));
            }
            _ => out.put(&buffer[..read])?,
        }
        left -= read as u64;
    }
    Ok(out.pad_to(out.position.next_multiple_of(SECTOR))?)
}

/// A number in both byte orders, as descriptors and records have them.
fn both32(value: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&value.to_le_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

/// As [`both32`].
fn both16(value: u16) -> [u8; 4] {
    let [low, high] = value.to_le_bytes();
    [low, high, high, low]
}

/// The primary volume descriptor (ECMA-119 8.4).
fn descriptor(options: &Options, plan: &Plan<'_>) -> Vec<u8> {
    let mut sector = vec![0; SECTOR as usize];
    sector[..7].copy_from_slice(b"\x01CD001\x01");
    // Text fields: system, volume; volume set to bibliographic file.
    sector[8..72].fill(b' ');
    sector[190..813].fill(b' ');
    sector[40..40 + options.volume_id.len()].copy_from_slice(options.volume_id.as_bytes());
    sector[80..88].copy_from_slice(&both32(plan.sectors));
    sector[120..124].copy_from_slice(&both16(1));
    sector[124..128].copy_from_slice(&both16(1));
    sector[128..132].copy_from_slice(&both16(SECTOR as u16));
    sector[132..140].copy_from_slice(&both32(plan.path_table_bytes));
    sector[140..144].copy_from_slice(&plan.path_tables[0].to_le_bytes());
    sector[148..152].copy_from_slice(&plan.path_tables[1].to_be_bytes());
    sector[156..190].copy_from_slice(&records::root(plan));
    let time = date::to_long(options.time);
    sector[813..830].copy_from_slice(&time);
    sector[830..847].copy_from_slice(&time);
    // Never expires, effective from the start: digits zero, offset zero.
    sector[847..863].fill(b'0');
    sector[864..880].fill(b'0');
    sector[881] = 1;
    sector
}
