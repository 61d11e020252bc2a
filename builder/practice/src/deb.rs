//! Reads Debian packages: an `ar` archive of a control and a data tar archive
//! (deb(5)), as a control stanza and a list of [`RpmItem`]s.

use super::package::{ItemKind, RpmItem};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Longest control member or configuration list read, in bytes.
const CONTROL_LIMIT: u64 = 4 << 20;
/// Most bytes one package may unpack to.
const DATA_LIMIT: u64 = 2 << 30;

/// A package's control stanza.
#[derive(Clone, Debug, Default)]
pub struct Control {
    fields: BTreeMap<String, String>,
    conffiles: BTreeSet<String>,
}

impl Control {
    /// A field's text with its continuation lines, or nothing.
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Parses a stanza (deb-control(5)).
    pub fn parse(text: &str) -> Self {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut last = String::new();
        for line in text.lines() {
            if line.starts_with([' ', '\t']) {
                if let Some(value) = fields.get_mut(&last) {
                    value.push('\n');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                last = name.to_string();
                fields.insert(last.clone(), value.trim().to_string());
            }
        }
        Self { fields, conffiles: BTreeSet::new() }
    }
}

/// Reads the control member alone.
pub fn control(path: &Path) -> io::Result<Control> {
    let mut archive = member(path, "control.tar")?;
    let mut control = Control::default();
    let mut conffiles = BTreeSet::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_string();
        if name != "control" && name != "conffiles" {
            continue;
        }
        let mut text = String::new();
        entry.take(CONTROL_LIMIT).read_to_string(&mut text)?;
        match name.as_str() {
            "control" => control = Control::parse(&text),
            _ => conffiles = text.lines().map(|line| line.trim().to_string()).collect(),
        }
    }
    control.conffiles = conffiles;
    if control.get("Package").is_empty() {
        return Err(invalid("no control stanza"));
    }
    Ok(control)
}

/// Reads every file for whose absolute path `keep` gives a (new) path.
/// Hard links become symbolic links to the first name.
pub fn items(
    path: &Path,
    control: &Control,
    keep: impl Fn(&str) -> Option<String>,
) -> io::Result<Vec<RpmItem>> {
    let mut archive = member(path, "data.tar")?;
    let mut items = Vec::new();
    let mut room = DATA_LIMIT;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let original = absolute(&entry.path()?.to_string_lossy());
        let Some(path) = keep(&original) else { continue };
        let Some(kind) = kind(&mut entry, &keep, &path, &mut room)? else { continue };
        let header = entry.header();
        let owner = |name: Option<&[u8]>| {
            name.map_or_else(|| "root".into(), |n| String::from_utf8_lossy(n).into_owned())
        };
        items.push(RpmItem {
            mode: (header.mode()? & 0o7777) as u16,
            user: owner(header.username_bytes()),
            group: owner(header.groupname_bytes()),
            mtime: u32::try_from(header.mtime()?).unwrap_or(0),
            config: control.conffiles.contains(&original),
            caps: None,
            path,
            kind,
        });
    }
    Ok(items)
}

fn kind(
    entry: &mut tar::Entry<'_, Box<dyn Read>>,
    keep: &impl Fn(&str) -> Option<String>,
    path: &str,
    room: &mut u64,
) -> io::Result<Option<ItemKind>> {
    let target = |entry: &tar::Entry<'_, Box<dyn Read>>| -> io::Result<String> {
        let link = entry.link_name()?.ok_or_else(|| invalid("a link without a target"))?;
        Ok(link.to_string_lossy().into_owned())
    };
    Ok(match entry.header().entry_type() {
        tar::EntryType::Directory => Some(ItemKind::Dir),
        tar::EntryType::Regular => {
            *room = room.checked_sub(entry.size()).ok_or_else(|| invalid("unpacks too large"))?;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            Some(ItemKind::File(bytes))
        }
        tar::EntryType::Symlink => Some(ItemKind::Symlink(target(entry)?)),
        tar::EntryType::Link => {
            let first = absolute(&target(entry)?);
            let first = keep(&first).ok_or_else(|| invalid("hard link to a dropped file"))?;
            Some(ItemKind::Symlink(relative(path, &first)))
        }
        // Debian packages hold nothing else.
        _ => None,
    })
}

/// `./usr/bin/` as `/usr/bin`; the root itself is empty.
fn absolute(name: &str) -> String {
    let name = name.trim_start_matches('.').trim_matches('/');
    if name.is_empty() { String::new() } else { format!("/{name}") }
}

/// A symbolic link's text that leads from `from` to `to`, both absolute.
pub fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').collect();
    let to: Vec<&str> = to.split('/').collect();
    let dirs = from.len() - 1;
    let common = from[..dirs].iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut parts = vec![".."; dirs - common];
    parts.extend(&to[common..]);
    parts.join("/")
}

/// Opens the tar member whose name starts with `prefix`.
fn member(path: &Path, prefix: &str) -> io::Result<tar::Archive<Box<dyn Read>>> {
    let file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut archive = ar::Archive::new(file);
    while let Some(entry) = archive.next_entry() {
        let entry = entry?;
        let name = String::from_utf8_lossy(entry.header().identifier()).into_owned();
        if !name.starts_with(prefix) {
            continue;
        }
        let mut packed = Vec::new();
        entry.take(DATA_LIMIT).read_to_end(&mut packed)?;
        let packed = io::Cursor::new(packed);
        let reader: Box<dyn Read> = match name.trim_end_matches('/').rsplit('.').next() {
            Some("xz") => Box::new(liblzma::read::XzDecoder::new(packed)),
            Some("gz") => Box::new(flate2::read::GzDecoder::new(packed)),
            Some("zst") => Box::new(zstd::stream::read::Decoder::new(packed)?),
            Some("tar") => Box::new(packed),
            _ => return Err(invalid("unknown compression of a member")),
        };
        return Ok(tar::Archive::new(reader));
    }
    Err(invalid(&format!("no {prefix} member")))
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn parses_control_stanzas() {
        let control = Control::parse("Package: a\nDepends: b,\n c (>= 1)\nX: y: z\n");
        assert_eq!(control.get("Package"), "a");
        assert_eq!(control.get("Depends"), "b,\nc (>= 1)");
        assert_eq!(control.get("X"), "y: z");
        assert_eq!(control.get("absent"), "");
    }

    #[test]
    fn relative_links() {
        assert_eq!(relative("/usr/sbin/b", "/usr/sbin/a"), "a");
        assert_eq!(relative("/usr/sbin/b", "/usr/bin/a"), "../bin/a");
        assert_eq!(relative("/b", "/usr/a"), "usr/a");
    }

    /// `dpkg-deb` (package dpkg) is what every Debian package is made with.
    #[test]
    fn reads_what_dpkg_deb_builds() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().join("root");
        for sub in ["DEBIAN", "etc", "usr/bin"] {
            std::fs::create_dir_all(root.join(sub)).expect("directory");
        }
        let write = |name: &str, text: &str| std::fs::write(root.join(name), text).expect("file");
        write(
            "DEBIAN/control",
            "Package: probe\nVersion: 1-2\nArchitecture: amd64\nMaintainer: a <a@b.c>\n\
             Description: probe\n more\n",
        );
        write("DEBIAN/conffiles", "/etc/probe.conf\n");
        write("etc/probe.conf", "x\n");
        write("usr/bin/probe", "binary");
        std::fs::hard_link(root.join("usr/bin/probe"), root.join("usr/bin/zlink")).expect("link");
        std::os::unix::fs::symlink("probe", root.join("usr/bin/sym")).expect("symlink");
        for compression in ["xz", "gzip", "zstd", "none"] {
            let deb = dir.path().join(format!("{compression}.deb"));
            let done = Command::new("dpkg-deb")
                .args(["--root-owner-group", "-Z", compression, "-b"])
                .args([&root, &deb])
                .output()
                .expect("dpkg-deb of the Debian package dpkg");
            assert!(done.status.success(), "{done:?}");
            let control = control(&deb).expect("control");
            assert_eq!(control.get("Version"), "1-2");
            let keep = |path: &str| (path != "/etc").then(|| path.to_string());
            let items = items(&deb, &control, keep).expect("data");
            let find = |path: &str| items.iter().find(|item| item.path == path).expect("item");
            assert!(items.iter().all(|item| item.path != "/etc"));
            assert!(find("/etc/probe.conf").config);
            assert_eq!(find("/usr/bin/probe").kind, ItemKind::File(b"binary".to_vec()));
            assert_eq!(find("/usr/bin/zlink").kind, ItemKind::Symlink("probe".into()));
            assert_eq!(find("/usr/bin/sym").kind, ItemKind::Symlink("probe".into()));
            assert_eq!(find("/usr/bin").user, "root");
        }
    }

    #[test]
    fn broken_archives_are_errors() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("x.deb");
        for bytes in [&b""[..], b"!<arch>\n", b"!<arch>\ndebian-binary   0 ", b"not an archive"] {
            std::fs::write(&path, bytes).expect("file");
            assert!(control(&path).is_err(), "{bytes:?}");
        }
    }
}
