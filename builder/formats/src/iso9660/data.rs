//! Files' data, as it is written.

use super::eltorito;
use super::error::IsoWriteError;
use super::layout::Layout;
use super::model::SECTOR;
use std::io::{self, Read, Write};

/// Writes a file's data up to the next sector.
pub fn write_file(
    out: &mut impl Write,
    layout: &Layout,
    number: usize,
    patched: bool,
) -> Result<(), IsoWriteError> {
    let file = &layout.files[number];
    let path = || format!("/{}", String::from_utf8_lossy(file.path));
    let failed = |source| IsoWriteError::File { path: path(), source };
    let size = file.entry.size();
    let mut reader = file.entry.open().map_err(failed)?.take(size);
    let mut done = 0;
    if patched {
        let mut image = Vec::new();
        done = reader.read_to_end(&mut image).map_err(failed)? as u64;
        eltorito::patch(&mut image, file.sector, &path())?;
        out.write_all(&image)?;
    }
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = reader.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        out.write_all(&buffer[..count])?;
        done += count as u64;
    }
    let mut rest = reader.into_inner();
    if done != size || rest.read(&mut buffer[..1]).map_err(failed)? != 0 {
        return Err(IsoWriteError::path(file.path, "its length changed while it was read"));
    }
    pad_sector(out, size)
}

/// Zeros after `written` bytes up to a sector's end.
pub fn pad_sector(out: &mut impl Write, written: u64) -> Result<(), IsoWriteError> {
    pad(out, written.next_multiple_of(SECTOR) - written)
}

pub fn pad(out: &mut impl Write, size: u64) -> Result<(), IsoWriteError> {
    io::copy(&mut io::repeat(0).take(size), out)?;
    Ok(())
}
