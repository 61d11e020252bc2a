//! Writes a header: an index of typed entries and the store of their data.

use super::header::{MAGIC, Which};

/// A value of an entry.
#[derive(Clone, Debug)]
pub enum EntryValue {
    /// INT16
    Shorts(Vec<u16>),
    /// INT32
    Numbers(Vec<u32>),
    /// STRING
    Text(String),
    /// STRING_ARRAY; no string holds a NUL.
    Texts(Vec<Vec<u8>>),
    /// I18NSTRING, in the one language `C`.
    Translated(String),
    /// BIN
    Binary(Vec<u8>),
}

/// Entries of a header, each with its tag.
pub type Entries = Vec<(u32, EntryValue)>;

impl EntryValue {
    /// Number of the type, alignment and count of values.
    fn shape(&self) -> [usize; 3] {
        match self {
            Self::Shorts(all) => [3, 2, all.len()],
            Self::Numbers(all) => [4, 4, all.len()],
            Self::Text(_) => [6, 1, 1],
            Self::Binary(bytes) => [7, 1, bytes.len()],
            Self::Texts(all) => [8, 1, all.len()],
            Self::Translated(_) => [9, 1, 1],
        }
    }

    fn append(&self, store: &mut Vec<u8>) {
        match self {
            Self::Shorts(all) => store.extend(all.iter().flat_map(|n| n.to_be_bytes())),
            Self::Numbers(all) => store.extend(all.iter().flat_map(|n| n.to_be_bytes())),
            Self::Text(text) | Self::Translated(text) => {
                store.extend(text.as_bytes());
                store.push(0);
            }
            Self::Texts(all) => {
                for text in all {
                    store.extend(text);
                    store.push(0);
                }
            }
            Self::Binary(bytes) => store.extend(bytes),
        }
    }
}

/// A header of these entries, each tag once.
pub(super) fn header(which: Which, mut entries: Entries) -> Vec<u8> {
    entries.sort_by_key(|(tag, _)| *tag);
    let mut index = Vec::new();
    let mut store = Vec::new();
    for (tag, value) in &entries {
        let [kind, alignment, count] = value.shape();
        store.resize(store.len().next_multiple_of(alignment), 0);
        entry(&mut index, [*tag, kind as u32, store.len() as u32, count as u32]);
        value.append(&mut store);
    }
    // The region: its entry comes first, its trailer last and points back over all entries.
    let region = which.region();
    let mut first = Vec::new();
    entry(&mut first, [region, 7, store.len() as u32, 16]);
    let covered = (first.len() + index.len()) as i32;
    entry(&mut store, [region, 7, (-covered).cast_unsigned(), 16]);

    let mut bytes = MAGIC.to_vec();
    bytes.extend((entries.len() as u32 + 1).to_be_bytes());
    bytes.extend((store.len() as u32).to_be_bytes());
    bytes.extend([first, index, store].concat());
    bytes
}

fn entry(to: &mut Vec<u8>, fields: [u32; 4]) {
    fields.iter().for_each(|field| to.extend(field.to_be_bytes()));
}
