//! An image's files as the node will see them: the root filesystem, and the others where its
//! fstab mounts them.

use super::opened::Image;
use super::volume::{Filesystem, Volume};
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::image::listing::{FileKind, Listing, Record};
use formats::{ext4, file_type};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::io;

/// The volumes of an image and where they are mounted.
pub struct ImageContent<'a> {
    /// Volume and mount point (relative, empty for the root filesystem), the root first.
    mounts: Vec<(Volume<'a>, Vec<u8>)>,
    /// What is in the image and cannot be read, in words.
    pub unread: Vec<String>,
}

/// A regular file that is to be hashed.
struct Pending<'a> {
    path: Vec<u8>,
    inode: ext4::Inode,
    reader: &'a ext4::Ext4Reader<'a>,
    first_block: u64,
}

impl<'a> ImageContent<'a> {
    /// Finds the root filesystem and what belongs below it.
    ///
    /// # Errors
    /// An input error when there is none that can be read.
    pub fn of(image: &'a Image) -> Result<Self> {
        let mut volumes = image.volumes()?;
        let mut root = None;
        for (index, volume) in volumes.iter().enumerate() {
            if let Some(reader) = volume.ext4()?
                && reader.find(b"etc/fstab").or_input(|| volume.what())?.is_some()
            {
                root = Some(index);
                break;
            }
        }
        let Some(root) = root else { return Err(no_root(&volumes)) };
        let mut content =
            Self { mounts: vec![(volumes.remove(root), Vec::new())], unread: Vec::new() };
        let fstab = content.read(b"etc/fstab", 1 << 20)?.unwrap_or_default();
        for (uuid, mount) in mounts(&String::from_utf8_lossy(&fstab)) {
            let mount = unescape(mount);
            let Some(index) = volumes.iter().position(|v| v.uuid.as_deref() == Some(uuid)) else {
                continue;
            };
            let volume = volumes.remove(index);
            match volume.filesystem {
                Filesystem::Unread(what) if what != "swap" => content
                    .unread
                    .push(format!("/{mount} ({}) is {what}, which is not read", volume.what())),
                _ => content.mounts.push((volume, mount.into_bytes())),
            }
        }
        Ok(content)
    }

    /// Every path, with the digests of all files; `progress` gets bytes read and to read, and
    /// must be cheap.
    ///
    /// # Errors
    /// An input error naming what is damaged.
    pub fn listing(
        &self,
        progress: &mut dyn FnMut(u64, u64),
        unreadable: &mut dyn FnMut(&[u8], Error) -> Result<()>,
    ) -> Result<Listing> {
        let mut listing = Listing::new();
        let mut readers = Vec::new();
        for (volume, mount) in &self.mounts {
            readers.push((volume.ext4()?, volume, mount));
        }
        let mut pending = Vec::new();
        for (reader, volume, mount) in &readers {
            match reader {
                Some(reader) => {
                    let walked = walk(reader, volume, mount, &mut listing, &mut pending);
                    walked.or_else(|e| unreadable(mount, e))?;
                }
                None if matches!(volume.filesystem, Filesystem::Fat) => match volume.fat() {
                    Ok(files) => listing.extend(
                        files.into_iter().map(|(path, record)| (below(mount, &path), record)),
                    ),
                    Err(e) => unreadable(mount, e)?,
                },
                None => {}
            }
        }
        // In the disk's order: compressed clusters are read once.
        pending.sort_by_key(|p| p.first_block);
        let total = pending.iter().map(|p| p.inode.size).sum();
        let mut done = 0;
        for batch in pending.chunks(512) {
            interrupt::check()?;
            let hashed: Vec<Result<String>> = batch.par_iter().map(hash).collect();
            interrupt::check()?;
            for (file, hashed) in batch.iter().zip(hashed) {
                done += file.inode.size;
                let sha256 = match hashed {
                    Ok(sha256) => sha256,
                    Err(e) => {
                        unreadable(&file.path, e)?;
                        continue;
                    }
                };
                if let Some(record) = listing.get_mut(&file.path) {
                    record.sha256 = sha256;
                }
            }
            progress(done, total);
        }
        Ok(listing)
    }

    /// The first `limit` bytes of the file at a relative path, `None` if there is no such file.
    ///
    /// # Errors
    /// An input error when it cannot be read.
    pub fn read(&self, path: &[u8], limit: u64) -> Result<Option<Vec<u8>>> {
        let inside = |mount: &[u8]| -> Option<Vec<u8>> {
            let rest = path.strip_prefix(mount)?;
            if mount.is_empty() {
                Some(rest.to_vec())
            } else {
                Some(rest.strip_prefix(b"/")?.to_vec())
            }
        };
        let place = self.mounts.iter().filter_map(|(v, m)| Some((v, m, inside(m)?)));
        let Some((volume, _, path)) = place.max_by_key(|(_, mount, _)| mount.len()) else {
            return Ok(None);
        };
        let Some(reader) = volume.ext4()? else {
            return volume.fat_file(&String::from_utf8_lossy(&path), limit).map(Some);
        };
        let what = || format!("{}: /{}", volume.what(), String::from_utf8_lossy(&path));
        let Some(inode) = reader.find(&path).or_input(what)? else { return Ok(None) };
        if inode.file_type() != file_type::REGULAR {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut file = inode;
        file.size = file.size.min(limit);
        let mut take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        reader.read(&file, &mut take).or_input(what)?;
        Ok(Some(bytes))
    }

    /// The root filesystem's volume.
    pub fn root(&self) -> &Volume<'a> {
        &self.mounts[0].0
    }

    /// Names in a directory of the root filesystem; none if there is no such directory.
    ///
    /// # Errors
    /// An input error when it cannot be read.
    pub fn names(&self, directory: &[u8]) -> Result<Vec<String>> {
        let what = || self.root().what();
        let Some(reader) = self.root().ext4()? else { return Ok(Vec::new()) };
        let children = match reader.find(directory).or_input(what)? {
            Some(inode) if inode.is_directory() => reader.children(&inode).or_input(what)?,
            _ => Vec::new(),
        };
        let name = |(name, _): (Vec<u8>, u32)| String::from_utf8_lossy(&name).into_owned();
        Ok(children.into_iter().map(name).collect())
    }

    /// Each filesystem's UUID as fstab spells it, by mount point (`/`, `/boot/efi`).
    pub fn uuids(&self) -> impl Iterator<Item = (String, Option<&str>)> {
        self.mounts.iter().map(|(volume, mount)| {
            (format!("/{}", String::from_utf8_lossy(mount)), volume.uuid.as_deref())
        })
    }
}

fn no_root(volumes: &[Volume<'_>]) -> Error {
    let unread: Vec<String> = volumes
        .iter()
        .filter_map(|v| match v.filesystem {
            Filesystem::Unread(what) => Some(format!("{} is {what}", v.what())),
            _ => None,
        })
        .collect();
    if unread.is_empty() {
        return Error::input("the image has no root filesystem: no ext4 with /etc/fstab");
    }
    Error::input(format!("the image's root filesystem cannot be read: {}", unread.join(", "))).hint(
        "only ext4 and FAT are read; compare the image's checksum instead: sha256sum -c SHA256SUMS",
    )
}

/// UUID and mount point (relative) of fstab's lines, directories above others first.
fn mounts(fstab: &str) -> Vec<(&str, &str)> {
    let mut mounts: Vec<(&str, &str)> = fstab
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let uuid = words.next()?.strip_prefix("UUID=")?;
            Some((uuid, words.next()?.strip_prefix('/')?.trim_end_matches('/')))
        })
        .filter(|(_, mount)| !mount.is_empty())
        .collect();
    mounts.sort_by_key(|(_, mount)| mount.len());
    mounts
}

/// A field of fstab(5) without its octal numbers.
fn unescape(field: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(field.to_owned(), |text, (code, c)| text.replace(code, c))
}

fn below(mount: &[u8], path: &[u8]) -> Vec<u8> {
    match (mount, path) {
        (b"", path) => path.to_vec(),
        (mount, b"") => mount.to_vec(),
        (mount, path) => [mount, b"/", path].concat(),
    }
}

fn walk<'a>(
    reader: &'a ext4::Ext4Reader<'a>,
    volume: &Volume<'_>,
    mount: &[u8],
    listing: &mut Listing,
    pending: &mut Vec<Pending<'a>>,
) -> Result<()> {
    let what = |path: &[u8]| format!("{}: /{}", volume.what(), String::from_utf8_lossy(path));
    let mut failed = None;
    let walked = reader.walk(|path, inode| {
        let record = record(reader, &inode)?;
        let path = below(mount, path);
        if record.kind == FileKind::File {
            let first_block = reader.first_block(&inode)?;
            pending.push(Pending { path: path.clone(), inode, reader, first_block });
        }
        failed = Some(path.clone());
        listing.insert(path, record);
        Ok::<(), ext4::ReadError>(())
    });
    walked.or_input(|| what(&failed.unwrap_or_default()))
}

/// An inode's record, without the digest.
fn record(reader: &ext4::Ext4Reader<'_>, inode: &ext4::Inode) -> Result<Record, ext4::ReadError> {
    let kind = match inode.file_type() {
        file_type::DIRECTORY => FileKind::Dir,
        file_type::REGULAR => FileKind::File,
        file_type::SYMLINK => FileKind::Link,
        file_type::CHAR_DEVICE => FileKind::Char,
        file_type::BLOCK_DEVICE => FileKind::Block,
        file_type::FIFO => FileKind::Fifo,
        file_type::SOCKET => FileKind::Socket,
        other => {
            let what = format!("inode {}: {other:o} is not a file type", inode.number);
            return Err(ext4::ReadError::Damaged(what));
        }
    };
    Ok(Record {
        kind,
        mode: inode.mode & 0o7777,
        uid: inode.uid,
        gid: inode.gid,
        size: if kind == FileKind::File { inode.size } else { 0 },
        mtime: inode.mtime,
        sha256: String::new(),
        target: if kind == FileKind::Link { reader.target(inode)? } else { Vec::new() },
        device: if matches!(kind, FileKind::Char | FileKind::Block) {
            inode.device()
        } else {
            (0, 0)
        },
        xattrs: inode.xattrs.clone(),
    })
}

fn hash(file: &Pending<'_>) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut take = |piece: &[u8]| {
        if interrupt::requested() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        hasher.update(piece);
        Ok(())
    };
    let read = file.reader.read(&file.inode, &mut take);
    interrupt::check()?;
    read.or_input(|| format!("/{}", String::from_utf8_lossy(&file.path)))?;
    Ok(hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fstab_is_read_shortest_mount_first() {
        let text = "# x\nUUID=A-1 /boot/efi vfat d 0 2\nUUID=b / ext4 d 1 1\n/dev/x /y ext4\nUUID=c /boot ext4\n";
        assert_eq!(mounts(text), [("c", "boot"), ("A-1", "boot/efi")]);
        assert_eq!(unescape("srv/my\\040data\\134040"), "srv/my data\\040");
    }
}
