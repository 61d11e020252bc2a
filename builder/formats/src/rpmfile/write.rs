//! Writes the signature header, which is put before a package when it is signed.

use super::lead::LEAD;
use super::tag;

/// A value of an entry.
pub enum SignatureValue {
    /// INT32
    Number(u32),
    /// STRING
    Text(String),
    /// BIN
    Binary(Vec<u8>),
}

/// A package file of a lead, signature entries in ascending order of their tags, and what they
/// sign: header and payload.
pub fn package(lead: &[u8], entries: &[(u32, SignatureValue)], content: &[u8]) -> Vec<u8> {
    let mut index = Vec::new();
    let mut store = Vec::new();
    for (tag, value) in entries {
        let (kind, count) = match value {
            SignatureValue::Number(_) => (4u32, 1),
            SignatureValue::Text(_) => (6, 1),
            SignatureValue::Binary(bytes) => (7, bytes.len() as u32),
        };
        if kind == 4 {
            store.resize(store.len().next_multiple_of(4), 0);
        }
        entry(&mut index, [*tag, kind, store.len() as u32, count]);
        match value {
            SignatureValue::Number(number) => store.extend(number.to_be_bytes()),
            SignatureValue::Text(text) => {
                store.extend(text.as_bytes());
                store.push(0);
            }
            SignatureValue::Binary(bytes) => store.extend(bytes),
        }
    }
    // The region: its entry comes first, its trailer last and points back over all entries.
    let region = tag::signature::REGION;
    let mut first = Vec::new();
    entry(&mut first, [region, 7, store.len() as u32, 16]);
    let covered = (first.len() + index.len()) as i32;
    entry(&mut store, [region, 7, (-covered).cast_unsigned(), 16]);

    let mut file = lead[..LEAD.min(lead.len())].to_vec();
    file.extend([0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0]);
    file.extend((entries.len() as u32 + 1).to_be_bytes());
    file.extend((store.len() as u32).to_be_bytes());
    file.extend([first, index, store].concat());
    file.resize(file.len().next_multiple_of(8), 0);
    file.extend_from_slice(content);
    file
}

fn entry(to: &mut Vec<u8>, fields: [u32; 4]) {
    fields.iter().for_each(|field| to.extend(field.to_be_bytes()));
}
