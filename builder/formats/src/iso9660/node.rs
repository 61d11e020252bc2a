//! Nodes from directory records.

use super::model::{Extent, IsoNode, NodeKind};
use super::record::DirectoryRecord;
use super::time;

impl IsoNode {
    /// The name for messages.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// The node of a record without Rock Ridge.
pub fn described(
    record: &DirectoryRecord,
    kind: NodeKind,
    name: Vec<u8>,
    extents: Vec<Extent>,
) -> IsoNode {
    IsoNode {
        name,
        mode: 0o555,
        kind,
        uid: 0,
        gid: 0,
        mtime: time::from_short(&record.time),
        size: extents.iter().map(|extent| extent.size).sum(),
        extents,
    }
}

/// An ISO 9660 identifier without version and the dot of an empty extension.
pub fn plain_name(identifier: &[u8]) -> Vec<u8> {
    let name = without_version(identifier, |byte| *byte == b';');
    name.strip_suffix(b".").unwrap_or(name).to_vec()
}

/// A Joliet identifier (UTF-16, big-endian) in UTF-8, without version.
pub fn joliet_name(identifier: &[u8]) -> Vec<u8> {
    let units: Vec<u16> =
        identifier.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let name = without_version(&units, |unit| *unit == u16::from(b';'));
    String::from_utf16_lossy(name).into_bytes()
}

fn without_version<T>(identifier: &[T], separator: impl Fn(&T) -> bool) -> &[T] {
    identifier.iter().rposition(separator).map_or(identifier, |at| &identifier[..at])
}
