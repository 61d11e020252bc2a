//! Volume groups read back: where on its physical volumes each logical volume is.

use super::layout::{AREA_MAGIC, SECTOR, crc};
use super::text::{self, Section, TextError, TextValue};
use crate::bytes::{le32, le64};
use crate::read_at::ReadAt;
use std::collections::BTreeMap;
use std::io;
use thiserror::Error;

/// Metadata larger than this is not that of a lab.
const MAX_TEXT: u64 = 16 << 20;

/// Why a physical volume cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something is not as LVM writes it.
    #[error("LVM: {0}")]
    Damaged(String),
    /// The metadata's text is not as LVM writes it.
    #[error("LVM: {0}")]
    Text(#[from] TextError),
}

/// A logical volume as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its group's name.
    pub group: String,
    /// Its name.
    pub name: String,
    /// Its bytes in order; `None` where they are not simply one after the other on physical
    /// volumes that were given (mirrors, stripes, thin pools, a missing volume).
    pub pieces: Option<Vec<Piece>>,
}

/// A part of a logical volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of the physical volume as given to [`read`].
    pub physical: usize,
    /// First byte there.
    pub offset: u64,
    /// How many bytes.
    pub size: u64,
}

/// The logical volumes on `physical` volumes, by group and name.
///
/// # Errors
/// [`ReadError`] when a label or the metadata is damaged.
pub fn read(physical: &[&dyn ReadAt]) -> Result<Vec<Found>, ReadError> {
    let mut index = BTreeMap::new();
    // Each physical volume may hold a copy; the one with the highest number is valid.
    let mut groups: BTreeMap<String, (u64, Section)> = BTreeMap::new();
    for (number, volume) in physical.iter().enumerate() {
        let label = label(*volume)?;
        index.insert(label.uuid, number);
        let Some(area) = label.area else { continue };
        let Some(text) = metadata(*volume, area)? else { continue };
        let root = text::parse(&text)?;
        for (name, value) in root.0 {
            let TextValue::Section(group) = value else { continue };
            let number = group.number("seqno")?;
            if groups.get(&name).is_none_or(|(known, _)| *known < number) {
                groups.insert(name, (number, group));
            }
        }
    }
    let mut found = Vec::new();
    for (name, (_, group)) in &groups {
        found.extend(volumes(name, group, &index)?);
    }
    Ok(found)
}

struct Label {
    uuid: String,
    /// Offset and size of the metadata area, if there is one.
    area: Option<(u64, u64)>,
}

/// The label is in one of the first four sectors.
fn label(volume: &dyn ReadAt) -> Result<Label, ReadError> {
    let mut sector = [0; SECTOR as usize];
    for at in 0..4 {
        volume.read_exact_at(&mut sector, at * SECTOR)?;
        if sector.starts_with(b"LABELONE") && sector[24..32] == *b"LVM2 001" {
            return parse_label(&sector);
        }
    }
    Err(ReadError::Damaged("there is no label in the first four sectors".into()))
}

fn parse_label(sector: &[u8]) -> Result<Label, ReadError> {
    let damaged = |what: &str| ReadError::Damaged(format!("the label {what}"));
    if crc(&sector[20..]) != le32(sector, 16) {
        return Err(damaged("has a wrong checksum"));
    }
    let at = le32(sector, 20) as usize;
    let header = sector.get(at..).ok_or_else(|| damaged("points beyond its sector"))?;
    let uuid = header.get(..32).ok_or_else(|| damaged("points beyond its sector"))?;
    let uuid = String::from_utf8_lossy(uuid).into_owned();
    // Two lists of places, each with an empty one at its end: data, then metadata.
    let mut lists = 0;
    for place in header.get(40..).unwrap_or_default().chunks_exact(16) {
        match (lists, (le64(place, 0), le64(place, 8))) {
            (_, (0, 0)) if lists == 1 => return Ok(Label { uuid, area: None }),
            (_, (0, 0)) => lists += 1,
            (0, _) => {}
            (_, area) => return Ok(Label { uuid, area: Some(area) }),
        }
    }
    Err(damaged("lists its areas without end"))
}

/// The current metadata in an area, which is a ring behind its header.
fn metadata(volume: &dyn ReadAt, (start, size): (u64, u64)) -> Result<Option<String>, ReadError> {
    let damaged = |what: &str| ReadError::Damaged(format!("the metadata area {what}"));
    let mut header = [0; SECTOR as usize];
    volume.read_exact_at(&mut header, start)?;
    if header[4..20] != *AREA_MAGIC || crc(&header[4..]) != le32(&header, 0) {
        return Err(damaged("has no valid header"));
    }
    let (offset, length) = (le64(&header, 40), le64(&header, 48));
    if length == 0 {
        return Ok(None);
    }
    if offset < SECTOR || offset >= size || length > (size - SECTOR).min(MAX_TEXT) {
        return Err(damaged("points beyond itself"));
    }
    // Both are at most MAX_TEXT, so that they fit.
    let first = length.min(size - offset) as usize;
    let mut bytes = vec![0; length as usize];
    volume.read_exact_at(&mut bytes[..first], start + offset)?;
    volume.read_exact_at(&mut bytes[first..], start + SECTOR)?;
    if crc(&bytes) != le32(&header, 56) {
        return Err(damaged("holds text with a wrong checksum"));
    }
    let text = String::from_utf8(bytes).map_err(|_| damaged("holds no text"))?;
    Ok(Some(text.trim_end_matches('\0').to_owned()))
}

fn volumes(
    name: &str,
    group: &Section,
    index: &BTreeMap<String, usize>,
) -> Result<Vec<Found>, ReadError> {
    let extent = group.number("extent_size")?;
    let mut physical = BTreeMap::new();
    for (key, value) in group.sections("physical_volumes") {
        let uuid: String = value.text("id")?.chars().filter(|&c| c != '-').collect();
        if let Some(&number) = index.get(&uuid) {
            physical.insert(key, (number, value.number("pe_start")?));
        }
    }
    let bytes = |sectors: Option<u64>| {
        sectors
            .and_then(|s| s.checked_mul(SECTOR))
            .ok_or_else(|| ReadError::Damaged("an extent lies beyond all disks".to_owned()))
    };
    let mut found = Vec::new();
    for (volume, section) in group.sections("logical_volumes") {
        let mut segments = Vec::new();
        for segment in section.all().filter(|(key, _)| key.starts_with("segment")) {
            segments.push((segment.1.number("start_extent")?, segment.1));
        }
        segments.sort_by_key(|(start, _)| *start);
        let mut pieces = Some(Vec::new());
        for (_, segment) in segments {
            let count = segment.number("extent_count")?;
            let place = linear(segment).and_then(|(key, first)| {
                let (number, start) = physical.get(key)?;
                Some((*number, *start, first))
            });
            match (place, pieces.as_mut()) {
                (Some((physical, start, first)), Some(pieces)) => pieces.push(Piece {
                    physical,
                    offset: bytes(first.checked_mul(extent).and_then(|s| s.checked_add(start)))?,
                    size: bytes(count.checked_mul(extent))?,
                }),
                _ => pieces = None,
            }
        }
        found.push(Found { group: name.to_owned(), name: volume.to_owned(), pieces });
    }
    Ok(found)
}

/// The physical volume's key and first extent of a segment with a single stripe.
fn linear(segment: &Section) -> Option<(&str, u64)> {
    let Some(TextValue::List(stripes)) = segment.0.get("stripes") else { return None };
    match (segment.text("type").ok()?, stripes.as_slice()) {
        ("striped", [TextValue::Text(key), TextValue::Number(first)]) => Some((key, *first)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::write::tests::{MIB, group};
    use super::*;
    use crate::read_at::{Plain, Window};

    /// A group as [`super::super::write`] makes it, with these bytes changed.
    fn read_with(change: &[(u64, u8)]) -> Result<Vec<Found>, ReadError> {
        use std::os::unix::fs::FileExt;
        let file = tempfile::tempfile().unwrap();
        file.set_len(142 * MIB).unwrap();
        super::super::write(&file, &group()).unwrap();
        for &(at, byte) in change {
            file.write_all_at(&[byte], at).unwrap();
        }
        let plain = Plain::new(file).unwrap();
        let one = Window::new(&plain, 0, 101 * MIB).unwrap();
        let two = Window::new(&plain, 101 * MIB, 41 * MIB).unwrap();
        read(&[&one, &two])
    }

    #[test]
    fn what_was_written_is_found() {
        let found = |name: &str, pieces: &[(usize, u64, u64)]| Found {
            group: "centos".into(),
            name: name.into(),
            pieces: Some(
                pieces
                    .iter()
                    .map(|&(physical, offset, size)| Piece {
                        physical,
                        offset: offset * MIB,
                        size: size * MIB,
                    })
                    .collect(),
            ),
        };
        let root = found("root", &[(0, 9, 92), (1, 1, 28)]);
        assert_eq!(read_with(&[]).unwrap(), [root, found("swap", &[(0, 1, 8)])]);
    }

    #[test]
    fn damage_is_told() {
        for (at, what) in [
            (512 + 100, "the label has a wrong checksum"),
            (513, "no label"),
            (4096 + 45, "no valid header"),
            (4096 + 512 + 30, "wrong checksum"),
        ] {
            let error = read_with(&[(at, 0xff)]).unwrap_err().to_string();
            assert!(error.contains(what), "{at}: {error}");
        }
    }
}
