use super::*;
use crate::ext4::ExtKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

const MIB: u64 = 1 << 20;

fn options() -> Ext4Options {
    Ext4Options {
        kind: ExtKind::Ext4,
        uuid: [0x42; 16],
        hash_seed: [0x17; 16],
        label: "root".into(),
        time: 1_500_000_000,
        reserved_percent: 5,
    }
}

/// Standard output of an e2fsprogs tool, which must succeed.
fn tool(name: &str, arguments: &[&str], image: &Path) -> String {
    let output =
        Command::new(name).args(arguments).arg(image).output().expect("Debian package e2fsprogs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn debugfs(image: &Path, request: &str) -> String {
    tool("debugfs", &["-R", request], image)
}

/// Writes `tree` and lets e2fsck judge it.
fn checked(size: u64, offset: u64, tree: &Tree) -> tempfile::NamedTempFile {
    checked_kind(ExtKind::Ext4, size, offset, tree)
}

fn checked_kind(kind: ExtKind, size: u64, offset: u64, tree: &Tree) -> tempfile::NamedTempFile {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(offset + size).unwrap();
    let area = Area::new(image.as_file(), [(offset, size)]);
    write(&area, &Ext4Options { kind, ..options() }, tree, &mut |_| true).unwrap();
    if offset == 0 {
        tool("e2fsck", &["-fn"], image.path());
    }
    image
}

fn entry(content: Content) -> Entry {
    Entry::new(0o644, 1_400_000_000, content)
}

fn file(bytes: &[u8]) -> Entry {
    entry(Content::Bytes(bytes.to_vec()))
}

fn sample() -> Tree {
    let mut tree = Tree::default();
    tree.put("etc/hosts", file(b"127.0.0.1 localhost\n"));
    tree.put(
        "usr/bin/tool",
        Entry { mode: 0o4755, uid: 70_000, gid: 80_000, ..file(&[0xab; 10_000]) },
    );
    tree.put("usr/bin/same", entry(Content::Hardlink(b"usr/bin/tool".to_vec())));
    tree.put("bin", entry(Content::Symlink(b"usr/bin".to_vec())));
    tree.put("long", entry(Content::Symlink(vec![b'x'; 300])));
    tree.put("dev/null", entry(Content::CharDevice { major: 1, minor: 3 }));
    tree.put("dev/big", entry(Content::BlockDevice { major: 259, minor: 70_000 }));
    tree.put("dev/fifo", entry(Content::Fifo));
    tree.put("dev/socket", entry(Content::Socket));
    tree.put("empty", file(b""));
    tree.put("zeros", file(&[0; 50_000]));
    let mut capable = file(b"ping");
    capable.xattrs.insert(b"security.capability".to_vec(), vec![1; 20]);
    tree.put("capable", capable);
    let mut labelled = file(b"x");
    labelled.xattrs.insert(
        b"security.selinux".to_vec(),
        b"system_u:object_r:very_long_label_exec_t:s0\0".to_vec(),
    );
    labelled.xattrs.insert(b"security.capability".to_vec(), vec![2; 20]);
    labelled.xattrs.insert(b"user.note".to_vec(), vec![b'n'; 500]);
    tree.put("labelled", labelled);
    for n in 0..3000 {
        tree.put(&format!("many/a file with a rather long name {n}"), file(b""));
    }
    tree
}

#[test]
fn e2fsck_accepts_every_size() {
    let tree = sample();
    // One group, a last group too small to keep, several flex groups, the lab's real sizes.
    for size in [
        64 * MIB,
        129 * MIB,
        128 * MIB + 40 * 4096,
        1024 * MIB,
        3000 * MIB + 777,
        50 << 30,
        100 << 30,
    ] {
        checked(size, 0, &tree);
    }
}

#[test]
fn a_small_filesystem_has_no_journal() {
    let mut tree = Tree::default();
    tree.put("note", file(b"small"));
    for (kind, least) in [(ExtKind::Ext2, 1), (ExtKind::Ext3, 8), (ExtKind::Ext4, 1)] {
        for size in [1, 2, 5, 7, 8, 9, 16].into_iter().filter(|size| *size >= least) {
            let image = checked_kind(kind, size * MIB, 0, &tree);
            let about = tool("dumpe2fs", &["-h"], image.path());
            let journal = kind != ExtKind::Ext2 && size >= 8;
            assert_eq!(about.contains("has_journal"), journal, "{kind:?}, {size} MiB: {about}");
        }
    }
}

#[test]
fn content_and_metadata_are_as_given() {
    let image = checked(256 * MIB, 0, &sample());
    let path = image.path();
    assert_eq!(debugfs(path, "cat /etc/hosts"), "127.0.0.1 localhost\n");
    assert_eq!(debugfs(path, "cat /zeros").len(), 50_000);
    let stat = debugfs(path, "stat /usr/bin/tool");
    for part in [
        "Mode:  04755",
        "User: 70000",
        "Group: 80000",
        "Links: 2",
        "Size: 10000",
        "mtime: 0x53724e00",
    ] {
        assert!(stat.contains(part), "{part} in {stat}");
    }
    assert!(
        debugfs(path, "stat /dev/null").contains("01:03"),
        "{}",
        debugfs(path, "stat /dev/null")
    );
    assert!(debugfs(path, "stat /dev/big").contains("259:70000"));
    assert!(debugfs(path, "stat /bin").contains("Fast link dest: \"usr/bin\""));
    assert_eq!(debugfs(path, "cat /long"), "x".repeat(300));
    assert_eq!(
        debugfs(path, "ls -p /many").lines().filter(|l| l.contains("long name")).count(),
        3000
    );
    assert!(debugfs(path, "ea_list /capable").contains("security.capability (20)"));
    let labels = debugfs(path, "ea_list /labelled");
    assert!(
        labels.contains("security.selinux (44)") && labels.contains("user.note (500)"),
        "{labels}"
    );
    assert!(debugfs(path, "ea_get /labelled security.selinux").contains("very_long_label_exec_t"));
}

#[test]
fn features_are_those_of_el7() {
    let image = checked(4096 * MIB, 0, &sample());
    let header = tool("dumpe2fs", &["-h"], image.path());
    let line =
        |name: &str| header.lines().find(|l| l.starts_with(name)).unwrap_or_default().to_owned();
    assert_eq!(
        line("Filesystem features:").split_whitespace().skip(2).collect::<Vec<_>>().join(" "),
        "has_journal ext_attr resize_inode dir_index filetype extent flex_bg sparse_super large_file huge_file uninit_bg dir_nlink extra_isize"
    );
    let reference = tempfile::NamedTempFile::new().unwrap();
    reference.as_file().set_len(4096 * MIB).unwrap();
    let features = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,uninit_bg,dir_nlink,extra_isize";
    tool("mke2fs", &["-q", "-F", "-t", "ext4", "-O", features], reference.path());
    let other = tool("dumpe2fs", &["-h"], reference.path());
    for name in [
        "Inode count:",
        "Block count:",
        "Reserved block count:",
        "Reserved GDT blocks:",
        "Inodes per group:",
        "Flex block group size:",
        "Inode size:",
    ] {
        let theirs = other.lines().find(|l| l.starts_with(name)).unwrap_or_default();
        assert_eq!(line(name), theirs);
    }
}

#[test]
fn it_grows_by_resize2fs() {
    let image = checked(1024 * MIB, 0, &sample());
    image.as_file().set_len(20 << 30).unwrap();
    tool("resize2fs", &[], image.path());
    tool("e2fsck", &["-fn"], image.path());
    assert_eq!(debugfs(image.path(), "cat /etc/hosts"), "127.0.0.1 localhost\n");
}

#[test]
fn same_tree_same_bytes_and_offset_is_honoured() {
    let read = |image: &tempfile::NamedTempFile, from: u64| {
        let mut bytes = vec![0; (80 * MIB) as usize];
        image.as_file().read_exact_at(&mut bytes, from).unwrap();
        bytes
    };
    let plain = checked(80 * MIB, 0, &sample());
    let moved = checked(80 * MIB, 3 * MIB, &sample());
    assert!(read(&plain, 0) == read(&moved, 3 * MIB));
}

#[test]
fn a_fragmented_large_file_is_mapped_by_an_extent_tree() {
    // Copies of the superblock cut the run again and again.
    let source = tempfile::NamedTempFile::new().unwrap();
    let size = 6000 * MIB + 5;
    source.as_file().set_len(size).unwrap();
    source.as_file().write_all_at(b"end", size - 3).unwrap();
    let mut tree = Tree::default();
    tree.put("large", entry(Content::File { path: source.path().to_owned(), size }));
    let image = checked(8 << 30, 0, &tree);
    let stat = debugfs(image.path(), "stat /large");
    assert!(stat.contains("ETB0") && stat.contains(&format!("Size: {size}")), "{stat}");
}

/// In pieces, as a logical volume on two disks is: put together they are the same filesystem.
#[test]
fn a_filesystem_may_lie_in_pieces() {
    let whole = checked(80 * MIB, 0, &sample());
    let apart = tempfile::NamedTempFile::new().unwrap();
    let pieces = [(40 * MIB, 36 * MIB), (0, 4 * MIB), (80 * MIB, 40 * MIB)];
    apart.as_file().set_len(120 * MIB).unwrap();
    let area = Area::new(apart.as_file(), pieces);
    write(&area, &options(), &sample(), &mut |_| true).unwrap();
    let mut at = 0;
    for (offset, size) in pieces {
        let read = |file: &std::fs::File, from| {
            let mut bytes = vec![0; size as usize];
            file.read_exact_at(&mut bytes, from).unwrap();
            bytes
        };
        assert!(read(whole.as_file(), at) == read(apart.as_file(), offset), "at {at}");
        at += size;
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let fails = |size: u64, tree: &Tree| {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(size).unwrap();
        let area = Area::new(image.as_file(), [(0, size)]);
        write(&area, &options(), tree, &mut |_| true).unwrap_err()
    };
    let mut big = Tree::default();
    big.put("big", file(&vec![1; 70 * MIB as usize]));
    assert!(matches!(fails(64 * MIB, &big), Ext4Error::TooSmall { have, .. } if have == 64 * MIB));
    assert!(matches!(fails(4096, &big), Ext4Error::TooSmall { .. }));
    let mut many = Tree::default();
    for n in 0..5000 {
        many.put(&format!("{n}"), file(b""));
    }
    assert!(matches!(fails(64 * MIB, &many), Ext4Error::TooManyFiles { need: 5011, have: 4096 }));
    let mut odd = sample();
    odd.put("no/parent", file(b""));
    odd.entries.remove(b"no".as_slice());
    assert!(
        fails(64 * MIB, &odd).to_string().contains("/no/parent: its parent is not a directory")
    );
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(64 * MIB).unwrap();
    let area = Area::new(image.as_file(), [(0, 64 * MIB)]);
    assert!(matches!(write(&area, &options(), &sample(), &mut |_| false), Err(Ext4Error::Stopped)));
}

/// What mke2fs 1.42.9 gives ext2 and ext3, and files of every depth of the map of blocks.
#[test]
fn ext2_and_ext3_have_their_own_features() {
    let mut tree = sample();
    let numbers = |count: u32| file(&(0..count).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    tree.put("direct", numbers(12 * 1024));
    tree.put("single", numbers(13 * 1024));
    tree.put("double", numbers((12 + 1024 + 1500) * 1024));
    for (kind, features, journal) in [
        (ExtKind::Ext2, "ext_attr resize_inode dir_index filetype sparse_super large_file", false),
        (
            ExtKind::Ext3,
            "has_journal ext_attr resize_inode dir_index filetype sparse_super large_file",
            true,
        ),
    ] {
        for size in [64 * MIB, 129 * MIB, 128 * MIB + 40 * 4096, 3000 * MIB + 777, 10 << 30] {
            let image = checked_kind(kind, size, 0, &tree);
            let about = tool("dumpe2fs", &["-h"], image.path());
            let line = |name: &str| {
                let found = about.lines().find_map(|l| l.strip_prefix(name));
                found.map(|l| l.trim().to_owned())
            };
            assert_eq!(line("Filesystem features:").as_deref(), Some(features), "{about}");
            assert_eq!(line("Journal inode:").is_some(), journal, "{about}");
            assert_eq!(line("Required extra isize:").as_deref(), Some("28"), "{about}");
            assert_eq!(line("Flex block group size:"), None, "{about}");
        }
        let image = checked_kind(kind, 256 * MIB, 0, &tree);
        let plain = crate::read_at::Plain::new(image.reopen().unwrap()).unwrap();
        let reader = crate::ext4::Ext4Reader::open(&plain).unwrap();
        for name in ["direct", "single", "double", "usr/bin/tool", "zeros"] {
            let inode = reader.find(name.as_bytes()).unwrap().unwrap();
            let mut read = Vec::new();
            let mut take = |bytes: &[u8]| {
                read.extend_from_slice(bytes);
                Ok(())
            };
            reader.read(&inode, &mut take).unwrap();
            let Content::Bytes(bytes) = &tree.get(name).unwrap().content else { panic!("{name}") };
            assert!(read == *bytes, "{name} by our reader");
            let dumped = tempfile::NamedTempFile::new().unwrap();
            debugfs(image.path(), &format!("dump /{name} {}", dumped.path().display()));
            assert!(std::fs::read(dumped.path()).unwrap() == *bytes, "{name} by debugfs");
        }
    }
}
