//! BerkeleyDB files, as far as it takes to make two of the same content the same bytes.
//! Source: `dbinc/db_page.h` of Berkeley DB 5.3; little-endian, without checksums and
//! encryption, as rpm 4.11 makes them.

use super::bytes::{get_le16, get_le32};

/// Where the magic number is in the first page, which describes the file (DBMETA).
const MAGIC_AT: usize = 12;
/// Hash and B-tree.
const MAGICS: [u32; 2] = [0x0006_1561, 0x0005_3162];
/// How much of a file [`is_database`] looks at, in bytes.
pub const START: usize = MAGIC_AT + 4;
const PAGE_SIZE_AT: usize = 20;
/// The identifier by which processes that share a cache know the file (DBMETA's `uid`).
const IDENTIFIER: std::ops::Range<usize> = 52..72;

/// A page's header: number of entries, offset of the lowest item, type.
const ENTRIES_AT: usize = 20;
const LOWEST_AT: usize = 22;
const TYPE_AT: usize = 25;
const HEADER: usize = 26;
/// Page types.
const FREE: u8 = 0;
const INTERNAL: u8 = 3;
const LEAF: u8 = 5;
const OVERFLOW: u8 = 7;
const DUPLICATES: u8 = 12;
const HASH: [u8; 2] = [2, 13];
/// Item types of leaf pages; the uppermost bit says that the item is deleted.
const KEY_DATA: u8 = 1;
const OFF_PAGE: [u8; 2] = [2, 3];

/// Whether the first bytes of a file are a hash or B-tree database's.
pub fn is_database(start: &[u8]) -> bool {
    get_le32(start, MAGIC_AT).is_some_and(|magic| MAGICS.contains(&magic))
}

/// Gives the file another identifier. A page that once held metadata may still have the old
/// one in its unused part; [`clear_unused`] removes that.
pub fn identify(file: &mut [u8], identifier: &[u8; 20]) {
    if let Some(place) = file.get_mut(IDENTIFIER) {
        place.copy_from_slice(identifier);
    }
}

/// Fills with zeros what no page uses: it is what the memory of the process that wrote the
/// page held by chance. What cannot be parsed stays.
pub fn clear_unused(file: &mut [u8]) {
    let Some(size) = get_le32(file, PAGE_SIZE_AT).map(|size| size as usize) else { return };
    if size < 512 || !size.is_power_of_two() {
        return;
    }
    for page in file.chunks_exact_mut(size) {
        // A page of another kind, or a damaged one, stays.
        let _ = clear_page(page);
    }
}

fn clear_page(page: &mut [u8]) -> Option<()> {
    let entries = usize::from(get_le16(page, ENTRIES_AT)?);
    let lowest = usize::from(get_le16(page, LOWEST_AT)?);
    match *page.get(TYPE_AT)? {
        FREE => page.get_mut(HEADER..)?.fill(0),
        // "Entries" counts references here, and "lowest" the bytes of the item.
        OVERFLOW => page.get_mut(HEADER + lowest..)?.fill(0),
        kind if kind == INTERNAL || HASH.contains(&kind) => {
            page.get_mut(HEADER + 2 * entries..lowest)?.fill(0);
        }
        LEAF | DUPLICATES => {
            page.get_mut(HEADER + 2 * entries..lowest)?.fill(0);
            for entry in 0..entries {
                let at = usize::from(get_le16(page, HEADER + 2 * entry)?);
                clear_item(page, at)?;
            }
        }
        _ => {}
    }
    Some(())
}

/// An item of a leaf begins with its length and type; it is padded to four bytes.
fn clear_item(page: &mut [u8], at: usize) -> Option<()> {
    let kind = page.get(at + 2)? & 0x7f;
    if kind == KEY_DATA {
        let end = at + 3 + usize::from(get_le16(page, at)?);
        page.get_mut(end..end.next_multiple_of(4))?.fill(0);
    } else if OFF_PAGE.contains(&kind) {
        // Its length is elsewhere (BOVERFLOW's `unused1` and `unused2`).
        page.get_mut(at..at + 2)?.fill(0);
        *page.get_mut(at + 3)? = 0;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 512;

    /// A B-tree file: metadata and one page of `kind`, all unused bytes `dirt`.
    fn file(kind: u8, entries: u16, lowest: u16, items: &[(usize, &[u8])], dirt: u8) -> Vec<u8> {
        let mut file = vec![0; SIZE];
        file[12..16].copy_from_slice(&MAGICS[1].to_le_bytes());
        file[20..24].copy_from_slice(&(SIZE as u32).to_le_bytes());
        let mut page = vec![dirt; SIZE];
        page[..HEADER].fill(7);
        page[ENTRIES_AT..22].copy_from_slice(&entries.to_le_bytes());
        page[LOWEST_AT..24].copy_from_slice(&lowest.to_le_bytes());
        page[TYPE_AT] = kind;
        for (at, bytes) in items {
            page[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        file.extend(page);
        file
    }

    #[test]
    fn only_what_is_unused_is_cleared() {
        let leaf: [(usize, &[u8]); 3] =
            [(26, &[0xf8, 1, 0xec, 1]), (504, b"\x04\0\x01root"), (492, b"\0\0\x03\0pagesize")];
        for (kind, entries, lowest, items) in [
            (LEAF, 2, 492, &leaf[..]),
            (OVERFLOW, 1, 4, &[(26, &b"text"[..])][..]),
            (FREE, 0, 0, &[][..]),
            (13, 1, 508, &[(26, &[0xfc, 1][..]), (508, &b"\x01abc"[..])][..]),
        ] {
            let mut dirty = file(kind, entries, lowest, items, 0xaa);
            if kind == LEAF {
                // What an item off the page does not use.
                dirty[SIZE + 492] = 9;
                dirty[SIZE + 495] = 9;
            }
            clear_unused(&mut dirty);
            assert_eq!(dirty, file(kind, entries, lowest, items, 0), "type {kind}");
        }
    }

    #[test]
    fn damaged_pages_are_left_alone() {
        let damaged = file(LEAF, 900, 3, &[], 0xaa);
        let mut same = damaged.clone();
        clear_unused(&mut same);
        assert_eq!(same, damaged);
        assert!(is_database(&damaged[..START]));
        assert!(!is_database(b"SQLite format 3\0"));
    }
}
