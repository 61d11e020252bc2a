//! Disk images, filesystems and what is in them.

use super::files::{Zeroed, file, path};
use super::seeds::trimmed;
use crate::lab::text;
use crate::oracle;
use builder::image::{Image, ImageContent};
use formats::tree::{Content, Entry, Tree};
use formats::{berkeley, ext4, gpt, iso9660, lvm2, msdos, qcow2};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, symlink};

const MIB: u64 = 1 << 20;
/// A disk whose written part is the input; readers ask for what is far beyond it.
const DISK: u64 = 64 * MIB;
/// No more of a file is read than this: a sparse one may have terabytes.
const MOST_READ: u64 = 4 * MIB;

pub(super) fn berkeley(data: &[u8]) -> bool {
    let mut database = data.to_vec();
    berkeley::clear_unused(&mut database);
    berkeley::identify(&mut database, &[7; 20]);
    berkeley::is_database(data)
}

/// A B-tree file of three pages of 512 bytes: metadata, a leaf with two items, an overflow page.
pub(super) fn berkeley_seeds() -> Vec<Vec<u8>> {
    let page = |number: u32, entries: u16, lowest: u16, kind: u8, items: &[(usize, &[u8])]| {
        let mut page = vec![0xaa; 512];
        page[..26].fill(0);
        page[8..12].copy_from_slice(&number.to_le_bytes());
        page[20..22].copy_from_slice(&entries.to_le_bytes());
        page[22..24].copy_from_slice(&lowest.to_le_bytes());
        page[25] = kind;
        for (at, bytes) in items {
            page[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        page
    };
    let leaf: [(usize, &[u8]); 3] =
        [(26, &[0xf8, 1, 0xec, 1]), (504, b"\x04\0\x01root"), (492, b"\0\0\x03\0pagesize")];
    [0x0005_3162_u32, 0x0006_1561]
        .into_iter()
        .map(|magic| {
            let mut file = vec![0; 512];
            file[12..16].copy_from_slice(&magic.to_le_bytes());
            file[20..24].copy_from_slice(&512_u32.to_le_bytes());
            file.extend(page(1, 2, 492, 5, &leaf));
            file.extend(page(2, 1, 4, 7, &[(26, b"text")]));
            file
        })
        .collect()
}

pub(super) fn ext4(data: &[u8]) -> bool {
    let disk = Zeroed::new(data, DISK);
    let Ok(reader) = ext4::Ext4Reader::open(&disk) else { return false };
    let mut left = 2_000;
    let walked = reader.walk(|_, inode| -> Result<(), ext4::ReadError> {
        left -= 1;
        if left == 0 {
            return Err(io::Error::other("enough").into());
        }
        let mut read = 0;
        let mut take = |piece: &[u8]| {
            read += piece.len() as u64;
            if read > MOST_READ { Err(io::Error::other("enough")) } else { Ok(()) }
        };
        // A damaged file is an error of its own; the walk goes on.
        let _ = (reader.first_block(&inode), reader.target(&inode), inode.device());
        if !inode.is_directory() {
            let _ = reader.read(&inode, &mut take);
        }
        Ok(())
    });
    let _ = reader.find(b"etc/fstab");
    walked.is_ok()
}

/// A filesystem of 256 KiB with files of several kinds, by mke2fs: those that the product
/// writes have a journal, which has a minimum of 4 MiB.
fn filesystem() -> Vec<u8> {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (tree, image) = (directory.path().join("tree"), directory.path().join("image"));
    fs::create_dir_all(tree.join("etc")).expect("directory");
    fs::write(tree.join("etc/fstab"), "UUID=0 / ext4 defaults 0 1\n").expect("file");
    fs::write(tree.join("large"), [7; 9_000]).expect("file");
    symlink("fstab", tree.join("etc/link")).expect("link");
    symlink("x".repeat(100), tree.join("etc/long")).expect("link");
    let features = "^has_journal,^resize_inode";
    let mut arguments = vec!["-q", "-t", "ext4", "-O", features, "-b", "1024", "-d"];
    let (from, to) = (text(&tree), text(&image));
    arguments.extend([from.as_str(), to.as_str(), "256k"]);
    oracle::ok("mke2fs", arguments);
    fs::read(image).expect("a filesystem")
}

/// What was written of a disk of [`DISK`] bytes.
fn disk_with(write: impl FnOnce(&File)) -> Vec<u8> {
    let disk = file(&[], DISK);
    write(&disk);
    read_whole(&disk)
}

fn read_whole(disk: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut from = File::open(path(disk)).expect("a file in memory");
    from.read_to_end(&mut bytes).expect("a file in memory");
    trimmed(bytes)
}

pub(super) fn ext4_seeds() -> Vec<Vec<u8>> {
    vec![trimmed(filesystem())]
}

pub(super) fn gpt(data: &[u8]) -> bool {
    gpt::read(&Zeroed::new(data, DISK)).is_ok()
}

/// Writes a table with these partitions (first block and number of blocks).
fn write_gpt(disk: &File, partitions: &[(u64, u64, &str)]) {
    let all: Vec<gpt::GptPartition> = partitions
        .iter()
        .zip(1..)
        .map(|((first, blocks, name), number)| gpt::GptPartition {
            name: (*name).to_owned(),
            type_guid: [
                0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47,
                0x7d, 0xe4,
            ],
            guid: [number; 16],
            first_lba: *first,
            last_lba: first + blocks - 1,
            attributes: 0,
        })
        .collect();
    gpt::write(disk, DISK, [9; 16], &all, None).expect("a partition table");
}

pub(super) fn gpt_seeds() -> Vec<Vec<u8>> {
    let mut whole =
        disk_with(|disk| write_gpt(disk, &[(2048, 2048, "boot"), (4096, 8192, "root")]));
    // The copy at the disk's end is far away; the first one is enough.
    whole.truncate(64 << 10);
    vec![trimmed(whole)]
}

pub(super) fn msdos(data: &[u8]) -> bool {
    msdos::read(&Zeroed::new(data, DISK)).is_ok()
}

/// A primary partition and two logical ones, nearer to each other than any tool puts them.
pub(super) fn msdos_seeds() -> Vec<Vec<u8>> {
    const SECTOR: usize = 512;
    let mut whole = vec![0; 6 * SECTOR];
    let mut put = |sector: usize, slot: usize, kind: u8, first: u32, blocks: u32| {
        let at = sector * SECTOR + 446 + slot * 16;
        whole[at + 4] = kind;
        whole[at + 8..at + 12].copy_from_slice(&first.to_le_bytes());
        whole[at + 12..at + 16].copy_from_slice(&blocks.to_le_bytes());
        whole[(sector + 1) * SECTOR - 2..(sector + 1) * SECTOR].copy_from_slice(&[0x55, 0xaa]);
    };
    put(0, 0, 0x83, 1, 1);
    put(0, 1, 0x05, 2, 4);
    put(2, 0, 0x83, 1, 1);
    put(2, 1, 0x05, 2, 2);
    put(4, 0, 0x82, 1, 1);
    vec![whole]
}

pub(super) fn image(data: &[u8]) -> bool {
    let disk = file(data, DISK);
    let Ok(image) = Image::open(&path(&disk)) else { return false };
    let Ok(content) = ImageContent::of(&image) else { return false };
    let _ = content.read(b"etc/fstab", MOST_READ);
    content.names(b"etc").is_ok()
}

pub(super) fn image_seeds() -> Vec<Vec<u8>> {
    let root = filesystem();
    let mut plain = disk_with(|disk| {
        write_gpt(disk, &[(64, root.len() as u64 / 512, "root")]);
        disk.write_all_at(&root, 64 * 512).expect("a file in memory");
    });
    // Without the table's copy at the end.
    plain.truncate(64 * 512 + root.len());
    let plain = trimmed(plain);
    vec![qcow2_of(&plain), plain]
}

pub(super) fn iso(data: &[u8]) -> bool {
    let image = file(data, 0);
    let Ok(area) = image.try_clone() else { return false };
    let Ok(iso) = iso9660::Iso::open(image) else { return false };
    let _ = (iso.boot_images(), iso9660::read_system_area(&area));
    let Ok(all) = iso.walk() else { return false };
    for (_, node) in all.iter().take(500) {
        if let Ok(reader) = iso.reader(node) {
            // What is cut off is an error when it is read.
            let _ = io::copy(&mut reader.take(MOST_READ), &mut io::sink());
        }
    }
    iso.lookup("repodata/repomd.xml").is_ok()
}

pub(super) fn iso_seeds() -> Vec<Vec<u8>> {
    let mut tree = Tree::default();
    let mut put = |path: &str, content| tree.put(path, Entry::new(0o644, 1_500_000_000, content));
    put("repodata/repomd.xml", Content::Bytes(b"<repomd/>".to_vec()));
    put("a/b/c/d/e/f/g/h/i/deep", Content::Bytes(vec![1; 3000]));
    put(&"n".repeat(200), Content::Symlink(b"a/../b/./c".to_vec()));
    put("boot.img", Content::Bytes(vec![0x90; 4096]));
    let boot = iso9660::Boot {
        platform: iso9660::Platform::Bios,
        path: "boot.img".to_owned(),
        boot_info_table: true,
        load_sectors: 4,
    };
    let options =
        iso9660::IsoOptions { volume_id: "SEED".to_owned(), time: 1_500_000_000, boot: vec![boot] };
    let mut image = Vec::new();
    iso9660::write(&mut image, &options, &tree).expect("an ISO image");
    vec![image]
}

pub(super) fn lvm2(data: &[u8]) -> bool {
    let disk = Zeroed::new(data, DISK);
    lvm2::read(&[&disk]).is_ok_and(|found| !found.is_empty())
}

pub(super) fn lvm2_seeds() -> Vec<Vec<u8>> {
    let uuid = |digit: &str| {
        let part = digit.repeat(4);
        format!("{digit}{digit}{part}-{part}-{part}-{part}-{part}-{part}-{digit}{digit}{part}")
    };
    let volume = |name: &str, digit, first, extents| lvm2::Volume {
        name: name.to_owned(),
        uuid: uuid(digit),
        segments: vec![lvm2::Segment { physical: 0, first, extents }],
    };
    let group = lvm2::VolumeGroup {
        name: "centos".to_owned(),
        uuid: uuid("a"),
        extent: 4 * MIB,
        physical: vec![lvm2::Physical {
            uuid: uuid("0"),
            device: "/dev/vda3".to_owned(),
            offset: 0,
            size: DISK,
        }],
        volumes: vec![volume("root", "1", 2, 8), volume("swap", "2", 0, 2)],
        time: 1_500_000_000,
    };
    vec![disk_with(|disk| lvm2::write(disk, &group).expect("a volume group"))]
}

pub(super) fn qcow2(data: &[u8]) -> bool {
    use formats::read_at::ReadAt;
    let Ok(reader) = qcow2::Qcow2Reader::open(file(data, 0)) else { return false };
    let mut piece = vec![0; 1 << 16];
    let mut good = true;
    for at in (0..reader.size().min(8 * MIB)).step_by(piece.len()) {
        let count = piece.len().min((reader.size() - at) as usize);
        good &= reader.read_exact_at(&mut piece[..count], at).is_ok();
    }
    good
}

/// A compressed image of a small disk.
fn qcow2_of(disk: &[u8]) -> Vec<u8> {
    let (raw, out) = (file(disk, 0), file(&[], 0));
    qcow2::write(&raw, &out, qcow2::Compression::Zlib(6), None, &mut |_, _| true)
        .expect("an image");
    read_whole(&out)
}

pub(super) fn qcow2_seeds() -> Vec<Vec<u8>> {
    let mut disk = vec![0; 300 << 10];
    disk[70_000..70_009].copy_from_slice(b"some data");
    let (raw, out) = (file(&disk, 0), file(&[], 0));
    qcow2::write(&raw, &out, qcow2::Compression::Zstd(3), None, &mut |_, _| true)
        .expect("an image");
    vec![qcow2_of(&disk), read_whole(&out)]
}
