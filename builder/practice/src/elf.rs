//! The sonames an ELF file needs and has, by its program headers (System V
//! ABI, "Dynamic Section"); only 64-bit little-endian files are read.

use formats::bytes::{get_le16, get_le32, get_le64};

/// What the dynamic section says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dynamic {
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const EM_X86_64: u16 = 62;

/// The dynamic section of `bytes`, or `None` when it is not a dynamic x86-64
/// ELF file or is damaged.
pub fn dynamic(bytes: &[u8]) -> Option<Dynamic> {
    if bytes.get(..6)? != b"\x7fELF\x02\x01" || get_le16(bytes, 18)? != EM_X86_64 {
        return None;
    }
    let headers = program_headers(bytes)?;
    let section = headers.iter().find(|header| header.kind == PT_DYNAMIC)?;
    let start = usize::try_from(section.offset).ok()?;
    let end = start.checked_add(usize::try_from(section.size).ok()?)?;
    let pairs: Vec<(u64, u64)> = bytes
        .get(start..end)?
        .chunks_exact(16)
        .map_while(|pair| Some((get_le64(pair, 0)?, get_le64(pair, 8)?)))
        .take_while(|(tag, _)| *tag != 0)
        .collect();
    let table = pairs.iter().find(|(tag, _)| *tag == DT_STRTAB)?.1;
    let load = headers.iter().find(|header| {
        header.kind == PT_LOAD
            && table.checked_sub(header.address).is_some_and(|within| within < header.size)
    })?;
    let strings = usize::try_from(table - load.address + load.offset).ok()?;
    let text = |offset: u64| -> Option<String> {
        let rest = bytes.get(strings.checked_add(usize::try_from(offset).ok()?)?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        String::from_utf8(rest[..end].to_vec()).ok()
    };
    let of = |wanted: u64| pairs.iter().filter(move |(tag, _)| *tag == wanted);
    Some(Dynamic {
        needed: of(DT_NEEDED).filter_map(|(_, offset)| text(*offset)).collect(),
        soname: of(DT_SONAME).find_map(|(_, offset)| text(*offset)),
    })
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn program_headers(bytes: &[u8]) -> Option<Vec<Segment>> {
    let table = usize::try_from(get_le64(bytes, 32)?).ok()?;
    let step = usize::from(get_le16(bytes, 54)?);
    let count = usize::from(get_le16(bytes, 56)?);
    (0..count)
        .map(|index| {
            let header = bytes.get(table.checked_add(index * step)?..)?;
            Some(Segment {
                kind: get_le32(header, 0)?,
                offset: get_le64(header, 8)?,
                address: get_le64(header, 16)?,
                size: get_le64(header, 32)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    /// What binutils' `readelf -d` prints for a tag.
    fn readelf(path: &Path, tag: &str) -> Vec<String> {
        let out = Command::new("readelf")
            .arg("-dW")
            .arg(path)
            .env("LC_ALL", "C")
            .output()
            .expect("readelf of the Debian package binutils");
        String::from_utf8_lossy(&out.stdout)
            .lines()
            .filter(|line| line.contains(tag))
            .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0.to_string()))
            .collect()
    }

    #[test]
    fn agrees_with_readelf() {
        let mut seen = 0;
        for path in ["/bin/bash", "/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/apt-get"] {
            let path = Path::new(path);
            let bytes = std::fs::read(path).expect("a file of every Debian system");
            let dynamic = dynamic(&bytes).expect("a dynamic file");
            assert_eq!(dynamic.needed, readelf(path, "(NEEDED)"), "{}", path.display());
            assert_eq!(
                dynamic.soname.into_iter().collect::<Vec<_>>(),
                readelf(path, "(SONAME)"),
                "{}",
                path.display()
            );
            seen += dynamic.needed.len();
        }
        assert!(seen > 3);
    }

    #[test]
    fn damage_never_panics() {
        let bytes = std::fs::read("/bin/bash").expect("bash");
        for cut in (0..bytes.len().min(4096)).step_by(7) {
            dynamic(&bytes[..cut]);
        }
        let mut broken = bytes[..4096.min(bytes.len())].to_vec();
        for at in 16..1024.min(broken.len()) {
            let was = broken[at];
            broken[at] = 0xff;
            dynamic(&broken);
            broken[at] = was;
        }
        assert_eq!(dynamic(b"#!/bin/sh\n"), None);
    }
}
