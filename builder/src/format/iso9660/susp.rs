//! The system use area of a directory record: SUSP and Rock Ridge (RRIP).

use super::{Error, Iso, SECTOR, date, le32};

/// Continuation areas that one record may have; Linux allows as many. The
/// longest symbolic link (4095 bytes) needs three.
const MAX_AREAS: usize = 32;

/// What Rock Ridge says of one record.
#[derive(Debug, Default)]
pub(super) struct RockRidge {
    pub name: Option<Vec<u8>>,
    /// File mode with type bits, owner, group.
    pub posix: Option<(u32, u32, u32)>,
    pub mtime: Option<i64>,
    pub link: Option<Vec<u8>>,
    /// Block of the directory that this placeholder stands for.
    pub child: Option<u32>,
    /// A directory moved here from deeper down, to be listed there alone.
    pub relocated: bool,
    pub compressed: bool,
    name_ended: bool,
    /// The next `SL` component continues the last one.
    link_joined: bool,
}

/// Bytes to skip at the start of every system use area, when the root
/// directory's `.` record announces SUSP.
pub(super) fn skip(area: &[u8]) -> Option<usize> {
    // CD-ROM XA attributes take the first 14 bytes on some media.
    [0, 14].into_iter().find_map(|at| match area.get(at..at + 7) {
        Some([b'S', b'P', 7, 1, 0xbe, 0xef, skip]) => Some(usize::from(*skip)),
        _ => None,
    })
}

/// Reads a system use area that starts at byte `offset` of the image, with
/// its continuation areas.
pub(super) fn parse(iso: &Iso, area: &[u8], offset: u64) -> Result<RockRidge, Error> {
    let mut found = RockRidge::default();
    let mut next = entries(area, offset, &mut found)?;
    let mut areas = 0;
    while let Some((at, bytes)) = next {
        areas += 1;
        if areas > MAX_AREAS {
            return Err(Error::malformed(offset, "endless chain of continuation areas (CE)"));
        }
        let area = iso.bytes_at(at, bytes, "a continuation area (CE)")?;
        next = entries(&area, at, &mut found)?;
    }
    Ok(found)
}

/// Reads one area; returns byte offset and length of the area that follows.
fn entries(area: &[u8], offset: u64, found: &mut RockRidge) -> Result<Option<(u64, usize)>, Error> {
    let mut next = None;
    let mut at = 0;
    // Areas are padded: fewer than four bytes, or a zero, end them.
    while at + 4 <= area.len() && area[at] != 0 {
        let here = offset + at as u64;
        let length = usize::from(area[at + 2]);
        let Some(entry) = area.get(at..at + length).filter(|entry| entry.len() >= 4) else {
            let what = format!("system use entry of {length} bytes, {} remain", area.len() - at);
            return Err(Error::malformed(here, what));
        };
        match (&entry[..2], length) {
            (b"ST", _) => break,
            (b"CE", 28..) => next = Some(continuation(entry, here)?),
            (b"NM", 5..) => name(&entry[4..], found),
            (b"PX", 36..) => {
                found.posix = Some((le32(entry, 4), le32(entry, 20), le32(entry, 28)));
            }
            (b"TF", 5..) => found.mtime = modified(&entry[4..]).or(found.mtime),
            (b"SL", 5..) => link(&entry[4..], here, found)?,
            (b"CL", 12..) => found.child = Some(le32(entry, 4)),
            (b"RE", _) => found.relocated = true,
            (b"ZF", _) => found.compressed = true,
            (b"CE" | b"NM" | b"PX" | b"TF" | b"SL" | b"CL", _) => {
                let what = format!("Rock Ridge entry of {length} bytes is too short");
                return Err(Error::malformed(here, what));
            }
            _ => {}
        }
        at += length;
    }
    Ok(next)
}

fn continuation(entry: &[u8], here: u64) -> Result<(u64, usize), Error> {
    let (block, start, bytes) = (le32(entry, 4), le32(entry, 12), le32(entry, 20));
    // SUSP 5.1: an area lies within one block.
    if u64::from(start) + u64::from(bytes) > SECTOR {
        let what = format!("continuation area of {bytes} bytes at {start} crosses its block");
        return Err(Error::malformed(here, what));
    }
    // Images with blocks below 2048 bytes and Rock Ridge are not known to exist.
    Ok((u64::from(block) * SECTOR + u64::from(start), bytes as usize))
}

fn name(body: &[u8], found: &mut RockRidge) {
    let flags = body[0];
    // Bits 1 and 2 stand for `.` and `..`, which no reader takes from here.
    if found.name_ended || flags & 0b110 != 0 {
        return;
    }
    found.name.get_or_insert_default().extend_from_slice(&body[1..]);
    found.name_ended = flags & 1 == 0;
}

/// The modification time out of a `TF` entry's body.
fn modified(body: &[u8]) -> Option<i64> {
    let flags = body[0];
    // Times follow in the order of their bits: creation, modification, ...
    let before = usize::from(flags & 1);
    if flags & 2 == 0 {
        return None;
    }
    if flags & 0x80 == 0 {
        date::from_short(body.get(1 + before * 7..)?.first_chunk()?)
    } else {
        date::from_long(body.get(1 + before * 17..)?.first_chunk()?)
    }
}

/// Adds the components of one `SL` entry's body to the link's target.
fn link(body: &[u8], here: u64, found: &mut RockRidge) -> Result<(), Error> {
    let target = found.link.get_or_insert_default();
    let mut rest = &body[1..];
    while let [flags, length, tail @ ..] = rest {
        let Some((text, tail)) = tail.split_at_checked(usize::from(*length)) else {
            return Err(Error::malformed(here, "symbolic link component longer than its entry"));
        };
        // The root component is a slash itself, and some writers add empty ones.
        if !found.link_joined && !target.is_empty() && !target.ends_with(b"/") {
            target.push(b'/');
        }
        found.link_joined = flags & 1 != 0;
        match flags & 0b1110 {
            0 => target.extend_from_slice(text),
            0b0010 => target.push(b'.'),
            0b0100 => target.extend_from_slice(b".."),
            0b1000 => target.push(b'/'),
            _ => return Err(Error::malformed(here, "symbolic link component of unknown kind")),
        }
        rest = tail;
    }
    Ok(())
}
