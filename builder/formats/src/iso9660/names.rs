//! ISO 9660 identifiers (ECMA-119, 7.5 and 7.6) for names of any kind.

use std::collections::BTreeSet;

/// Most characters of a directory's identifier, and of a file's without dot and version.
const MOST: usize = 30;
/// Most characters of an extension.
const EXTENSION: usize = 10;
/// Most characters of a Joliet name (Joliet specification, "Allowed identifier lengths").
const JOLIET: usize = 64;

/// Which identifiers a directory hierarchy has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hierarchy {
    /// ECMA-119's, with Rock Ridge beside them.
    Primary,
    /// Joliet's, in UCS-2.
    Joliet,
}

impl Hierarchy {
    /// An identifier for `name` that is not in `used`, to which it is added.
    pub fn unique(self, name: &[u8], is_dir: bool, used: &mut BTreeSet<Identifier>) -> Identifier {
        match self {
            Self::Primary => unique(name, is_dir, used),
            Self::Joliet => unique_joliet(name, used),
        }
    }

    /// The identifier as stored.
    pub fn stored(self, identifier: &Identifier, is_dir: bool) -> Vec<u8> {
        match (self, is_dir) {
            (Self::Primary, _) => stored(identifier, is_dir),
            (Self::Joliet, true) => identifier.0.clone(),
            (Self::Joliet, false) => [&identifier.0[..], b"\0;\x001"].concat(),
        }
    }
}

/// Joliet's identifier: big-endian UCS-2 with at most 64 characters, in place of the extension
/// nothing.
fn unique_joliet(name: &[u8], used: &mut BTreeSet<Identifier>) -> Identifier {
    let legal = |c: char| if c < ' ' || "*/:;?\\".contains(c) { '_' } else { c };
    let units: Vec<u16> = String::from_utf8_lossy(name)
        .chars()
        .map(legal)
        .map(|c| u16::try_from(u32::from(c)).unwrap_or(u16::from(b'_')))
        .collect();
    let mut number = 0u32;
    loop {
        let suffix = if number == 0 { String::new() } else { format!("_{number}") };
        let kept = &units[..units.len().min(JOLIET - suffix.len())];
        let identifier = kept.iter().copied().chain(suffix.encode_utf16());
        let identifier = (identifier.flat_map(u16::to_be_bytes).collect(), Vec::new());
        if used.insert(identifier.clone()) {
            return identifier;
        }
        number += 1;
    }
}

fn legal(name: &[u8]) -> Vec<u8> {
    name.iter()
        .map(u8::to_ascii_uppercase)
        .map(|byte| if byte.is_ascii_alphanumeric() { byte } else { b'_' })
        .collect()
}

/// Name and extension, which sort as ECMA-119 (9.3) asks for; a directory's extension is empty.
pub type Identifier = (Vec<u8>, Vec<u8>);

/// An identifier for `name` that is not in `used`, to which it is added.
fn unique(name: &[u8], is_dir: bool, used: &mut BTreeSet<Identifier>) -> Identifier {
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0 && !is_dir);
    let (base, extension) = match dot {
        Some(at) => (legal(&name[..at]), legal(&name[at + 1..])),
        None => (legal(name), Vec::new()),
    };
    let extension = extension[..extension.len().min(EXTENSION)].to_vec();
    let room = MOST - extension.len();
    let mut identifier = (base[..base.len().min(room)].to_vec(), extension);
    let mut number = 0u32;
    while used.contains(&identifier) {
        number += 1;
        let suffix = format!("_{number}");
        identifier.0 = base[..base.len().min(room - suffix.len())].to_vec();
        identifier.0.extend_from_slice(suffix.as_bytes());
    }
    used.insert(identifier.clone());
    identifier
}

/// The identifier as stored.
fn stored((base, extension): &Identifier, is_dir: bool) -> Vec<u8> {
    if is_dir { base.clone() } else { [base, &b"."[..], extension, b";1"].concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_legal_and_unique() {
        let mut used = BTreeSet::new();
        let mut name = |name: &str, is_dir| {
            let identifier = unique(name.as_bytes(), is_dir, &mut used);
            String::from_utf8(stored(&identifier, is_dir)).expect("ASCII")
        };
        assert_eq!(name("isolinux.cfg", false), "ISOLINUX.CFG;1");
        assert_eq!(name("ISOLINUX.CFG", false), "ISOLINUX_1.CFG;1");
        assert_eq!(name(".treeinfo", false), "_TREEINFO.;1");
        assert_eq!(name("a.d", true), "A_D");
        assert_eq!(name(&"x".repeat(99), false), format!("{}.;1", "X".repeat(30)));
        assert_eq!(name(&"x".repeat(98), false), format!("{}_1.;1", "X".repeat(28)));
        assert_eq!(name("a.very-long-extension", false), "A.VERY_LONG_;1");
        let mut used = BTreeSet::new();
        let mut joliet = |name: &str, is_dir| {
            let identifier = Hierarchy::Joliet.unique(name.as_bytes(), is_dir, &mut used);
            String::from_utf8(Hierarchy::Joliet.stored(&identifier, is_dir))
                .expect("UCS-2 of ASCII")
        };
        assert_eq!(joliet("a:b", true), "\0a\0_\0b");
        let wide = |text: &str| text.chars().flat_map(|c| ['\0', c]).collect::<String>();
        assert_eq!(joliet(&"x".repeat(70), false), wide(&format!("{};1", "x".repeat(64))));
        assert_eq!(joliet(&"x".repeat(71), false), wide(&format!("{}_1;1", "x".repeat(62))));
    }
}
