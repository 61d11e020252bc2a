//! Short (8.3) names, long names, and the directory entries they make.

use std::collections::HashSet;

/// Characters of a long name in one entry.
const PER_ENTRY: usize = 13;

/// Whether a short name may have this byte; lower case is stored as upper case.
pub(super) fn in_short(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"$%'-_@~`!(){}^#&".contains(&c)
}

/// Names of one directory, none twice.
#[derive(Default)]
pub(super) struct Names {
    short: HashSet<[u8; 11]>,
    long: HashSet<String>,
}

/// A name as stored.
pub(super) struct Name {
    pub short: [u8; 11],
    /// Entries of the long name, to come before the short one; empty when the
    /// short name says all.
    pub long: Vec<[u8; 32]>,
}

impl Names {
    /// Takes a name into the directory.
    pub fn add(&mut self, name: &[u8]) -> Result<Name, &'static str> {
        let text = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8")?;
        let units: Vec<u16> = text.encode_utf16().collect();
        let bad = |c: char| c.is_control() || r#""*/:<>?\|"#.contains(c);
        if text.is_empty() || units.len() > 255 || text.contains(bad) || text.ends_with([' ', '.'])
        {
            return Err("its name cannot be a FAT file name");
        }
        if !self.long.insert(text.to_lowercase()) {
            return Err("another name in its directory differs in case alone");
        }
        let short = match exact(text) {
            Some(short) if self.short.insert(short) => short,
            _ => self.numbered(text)?,
        };
        let long = if text.as_bytes() == readable(&short) {
            Vec::new()
        } else {
            long_entries(&units, checksum(&short))
        };
        Ok(Name { short, long })
    }

    /// `LONGNA~1.EXT` with the first number that is free.
    fn numbered(&mut self, text: &str) -> Result<[u8; 11], &'static str> {
        let (stem, extension) = text.rsplit_once('.').unwrap_or((text, ""));
        let clean = |part: &str| -> Vec<u8> {
            let kept = part.chars().filter(|c| !matches!(c, ' ' | '.'));
            kept.map(|c| match u8::try_from(c) {
                Ok(c) if in_short(c) => c.to_ascii_uppercase(),
                _ => b'_',
            })
            .collect()
        };
        let (stem, extension) = (clean(stem), clean(extension));
        for number in 1..1_000_000 {
            let tail = format!("~{number}");
            let room = stem.len().min(8 - tail.len());
            let short = padded(&[&stem[..room], tail.as_bytes()].concat(), &extension);
            if self.short.insert(short) {
                return Ok(short);
            }
        }
        Err("its directory has too many alike names")
    }
}

/// Name and extension, cut and padded to 8 and 3.
fn padded(stem: &[u8], extension: &[u8]) -> [u8; 11] {
    let mut short = [b' '; 11];
    let extension = &extension[..extension.len().min(3)];
    short[..stem.len()].copy_from_slice(stem);
    short[8..8 + extension.len()].copy_from_slice(extension);
    short
}

/// The short name of a name that is one but for its case.
fn exact(text: &str) -> Option<[u8; 11]> {
    let (stem, extension) = text.split_once('.').unwrap_or((text, ""));
    let fits = |part: &str, most| part.len() <= most && part.bytes().all(in_short);
    let valid = !stem.is_empty() && fits(stem, 8) && fits(extension, 3);
    let upper = |part: &str| part.to_ascii_uppercase().into_bytes();
    valid.then(|| padded(&upper(stem), &upper(extension)))
}

/// A short name as readers show it.
fn readable(short: &[u8; 11]) -> Vec<u8> {
    let (stem, extension) = (short[..8].trim_ascii_end(), short[8..].trim_ascii_end());
    if extension.is_empty() { stem.to_vec() } else { [stem, b".", extension].concat() }
}

/// Sum of the short name, by which long entries belong to it.
fn checksum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0u8, |sum, &c| sum.rotate_right(1).wrapping_add(c))
}

/// The long name's entries in their order on disk: its end first.
fn long_entries(units: &[u16], checksum: u8) -> Vec<[u8; 32]> {
    let mut entries: Vec<[u8; 32]> = units
        .chunks(PER_ENTRY)
        .zip(1u8..)
        .map(|(chunk, number)| {
            let mut entry = [0; 32];
            entry[0] = number;
            entry[11] = 0x0f;
            entry[13] = checksum;
            // A zero ends a name that does not fill its entry; ones follow it.
            let units = chunk.iter().copied().chain([0]).chain(std::iter::repeat(0xffff));
            let places = (1..11).chain(14..26).chain(28..32).step_by(2);
            for (at, unit) in places.zip(units) {
                entry[at..at + 2].copy_from_slice(&unit.to_le_bytes());
            }
            entry
        })
        .collect();
    if let Some(last) = entries.last_mut() {
        last[0] |= 0x40;
    }
    entries.reverse();
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(names: &mut Names, name: &str) -> (String, usize) {
        let name = names.add(name.as_bytes()).expect(name);
        (String::from_utf8(readable(&name.short)).expect("short names are ASCII"), name.long.len())
    }

    #[test]
    fn short_names_are_as_windows_makes_them() {
        let mut names = Names::default();
        assert_eq!(short(&mut names, "BOOTX64.EFI"), ("BOOTX64.EFI".into(), 0));
        assert_eq!(short(&mut names, "grub.cfg"), ("GRUB.CFG".into(), 1));
        assert_eq!(short(&mut names, "grubx64-long.efi"), ("GRUBX6~1.EFI".into(), 2));
        assert_eq!(short(&mut names, "grubx64-lower.efi"), ("GRUBX6~2.EFI".into(), 2));
        assert_eq!(short(&mut names, "a.b.c"), ("AB~1.C".into(), 1));
        assert_eq!(short(&mut names, "thirteenchars"), ("THIRTE~1".into(), 1));
        assert_eq!(short(&mut names, ".disk"), ("~1.DIS".into(), 1));
        assert_eq!(short(&mut names, "Größe"), ("GR__E~1".into(), 1));
    }

    #[test]
    fn what_windows_refuses_is_refused() {
        let mut names = Names::default();
        names.add(b"grub").expect("a plain name");
        for name in [&b"GRUB"[..], b"a:b", b"dot.", b"", b"\xff", &[b'x'; 256]] {
            assert!(names.add(name).is_err(), "{name:?}");
        }
    }
}
