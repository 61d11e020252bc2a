use super::*;
use crate::read_at::Plain;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

fn tool(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("e2fsprogs");
    // e2fsck's 1: it changed something, as asked.
    let most = i32::from(program == "e2fsck");
    assert!(output.status.code().is_some_and(|c| c <= most), "{program}: {output:?}");
}

/// A filesystem of mke2fs's own making, with indexed directories, from `directory`; ext4 unless
/// `options` begin with another type.
fn made(directory: &Path, options: &[&str]) -> tempfile::NamedTempFile {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(64 << 20).unwrap();
    let path = image.path().to_str().unwrap();
    let mut arguments = vec!["-q", "-F", "-d", directory.to_str().unwrap()];
    if options.first() != Some(&"-t") {
        arguments.extend(["-t", "ext4"]);
    }
    arguments.extend(options);
    arguments.push(path);
    tool("mke2fs", &arguments);
    tool("e2fsck", &["-fyD", path]);
    image
}

fn sample() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    put("text", b"some text\n");
    put("empty", b"");
    fs::create_dir(dir.path().join("many")).unwrap();
    for n in 0..2000 {
        put(&format!("many/a file with a rather long name {n}"), format!("{n}").as_bytes());
    }
    let sparse = File::create(dir.path().join("sparse")).unwrap();
    for n in 0..200u64 {
        sparse.write_all_at(&[n as u8; 5000], n * 100_000).unwrap();
    }
    sparse.set_len(30_000_000).unwrap();
    std::os::unix::fs::symlink("text", dir.path().join("fast")).unwrap();
    std::os::unix::fs::symlink("x/".repeat(100), dir.path().join("slow")).unwrap();
    dir
}

fn read_all(image: &Path) -> BTreeMap<Vec<u8>, (Inode, Vec<u8>)> {
    let disk = Plain::new(File::open(image).unwrap()).unwrap();
    let reader = Ext4Reader::open(&disk).unwrap();
    let mut all = BTreeMap::new();
    reader
        .walk(|path, inode| {
            let mut bytes = Vec::new();
            match inode.file_type() {
                file_type::REGULAR => reader.read(&inode, &mut |piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })?,
                file_type::SYMLINK => bytes = reader.target(&inode)?,
                _ => {}
            }
            all.insert(path.to_vec(), (inode, bytes));
            Ok::<(), ReadError>(())
        })
        .unwrap();
    all
}

#[test]
fn what_mke2fs_wrote_is_read() {
    let dir = sample();
    for options in [
        &[][..],
        &["-b", "1024", "-O", "^64bit,^metadata_csum"],
        &["-I", "128"],
        &["-t", "ext3"],
        &["-t", "ext2", "-b", "1024"],
    ] {
        let image = made(dir.path(), options);
        let found = read_all(image.path());
        // Files, directories, lost+found.
        assert_eq!(found.len(), 2000 + 1 + 1 + 3 + 2 + 1, "{options:?}");
        for (path, (inode, bytes)) in found.iter().filter(|(p, _)| !p.starts_with(b"lost+found")) {
            let there = dir.path().join(std::ffi::OsStr::from_bytes(path));
            let meta = fs::symlink_metadata(&there).unwrap();
            assert_eq!(u32::from(inode.mode), meta.mode(), "{there:?}");
            assert_eq!((inode.uid, inode.gid), (meta.uid(), meta.gid()));
            if meta.is_symlink() {
                let target = fs::read_link(&there).unwrap();
                assert_eq!(bytes.as_slice(), target.as_os_str().as_bytes());
            } else if meta.is_file() {
                assert_eq!(inode.mtime, meta.mtime());
                assert!(*bytes == fs::read(&there).unwrap(), "{there:?}");
            }
        }
    }
}

#[test]
fn what_our_writer_wrote_is_read() {
    use crate::ext4::{Ext4Options, ExtKind, write};
    use crate::tree::{Content, Entry, Tree};
    let mut tree = Tree::default();
    let acl = {
        // user::rw-, user:5:r--, group::r--, mask::r--, other::r-- as getxattr gives them.
        let mut value = 2u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in
            [(1u16, 6u16, !0u32), (2, 4, 5), (4, 4, !0), (16, 4, !0), (32, 4, !0)]
        {
            value.extend_from_slice(&tag.to_le_bytes());
            value.extend_from_slice(&permissions.to_le_bytes());
            value.extend_from_slice(&id.to_le_bytes());
        }
        value
    };
    let mut file = Entry::new(0o4755, 5_000_000_000, Content::Bytes(vec![7; 100_000]));
    (file.uid, file.gid) = (70_000, 80_000);
    file.xattrs.insert(b"security.selinux".to_vec(), b"system_u:object_r:bin_t:s0\0".to_vec());
    file.xattrs.insert(b"system.posix_acl_access".to_vec(), acl);
    file.xattrs.insert(b"user.big".to_vec(), vec![9; 2000]);
    tree.put("usr/bin/x", file.clone());
    let device = Content::BlockDevice { major: 259, minor: 70_000 };
    tree.put("dev/big", Entry::new(0o600, 1, device));
    tree.put("dev/null", Entry::new(0o666, 1, Content::CharDevice { major: 1, minor: 3 }));
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(64 << 20).unwrap();
    let options = Ext4Options {
        kind: ExtKind::Ext4,
        uuid: [0x42; 16],
        hash_seed: [0x17; 16],
        label: "root".into(),
        time: 1,
        reserved_percent: 5,
    };
    let area = crate::area::Area::new(image.as_file(), [(0, 64 << 20)]);
    write(&area, &options, &tree, &mut |_| true).unwrap();
    let found = read_all(image.path());
    let (inode, bytes) = &found[b"usr/bin/x".as_slice()];
    assert_eq!((inode.uid, inode.gid, inode.mtime), (70_000, 80_000, 5_000_000_000));
    assert_eq!(inode.mode, 0o104_755);
    assert_eq!(inode.xattrs, file.xattrs);
    assert_eq!(bytes, &vec![7; 100_000]);
    assert_eq!(found[b"dev/big".as_slice()].0.device(), (259, 70_000));
    assert_eq!(found[b"dev/null".as_slice()].0.device(), (1, 3));
    let disk = Plain::new(image.reopen().unwrap()).unwrap();
    let reader = Ext4Reader::open(&disk).unwrap();
    assert_eq!(
        (reader.uuid, reader.hash_seed, reader.label.as_str()),
        ([0x42; 16], [0x17; 16], "root")
    );
    assert!(reader.find(b"usr/bin/x").unwrap().is_some());
    assert!(reader.find(b"usr/bin/x/y").unwrap().is_none());
}

#[test]
fn damage_is_an_error() {
    let dir = sample();
    let image = made(dir.path(), &["-b", "1024"]);
    let good = fs::read(image.path()).unwrap();
    let mut state = 7u64;
    // Bytes of superblock, descriptors, inode tables and directories: never a panic or a hang.
    for _ in 0..300 {
        let mut bad = good[..16 << 20].to_vec();
        for _ in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % (2 << 20);
            bad[at] = (state >> 24) as u8;
        }
        // What they may not lead to is endless data.
        struct Bytes(Vec<u8>);
        impl ReadAt for Bytes {
            fn size(&self) -> u64 {
                self.0.len() as u64
            }
            fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
                let end = offset.checked_add(buffer.len() as u64).ok_or(io::ErrorKind::Other)?;
                let from = usize::try_from(offset).map_err(io::Error::other)?;
                let piece = self.0.get(from..usize::try_from(end).map_err(io::Error::other)?);
                buffer.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
        let disk = Bytes(bad);
        let Ok(reader) = Ext4Reader::open(&disk) else { continue };
        let mut seen = 0u32;
        let walked = reader.walk(|_, inode| {
            seen += 1;
            if inode.file_type() == file_type::REGULAR && inode.size < 64 << 20 {
                let _ = reader.read(&inode, &mut |_| Ok(()));
            }
            if seen > 10_000 { Err(ReadError::NotExt4) } else { Ok(()) }
        });
        assert!(!matches!(walked, Err(ReadError::NotExt4)), "it never ends");
    }
}
