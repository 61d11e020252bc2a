//! System use entries: SUSP 1.12 (SP, CE, ST, ER) and RRIP 1.12 (NM, PX, SL, TF, CL, RE).

use super::error::IsoError;
use super::model::{IsoNode, NodeKind};
use super::record::le32;
use super::time;
use crate::file_type;

/// More continuation areas than a record can need: names have 255 bytes, link targets 4095.
const MAX_AREAS: usize = 64;
/// Longest name, as Linux has it.
const NAME_MAX: usize = 255;
/// Longest link target, as Linux has it.
const TARGET_MAX: usize = 4096;

/// Where a continuation area is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Continuation {
    pub block: u32,
    pub offset: u32,
    pub size: u32,
}

/// What the entries of one directory record say.
#[derive(Default)]
pub struct RockRidge {
    /// NM, all parts.
    pub name: Option<Vec<u8>>,
    /// PX: mode with type bits, owner, group.
    pub px: Option<(u32, u32, u32)>,
    /// TF: modification time.
    pub mtime: Option<i64>,
    /// SL: target.
    pub target: Option<Vec<u8>>,
    /// CL: block of the relocated directory that this record stands for.
    pub child: Option<u32>,
    /// RE: the record is of a relocated directory, which is seen through its CL.
    pub relocated: bool,
    /// ZF: the stored data is compressed (zisofs).
    pub compressed: bool,
    /// The record names Rock Ridge (ER, RR or PX).
    pub present: bool,
    name_continues: bool,
    component_continues: bool,
}

/// Where SP is in `area`, that of the root's own record (at its start or after the 14 bytes
/// of a CD-ROM XA record), and how many bytes it says to skip in all other areas.
pub fn skip(area: &[u8]) -> Option<(usize, usize)> {
    [0, 14].into_iter().find_map(|at| match area.get(at..at + 7)? {
        [b'S', b'P', 7, 1, 0xbe, 0xef, skip] => Some((at, usize::from(*skip))),
        _ => None,
    })
}

impl RockRidge {
    /// Reads the entries of `area`, which is at byte `at` of the image, and of its
    /// continuations, which `fetch` reads.
    pub fn parse(
        area: &[u8],
        at: u64,
        mut fetch: impl FnMut(Continuation) -> Result<(Vec<u8>, u64), IsoError>,
    ) -> Result<Self, IsoError> {
        let mut found = Self::default();
        let mut seen = Vec::new();
        let mut next = found.entries(area, at)?;
        while let Some(continuation) = next {
            if seen.contains(&continuation) || seen.len() == MAX_AREAS {
                return Err(IsoError::Malformed { offset: at, what: "continuation areas loop" });
            }
            seen.push(continuation);
            let (area, at) = fetch(continuation)?;
            next = found.entries(&area, at)?;
        }
        Ok(found)
    }

    /// `node`, of whose record these are the entries, with what they say.
    pub fn apply(self, mut node: IsoNode) -> IsoNode {
        if let Some((mode, uid, gid)) = self.px {
            (node.uid, node.gid) = (uid, gid);
            // The mask leaves 12 bits.
            node.mode = (mode & 0o7777) as u16;
            if node.kind == NodeKind::File {
                node.kind = match mode & file_type::MASK {
                    file_type::SYMLINK => NodeKind::Symlink(self.target.unwrap_or_default()),
                    file_type::REGULAR if !self.compressed => NodeKind::File,
                    _ => NodeKind::Other,
                };
            }
        }
        node.mtime = self.mtime.unwrap_or(node.mtime);
        node
    }

    /// Reads one area; gives the continuation it names.
    fn entries(&mut self, area: &[u8], at: u64) -> Result<Option<Continuation>, IsoError> {
        let mut continuation = None;
        let mut rest = area;
        while let [first, _, length, _version, ..] = *rest {
            let offset = at + (area.len() - rest.len()) as u64;
            if first == 0 {
                break;
            }
            let entry = rest
                .get(..usize::from(length))
                .filter(|entry| entry.len() >= 4)
                .ok_or(IsoError::Malformed { offset, what: "length of the system use entry" })?;
            match &entry[..2] {
                b"ST" => break,
                b"CE" if entry.len() >= 28 => {
                    continuation = Some(Continuation {
                        block: le32(entry, 4),
                        offset: le32(entry, 12),
                        size: le32(entry, 20),
                    });
                }
                _ => self.entry(entry, offset)?,
            }
            rest = &rest[entry.len()..];
        }
        Ok(continuation)
    }

    fn entry(&mut self, entry: &[u8], offset: u64) -> Result<(), IsoError> {
        match &entry[..2] {
            b"NM" if entry.len() >= 5 => self.nm(entry, offset)?,
            b"SL" if entry.len() >= 5 => self.sl(&entry[5..], offset)?,
            b"PX" if entry.len() >= 36 => {
                self.present = true;
                self.px = Some((le32(entry, 4), le32(entry, 20), le32(entry, 28)));
            }
            b"TF" if entry.len() >= 5 => self.tf(entry),
            b"CL" if entry.len() >= 12 => self.child = Some(le32(entry, 4)),
            b"RE" => self.relocated = true,
            b"ZF" => self.compressed = true,
            b"RR" => self.present = true,
            b"ER" => {
                let id = entry.get(8..).unwrap_or_default();
                self.present |= [&b"RRIP"[..], b"IEEE"].iter().any(|known| id.starts_with(known));
            }
            _ => {}
        }
        Ok(())
    }

    fn nm(&mut self, entry: &[u8], offset: u64) -> Result<(), IsoError> {
        if self.name.is_some() && !self.name_continues {
            return Ok(());
        }
        self.name_continues = entry[4] & 1 != 0;
        // Flags 2 and 4 are of `.` and `..`, which have no name of their own.
        if entry[4] & 6 != 0 {
            return Ok(());
        }
        let name = self.name.get_or_insert_default();
        name.extend_from_slice(&entry[5..]);
        if name.len() > NAME_MAX {
            return Err(IsoError::Malformed { offset, what: "name longer than 255 bytes" });
        }
        Ok(())
    }

    fn sl(&mut self, components: &[u8], offset: u64) -> Result<(), IsoError> {
        let target = self.target.get_or_insert_default();
        let mut rest = components;
        while let [flags, length, ref after @ ..] = *rest {
            let (content, after) = after
                .split_at_checked(usize::from(length))
                .ok_or(IsoError::Malformed { offset, what: "symbolic link component" })?;
            if flags & 8 != 0 {
                target.clear();
                target.push(b'/');
            } else {
                let joined = target.is_empty() || self.component_continues;
                if !joined && target.last() != Some(&b'/') {
                    target.push(b'/');
                }
                match flags & 6 {
                    2 => target.push(b'.'),
                    4 => target.extend_from_slice(b".."),
                    _ => target.extend_from_slice(content),
                }
            }
            self.component_continues = flags & 1 != 0;
            if target.len() > TARGET_MAX {
                return Err(IsoError::Malformed {
                    offset,
                    what: "link target longer than 4096 bytes",
                });
            }
            rest = after;
        }
        Ok(())
    }

    fn tf(&mut self, entry: &[u8]) {
        let (flags, stamps) = (entry[4], &entry[5..]);
        if flags & 2 == 0 {
            return;
        }
        let index = usize::from(flags & 1);
        self.mtime = if flags & 0x80 == 0 {
            stamps
                .get(index * 7..index * 7 + 7)
                .and_then(|s| s.try_into().ok())
                .map(time::from_short)
        } else {
            let stamp = stamps.get(index * 17..index * 17 + 17);
            stamp.and_then(|s| s.try_into().ok()).map(time::from_long)
        };
    }
}
