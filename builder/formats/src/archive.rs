//! A tree as a gzip-compressed POSIX archive (`pax`): numeric owners, extended attributes as
//! `SCHILY.xattr` records, as GNU tar, bsdtar and container tools read them. The bytes depend
//! on the tree alone.

use super::tree::{Content, Entry, Tree};
use flate2::{Compression, GzBuilder};
use rayon::prelude::*;
use std::io::{self, Read, Write};
use tar::{Builder, EntryType, Header};

/// Bytes that are compressed on their own, and how many such pieces at a time.
const PIECE: usize = 1 << 20;
const BATCH: usize = 16;
const LEVEL: u32 = 6;

/// Writes `tree` to `out`; `progress` gets the bytes of file data so far and returns whether
/// to go on.
///
/// # Errors
/// When a file of the tree cannot be read or writing fails.
pub fn write(
    tree: &Tree,
    out: impl Write + Send,
    progress: &mut dyn FnMut(u64) -> bool,
) -> io::Result<()> {
    let mut archive = Builder::new(Gzip { out, pending: Vec::new() });
    let mut done = 0;
    for (path, entry) in &tree.entries {
        append(&mut archive, path, entry)
            .map_err(|e| io::Error::other(format!("/{}: {e}", String::from_utf8_lossy(path))))?;
        done += entry.size();
        if !progress(done) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    archive.into_inner()?.finish()
}

fn append(archive: &mut Builder<impl Write>, path: &[u8], entry: &Entry) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(entry.mode.into());
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(u64::try_from(entry.mtime).unwrap_or(0));
    header.set_size(entry.size());
    let mut link: &[u8] = &[];
    let kind = match &entry.content {
        Content::Dir => EntryType::Directory,
        Content::File { .. } | Content::Bytes(_) => EntryType::Regular,
        Content::Symlink(target) => {
            link = target;
            EntryType::Symlink
        }
        Content::Hardlink(target) => {
            link = target;
            header.set_size(0);
            EntryType::Link
        }
        Content::CharDevice { major, minor } => {
            header.set_device_major(*major)?;
            header.set_device_minor(*minor)?;
            EntryType::Char
        }
        Content::BlockDevice { major, minor } => {
            header.set_device_major(*major)?;
            header.set_device_minor(*minor)?;
            EntryType::Block
        }
        Content::Fifo => EntryType::Fifo,
        // Sockets belong to who listens; archives have none.
        Content::Socket => return Ok(()),
    };
    header.set_entry_type(kind);
    let name = member(path, entry.content == Content::Dir);
    let link = if kind == EntryType::Link { member(link, false) } else { link.to_vec() };
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    if !set_name(&mut header, &name) {
        records.push(("path".into(), name));
    }
    if !link.is_empty() && header.set_link_name_literal(&link).is_err() {
        records.push(("linkpath".into(), link));
    }
    for (name, value) in &entry.xattrs {
        let name = String::from_utf8_lossy(name);
        records.push((format!("SCHILY.xattr.{name}"), value.clone()));
    }
    if !records.is_empty() {
        archive.append_pax_extensions(
            records.iter().map(|(name, value)| (name.as_str(), value.as_slice())),
        )?;
    }
    header.set_cksum();
    if kind == EntryType::Regular {
        return archive.append(&header, entry.open()?.take(entry.size()));
    }
    archive.append(&header, io::empty())
}

/// A member's name: below `./`, directories with a slash at the end.
fn member(path: &[u8], is_directory: bool) -> Vec<u8> {
    let mut name = b"./".to_vec();
    name.extend(path);
    if is_directory && !path.is_empty() {
        name.push(b'/');
    }
    name
}

/// Puts a member's name into its header as it is; of a longer one its end, and false: that
/// is what readers without `pax` see.
fn set_name(header: &mut Header, name: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    let tail = &name[name.len().saturating_sub(ustar.name.len())..];
    ustar.name[..tail.len()].copy_from_slice(tail);
    tail.len() == name.len()
}

/// A gzip stream of members that are compressed in parallel (RFC 1952, section 2.2).
struct Gzip<W> {
    out: W,
    pending: Vec<u8>,
}

impl<W: Write> Gzip<W> {
    fn drain(&mut self) -> io::Result<()> {
        let members: Vec<Vec<u8>> = self
            .pending
            .par_chunks(PIECE)
            .map(|piece| {
                let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(LEVEL));
                gzip.write_all(piece)?;
                gzip.finish()
            })
            .collect::<io::Result<_>>()?;
        for member in members {
            self.out.write_all(&member)?;
        }
        self.pending.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.drain()?;
        self.out.flush()
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE * BATCH - self.pending.len();
        let n = room.min(bytes.len());
        self.pending.extend_from_slice(&bytes[..n]);
        if self.pending.len() == PIECE * BATCH {
            self.drain()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn gnu_tar_reads_owners_attributes_links_and_long_names() {
        let mut tree = Tree::default();
        let long = format!("directory/{}/file", "x".repeat(150));
        let mut file = Entry::new(0o4755, 1_500_000_000, Content::Bytes(vec![7; 3 << 20]));
        (file.uid, file.gid) = (81, 4_000_000);
        file.xattrs.insert(b"security.capability".to_vec(), vec![1, 0, 0, 2, 0, 4]);
        tree.put("bin/tool", file);
        tree.put("bin/zlink", Entry::new(0, 0, Content::Hardlink(b"bin/tool".to_vec())));
        tree.put(&long, Entry::new(0o644, 5, Content::Bytes(b"deep".to_vec())));
        tree.put("link", Entry::new(0o777, 5, Content::Symlink(b"bin/tool".to_vec())));
        let made = || {
            let mut bytes = Vec::new();
            write(&tree, &mut bytes, &mut |_| true).unwrap();
            bytes
        };
        let bytes = made();
        assert_eq!(bytes, made());
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), &bytes).unwrap();
        let tar = |options: &[&str]| {
            let output = Command::new("tar").args(options).arg(path.path()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        // The asterisk: it has extended attributes.
        let list = tar(&["--xattrs", "--xattrs-include=*", "--numeric-owner", "--utc", "-tvvzf"]);
        let list = list.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "-rwsr-xr-x* 81/4000000 3145728 2017-07-14 02:40 ./bin/tool",
            "./bin/zlink link to ./bin/tool",
            &format!("./{long}"),
            "./link -> bin/tool",
        ] {
            assert!(list.contains(part), "{part}: {list}");
        }
    }
}
