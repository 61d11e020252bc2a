//! Listings as text, one path a line: mtree(5) with full paths, as `bsdtar` writes and reads
//! it. Extended attributes, for which mtree has no keyword, are its `tags`: `NAME:VALUE`,...
//! with values in hexadecimal. Other readers leave tags aside.

use super::record::{FileKind, Listing, Record};
use std::collections::BTreeMap;
use std::fmt::Write;

const KINDS: [(FileKind, &str); 7] = [
    (FileKind::File, "file"),
    (FileKind::Dir, "dir"),
    (FileKind::Link, "link"),
    (FileKind::Char, "char"),
    (FileKind::Block, "block"),
    (FileKind::Fifo, "fifo"),
    (FileKind::Socket, "socket"),
];

/// Keywords that belong to some types only.
const SPECIAL: [(&str, &[FileKind]); 4] = [
    ("link", &[FileKind::Link]),
    ("device", &[FileKind::Char, FileKind::Block]),
    ("size", &[FileKind::File]),
    ("sha256digest", &[FileKind::File]),
];

/// The listing as text.
pub fn write(listing: &Listing) -> String {
    let mut text = String::from("#mtree\n");
    for (path, record) in listing {
        let name = KINDS.iter().find(|(k, _)| *k == record.kind).map_or("file", |(_, n)| *n);
        text.push('.');
        if !path.is_empty() {
            text.push('/');
            escape(path, &mut text);
        }
        let _ = write!(
            text,
            " type={name} mode={:o} uid={} gid={} time={}.0",
            record.mode, record.uid, record.gid, record.mtime
        );
        match record.kind {
            FileKind::File => {
                let _ = write!(text, " size={} sha256digest={}", record.size, record.sha256);
            }
            FileKind::Link => {
                text.push_str(" link=");
                escape(&record.target, &mut text);
            }
            FileKind::Char | FileKind::Block => {
                let _ = write!(text, " device=native,{},{}", record.device.0, record.device.1);
            }
            FileKind::Dir | FileKind::Fifo | FileKind::Socket => {}
        }
        for (number, (name, value)) in record.xattrs.iter().enumerate() {
            text.push_str(if number == 0 { " tags=" } else { "," });
            escape(name, &mut text);
            let _ = write!(text, ":{}", hex::encode(value));
        }
        text.push('\n');
    }
    text
}

/// vis(3)'s octal form for everything but plain characters.
fn escape(bytes: &[u8], text: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_graphic() && !b"\\#=*?[:,".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\{byte:03o}");
        }
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'\\' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = std::str::from_utf8(after.get(..3)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 8).ok()?);
        rest = &after[3..];
    }
    Some(bytes)
}

/// Reads what [`super::to_text`] wrote. A keyword that mtree(5) gives to one type of file alone
/// (`link` to symbolic links, `device` to devices, size and digest to regular files) is an error
/// with another type: it would be lost when the listing is written again.
///
/// # Errors
/// The number of the line that cannot be read, from 1.
pub fn parse(text: &str) -> Result<Listing, usize> {
    let mut listing = Listing::new();
    for (number, line) in (1usize..).zip(text.lines()).filter(|(_, l)| !l.starts_with('#')) {
        let (path, record) = record(line).ok_or(number)?;
        listing.insert(path, record);
    }
    Ok(listing)
}

fn record(line: &str) -> Option<(Vec<u8>, Record)> {
    let mut words = line.split(' ');
    let path = words.next()?.strip_prefix('.')?;
    let mut record = Record {
        kind: FileKind::File,
        mode: 0,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 0,
        sha256: String::new(),
        target: Vec::new(),
        device: (0, 0),
        xattrs: BTreeMap::new(),
    };
    let mut kinds: Option<&[FileKind]> = None;
    for word in words {
        let (key, value) = word.split_once('=')?;
        if let Some((_, of)) = SPECIAL.iter().find(|(special, _)| *special == key) {
            if kinds.is_some_and(|kinds| kinds != *of) {
                return None;
            }
            kinds = Some(of);
        }
        match key {
            "type" => record.kind = KINDS.iter().find(|(_, name)| *name == value)?.0,
            "mode" => record.mode = u16::from_str_radix(value, 8).ok()?,
            "uid" => record.uid = value.parse().ok()?,
            "gid" => record.gid = value.parse().ok()?,
            "size" => record.size = value.parse().ok()?,
            "time" => record.mtime = value.split('.').next()?.parse().ok()?,
            "sha256digest" if value.bytes().all(|b| b.is_ascii_hexdigit()) => {
                value.clone_into(&mut record.sha256);
            }
            "link" => record.target = unescape(value)?,
            "device" => {
                let (major, minor) = value.strip_prefix("native,")?.split_once(',')?;
                record.device = (major.parse().ok()?, minor.parse().ok()?);
            }
            "tags" => {
                for tag in value.split(',') {
                    let (name, value) = tag.split_once(':')?;
                    record.xattrs.insert(unescape(name)?, hex::decode(value).ok()?);
                }
            }
            _ => return None,
        }
    }
    if kinds.is_some_and(|kinds| !kinds.contains(&record.kind)) {
        return None;
    }
    Some((unescape(path.strip_prefix('/').unwrap_or(path))?, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let file = Record {
            size: 3,
            sha256: "ab".repeat(32),
            mode: 0o4755,
            mtime: -5,
            xattrs: BTreeMap::from([
                (b"security.capability".to_vec(), vec![1, 0, 0xff]),
                (b"user.a:b,c".to_vec(), Vec::new()),
            ]),
            ..Record::of_fat(FileKind::File, 0, String::new())
        };
        let link = Record {
            target: b"../a b\\c".to_vec(),
            ..Record::of_fat(FileKind::Link, 0, String::new())
        };
        let device =
            Record { device: (259, 70_000), ..Record::of_fat(FileKind::Block, 0, String::new()) };
        let listing = Listing::from([
            (Vec::new(), Record::of_fat(FileKind::Dir, 0, String::new())),
            (b"usr/a b\n#\xff=".to_vec(), file),
            (b"link".to_vec(), link),
            (b"dev/x".to_vec(), device),
        ]);
        let text = write(&listing);
        assert_eq!(parse(&text), Ok(listing));
        assert_eq!(parse("#mtree\n. type=dir\n./x type=what\n"), Err(3));
    }

    #[test]
    fn keywords_of_another_type_are_errors() {
        for line in [
            "./x link=y",
            "./x type=file link=y",
            "./x link=y type=dir",
            "./x type=link link=y size=3",
            "./x type=link device=native,1,2",
            "./x type=file device=native,1,2",
            "./x type=dir size=4096",
            "./x type=block sha256digest=ab",
            "./x type=file sha256digest=a\rb",
        ] {
            assert_eq!(parse(&format!("#mtree\n{line}\n")), Err(2), "{line}");
        }
        for line in
            ["./x link=y type=link", "./x size=3 type=file", "./x device=native,1,2 type=char"]
        {
            let listing = parse(line).unwrap();
            assert_eq!(parse(&write(&listing)), Ok(listing), "{line}");
        }
    }
}
