//! ISO 9660 file identifiers (ECMA-119 7.5, 7.6) for names that Rock Ridge
//! keeps whole. Boot loaders such as isolinux look files up by them.

use std::collections::{HashMap, HashSet};

/// Longest name and extension together, so that `NAME.EXT;1` keeps to level 2
/// and 3's limit of 31 characters with the dot but without the version.
const LONGEST: usize = 30;

/// A file identifier, in its parts, which is what the order of directory
/// records goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Identifier {
    stem: Vec<u8>,
    extension: Vec<u8>,
}

impl Identifier {
    /// As stored in a directory record or, for a directory, the path table.
    pub(super) fn bytes(&self, is_dir: bool) -> Vec<u8> {
        if is_dir {
            return self.stem.clone();
        }
        [&self.stem[..], b".", &self.extension, b";1"].concat()
    }
}

/// Upper-case letters, digits and underscores are allowed.
fn allowed(name: &[u8]) -> Vec<u8> {
    let allow = |c: &u8| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { b'_' };
    name.iter().map(allow).collect()
}

/// The identifier that a name suggests. Directories have no extension.
fn wanted(name: &[u8], is_dir: bool) -> Identifier {
    let dot = name.iter().rposition(|&c| c == b'.').filter(|&at| at > 0 && !is_dir);
    let (stem, extension) = dot.map_or((name, &b""[..]), |at| (&name[..at], &name[at + 1..]));
    let (mut stem, mut extension) = (allowed(stem), allowed(extension));
    extension.truncate(LONGEST - 1 - stem.len().min(LONGEST / 2));
    stem.truncate(LONGEST - extension.len());
    Identifier { stem, extension }
}

/// Gives each name of one directory an identifier of its own, in order: the
/// first comer has what its name suggests, others a number at its end.
pub(super) fn identifiers<'a>(
    names: impl IntoIterator<Item = (&'a [u8], bool)>,
) -> Vec<Identifier> {
    let mut taken = HashSet::new();
    let mut numbers: HashMap<Identifier, u64> = HashMap::new();
    let mut unique = |(name, is_dir)| {
        let wanted = wanted(name, is_dir);
        let mut identifier = wanted.clone();
        while !taken.insert(identifier.clone()) {
            let number = numbers.entry(wanted.clone()).and_modify(|n| *n += 1).or_insert(1);
            let suffix = number.to_string();
            let room = LONGEST.saturating_sub(wanted.extension.len() + suffix.len());
            identifier.stem = wanted.stem.clone();
            identifier.stem.truncate(room);
            identifier.stem.extend_from_slice(suffix.as_bytes());
        }
        identifier
    };
    names.into_iter().map(&mut unique).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(names: &[(&str, bool)]) -> Vec<String> {
        identifiers(names.iter().map(|(name, is_dir)| (name.as_bytes(), *is_dir)))
            .iter()
            .zip(names)
            .map(|(identifier, (_, is_dir))| {
                String::from_utf8(identifier.bytes(*is_dir)).expect("identifiers are ASCII")
            })
            .collect()
    }

    #[test]
    fn boot_files_keep_the_names_that_isolinux_asks_for() {
        assert_eq!(
            stored(&[("isolinux", true), ("vmlinuz", false), ("initrd.img", false)]),
            ["ISOLINUX", "VMLINUZ.;1", "INITRD.IMG;1"]
        );
    }

    #[test]
    fn identifiers_are_short_and_differ() {
        let long = "x".repeat(255);
        let names = stored(&[
            ("a-b", false),
            ("a_b", false),
            ("A.B", true),
            (".discinfo", false),
            (&long, false),
            (&format!("{long}.{long}"), false),
            (&format!("{long}y.{long}"), false),
        ]);
        assert_eq!(names[..4], ["A_B.;1", "A_B1.;1", "A_B2", "_DISCINFO.;1"]);
        assert!(names.iter().all(|name| name.len() <= 33), "{names:?}");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }
}
