//! What is in a partition or a logical volume.

use crate::base::error::{Context, Error, Result};
use crate::image::listing::{FileKind, Record};
use formats::ext4;
use formats::read_at::{Joined, ReadAt, Stream};
use sha2::{Digest, Sha256};
use std::io::Read;

/// A volume's content as far as it is known.
pub enum Filesystem {
    /// ext2, ext3 or ext4, by name.
    Ext(&'static str),
    /// FAT of any width.
    Fat,
    /// A physical volume of LVM; its logical volumes are volumes of their own.
    Physical,
    /// Something that is known, but not read.
    Unread(&'static str),
    /// Nothing known: GRUB's core.img, or nothing at all.
    None,
}

/// One partition of an image, or a logical volume in some.
pub struct Volume<'a> {
    /// Its number in the partition table, if it is a partition.
    pub number: Option<u32>,
    /// Of a partition: which of the machine's disks it is on, from 0.
    pub disk: usize,
    /// The partition's name, or `group/name`.
    pub name: String,
    /// What it holds.
    pub filesystem: Filesystem,
    /// The filesystem's UUID as fstab spells it, if it has one.
    pub uuid: Option<String>,
    bytes: Bytes<'a>,
}

/// Where a volume's bytes are.
type Bytes<'a> = Box<dyn ReadAt + 'a>;

impl<'a> Volume<'a> {
    /// Looks at the magic numbers.
    pub(super) fn probe(number: Option<u32>, name: String, bytes: Bytes<'a>) -> Result<Self> {
        let mut head = vec![0; bytes.size().min(4096) as usize];
        bytes.read_exact_at(&mut head, 0).or_input(|| what(number, &name))?;
        let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
        let uuid = |at: usize| head.get(at..at + 16).map(uuid_text);
        let serial = |at: usize| {
            let b = head.get(at..at + 4)?;
            Some(format!("{:02X}{:02X}-{:02X}{:02X}", b[3], b[2], b[1], b[0]))
        };
        let (filesystem, uuid) = if has(1080, &[0x53, 0xef]) {
            (Filesystem::Ext(ext_name(&head)), uuid(1128))
        } else if has(0, b"XFSB") {
            (Filesystem::Unread("XFS"), uuid(32))
        } else if has(4086, b"SWAPSPACE2") {
            (Filesystem::Unread("swap"), uuid(1036))
        } else if (0..4).any(|s| has(s * 512, b"LABELONE") && has(s * 512 + 24, b"LVM2 001")) {
            (Filesystem::Physical, None)
        } else if has(510, &[0x55, 0xaa]) && has(82, b"FAT32") {
            (Filesystem::Fat, serial(67))
        } else if has(510, &[0x55, 0xaa]) && has(54, b"FAT1") {
            (Filesystem::Fat, serial(39))
        } else {
            (Filesystem::None, None)
        };
        Ok(Self { number, disk: 0, name, filesystem, uuid, bytes })
    }

    /// A logical volume whose bytes are not given by the group's metadata alone.
    pub(super) fn opaque(name: String) -> Self {
        let filesystem = Filesystem::Unread("a logical volume that is not linear");
        let bytes = Box::new(Joined::default());
        Self { number: None, disk: 0, name, filesystem, uuid: None, bytes }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &dyn ReadAt {
        self.bytes.as_ref()
    }

    /// The filesystem, where it is ext4.
    ///
    /// # Errors
    /// An input error when it is damaged or uses what is not supported.
    pub fn ext4(&self) -> Result<Option<ext4::Ext4Reader<'_>>> {
        match self.filesystem {
            Filesystem::Ext(_) => {
                ext4::Ext4Reader::open(self.bytes()).map(Some).or_input(|| self.what())
            }
            _ => Ok(None),
        }
    }

    /// For messages.
    pub fn what(&self) -> String {
        what(self.number, &self.name)
    }

    /// Every path of a FAT filesystem.
    ///
    /// # Errors
    /// An input error when it is damaged.
    pub fn fat(&self) -> Result<Vec<FatEntry>> {
        let filesystem = self.open_fat()?;
        let mut found = Vec::new();
        let mut pending = vec![(String::new(), filesystem.root_dir())];
        while let Some((path, directory)) = pending.pop() {
            for entry in directory.iter() {
                let entry = entry.or_input(|| self.what())?;
                let name = entry.file_name();
                if name == "." || name == ".." {
                    continue;
                }
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                // More entries than could have content: a directory's chain is a circle.
                if path.len() > 4096 || found.len() as u64 > self.bytes().size() / 256 {
                    return Err(Error::input(format!(
                        "{}: its directories form a loop",
                        self.what()
                    )));
                }
                if entry.is_dir() {
                    let record = Record::of_fat(FileKind::Dir, 0, String::new());
                    found.push((path.clone().into_bytes(), record));
                    pending.push((path, entry.to_dir()));
                    continue;
                }
                let mut hasher = Sha256::new();
                std::io::copy(&mut entry.to_file(), &mut hasher)
                    .or_input(|| format!("{}: {path}", self.what()))?;
                let digest = hex::encode(hasher.finalize());
                found
                    .push((path.into_bytes(), Record::of_fat(FileKind::File, entry.len(), digest)));
            }
        }
        Ok(found)
    }

    /// A file of a FAT filesystem, at most `limit` bytes of it.
    ///
    /// # Errors
    /// An input error when it cannot be read.
    pub fn fat_file(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let filesystem = self.open_fat()?;
        let file = filesystem.root_dir().open_file(path).or_input(|| self.what())?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).or_input(|| self.what())?;
        Ok(bytes)
    }

    fn open_fat(&self) -> Result<fatfs::FileSystem<Stream<'_>>> {
        // Every file once, and the tables for each cluster, is far less.
        let most = self.bytes().size().saturating_mul(16).saturating_add(64 << 20);
        fatfs::FileSystem::new(Stream::within(self.bytes(), most), fatfs::FsOptions::new())
            .or_input(|| self.what())
    }
}

/// Which filesystem of the family it is: ext4 has extents or flexible groups, ext2 no journal.
fn ext_name(head: &[u8]) -> &'static str {
    const HAS_JOURNAL: u8 = 0x04;
    const EXTENTS: u8 = 0x40;
    const FLEX_BG: u8 = 0x02;
    let byte = |at: usize| head.get(at).copied().unwrap_or(0);
    match (byte(1120) & EXTENTS | byte(1121) & FLEX_BG, byte(1116) & HAS_JOURNAL) {
        (0, 0) => "ext2",
        (0, _) => "ext3",
        _ => "ext4",
    }
}

fn what(number: Option<u32>, name: &str) -> String {
    match number {
        Some(number) => format!("partition {number} ({name})"),
        None => format!("logical volume {name}"),
    }
}

/// A path of a FAT filesystem, from its own root.
pub type FatEntry = (Vec<u8>, Record);

/// A UUID in its textual form.
pub fn uuid_text(bytes: &[u8]) -> String {
    let h = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use formats::fat;
    use formats::read_at::Plain;
    use formats::tree::{Content, Entry, Tree};
    use std::os::unix::fs::FileExt;

    /// A FAT32 filesystem whose directory `D` has more entries than a cluster, and its file.
    fn filesystem() -> std::fs::File {
        let mut file = tempfile::tempfile().unwrap();
        let size = 40 << 20;
        file.set_len(size).unwrap();
        let mut tree = Tree::default();
        for number in 10..50 {
            let content = Content::Bytes(vec![7; 600]);
            tree.put(&format!("D/F{number}"), Entry::new(0o644, 0, content));
        }
        let options = fat::FatOptions { size, serial: 1, label: "X".into(), fat32: true };
        fat::write(&mut file, &options, &tree).unwrap();
        file
    }

    fn number(file: &std::fs::File, at: u64) -> u64 {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, at).unwrap();
        u32::from_le_bytes(bytes).into()
    }

    fn read(file: std::fs::File) -> Result<Vec<FatEntry>> {
        Volume::probe(None, "esp".into(), Box::new(Plain::new(file).unwrap())).unwrap().fat()
    }

    #[test]
    fn chains_that_lead_in_circles_end() {
        assert_eq!(read(filesystem()).unwrap().len(), 41);
        let file = filesystem();
        let (reserved, tables) = (number(&file, 14) & 0xffff, number(&file, 16) & 0xff);
        let table = reserved * 512;
        let data = (reserved + tables * number(&file, 36)) * 512;
        let cluster = number(&file, 13) & 0xff;
        let root = data + (number(&file, 44) - 2) * cluster * 512;
        let place = (0..16).map(|n| root + n * 32).find(|at| number(&file, *at) == 0x2020_2044);
        let directory = number(&file, place.expect("the directory D") + 26) & 0xffff;
        for copy in 0..tables {
            let at = table + copy * number(&file, 36) * 512 + directory * 4;
            file.write_all_at(&(directory as u32).to_le_bytes(), at).unwrap();
        }
        let error = read(file).unwrap_err();
        assert!(error.message.contains("form a loop"), "{error}");
    }
}
