//! FAT filesystems against fsck.fat and mtools.

use super::*;
use builder::format::fat::{Error, Kind, Options, write};
use builder::format::tree::{Content, Entry, Tree};
use std::fs::{self, File};
use std::io::{Cursor, Seek, SeekFrom};
use std::path::Path;

const TIME: i64 = 1_525_380_901;

fn file(bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(0o644, TIME, Content::Bytes(bytes.into()))
}

/// An EFI system partition's files, and what is hard to store.
fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.put("EFI/BOOT/BOOTX64.EFI", file((0..1_000_000u32).map(|i| i as u8).collect::<Vec<_>>()));
    tree.put("EFI/centos/grub.cfg", file("set timeout=1\n"));
    tree.put("EFI/centos/fonts/unicode.pf2", file(vec![3; 512]));
    tree.put("EFI/empty", file(""));
    tree.put("EFI/nothing", Entry::new(0o755, TIME, Content::Dir));
    for i in 0..200 {
        tree.put(&format!("many/a rather long file name, number {i}.text"), file(i.to_string()));
    }
    tree.put("Größe/ünïcödé", file("umlauts"));
    tree.put(&"n".repeat(255), file("longest name"));
    tree.put("old", Entry::new(0o644, 0, Content::Bytes(b"before 1980".to_vec())));
    tree
}

fn options(kind: Kind, bytes: u64) -> Options {
    Options { kind, bytes, volume_id: 0x1234_abcd, label: "EFI-SYSTEM".into(), hidden_sectors: 0 }
}

fn image(dir: &Path, options: &Options, tree: &Tree) -> std::path::PathBuf {
    let path = dir.join(format!("{}-{}.img", options.kind, options.bytes));
    let mut out = File::create(&path).unwrap();
    out.set_len(options.bytes).unwrap();
    write(&mut out, options, tree).unwrap();
    assert_eq!(out.metadata().unwrap().len(), options.bytes, "it grew");
    path
}

/// Checks an image by fsck.fat and reads every file back by mtools.
fn check(image: &Path, kind: Kind, tree: &Tree, dir: &Path) {
    let report = succeed("dosfstools", Command::new("fsck.fat").arg("-n").arg(image));
    // Its version, and how many files and clusters there are: no complaint.
    assert_eq!(report.lines().count(), 2, "{report}");
    let out = dir.join(format!("out-{kind}"));
    fs::create_dir(&out).unwrap();
    let mcopy = ["-s", "-m", "-Q", "-i", image.to_str().unwrap(), "::/*"];
    succeed("mtools", Command::new("mcopy").args(mcopy).arg(&out));
    let mut files = 0;
    for (path, entry) in &tree.entries {
        let path = out.join(std::str::from_utf8(path).unwrap());
        match &entry.content {
            Content::Bytes(bytes) => {
                files += 1;
                assert_eq!(&fs::read(&path).unwrap(), bytes, "{}", path.display());
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                let seconds =
                    modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
                // FAT counts from 1980 and in two seconds.
                assert_eq!(seconds, entry.mtime.max(315_532_800) / 2 * 2, "{}", path.display());
            }
            _ => assert!(path.is_dir(), "{}", path.display()),
        }
    }
    assert!(files > 200);
}

#[test]
fn every_kind_is_clean_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, bytes) in [
        (Kind::Fat12, 4 << 20),
        (Kind::Fat16, 20 << 20),
        (Kind::Fat32, 34 << 20),
        // One cluster of 4 KiB more than FAT32 needs, and odd sectors.
        (Kind::Fat32, (300 << 20) + 1536),
    ] {
        let tree = tree();
        let options = options(kind, bytes);
        let image = image(dir.path(), &options, &tree);
        check(&image, kind, &tree, dir.path());
        let _ = fs::remove_dir_all(dir.path().join(format!("out-{kind}")));
        let blkid =
            succeed("util-linux", Command::new("blkid").args(["-p", "-o", "export"]).arg(&image));
        let version = format!("VERSION={kind}");
        for line in ["LABEL=EFI-SYSTEM", "UUID=1234-ABCD", "TYPE=vfat", &version] {
            assert!(blkid.lines().any(|l| l == line), "{line} is not in\n{blkid}");
        }
    }
}

#[test]
fn directories_have_times_and_short_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = tree();
    let day = |entry: &mut Entry, days: i64| entry.mtime = TIME + days * 86_400;
    day(tree.entries.get_mut(&b"EFI"[..]).unwrap(), 1);
    day(tree.entries.get_mut(&b"EFI/centos"[..]).unwrap(), 2);
    let image = image(dir.path(), &options(Kind::Fat32, 40 << 20), &tree);
    let list = succeed(
        "mtools",
        Command::new("mdir").args(["-i", image.to_str().unwrap(), "::/EFI/centos"]),
    );
    let has = |start: &str, end: &str| {
        assert!(
            list.lines().any(|l| l.starts_with(start) && l.trim_end().ends_with(end)),
            "{start} … {end} is not in\n{list}"
        );
    };
    has(".            <DIR>", "2018-05-05  20:55");
    has("..           <DIR>", "2018-05-04  20:55");
    has("GRUB     CFG", "grub.cfg");
    has("FONTS        <DIR>     2018-05-03  20:55", "fonts");
}

#[test]
fn a_region_of_a_disk_stays_within_its_bounds_and_sparse() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.img");
    let mut out = File::create(&path).unwrap();
    let (start, bytes) = (1u64 << 20, 200u64 << 20);
    out.set_len(start + bytes + (1 << 20)).unwrap();
    let options = Options { hidden_sectors: 2048, ..options(Kind::Fat32, bytes) };
    out.seek(SeekFrom::Start(start)).unwrap();
    write(&mut out, &options, &tree()).unwrap();
    drop(out);
    let whole = fs::read(&path).unwrap();
    let (before, after) = (&whole[..start as usize], &whole[(start + bytes) as usize..]);
    assert!(before.iter().chain(after).all(|&byte| byte == 0));
    let used = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&path).unwrap()) * 512;
    assert!(used < 8 << 20, "{used} bytes are used");
    let at = format!("{}@@{start}", path.display());
    let text = succeed("mtools", Command::new("mtype").args(["-i", &at, "::/EFI/centos/grub.cfg"]));
    assert_eq!(text, "set timeout=1\n");
}

#[test]
fn same_tree_same_bytes() {
    let bytes = || {
        let mut out = Cursor::new(Vec::new());
        write(&mut out, &options(Kind::Fat32, 34 << 20), &tree()).unwrap();
        out.into_inner()
    };
    assert!(bytes() == bytes());
}

#[test]
fn what_does_not_fit_is_an_error() {
    let refused = |options: &Options, tree: &Tree| {
        write(&mut Cursor::new(Vec::new()), options, tree).unwrap_err()
    };
    // The fewest clusters of FAT32 take 33 MiB with 512 bytes each.
    for (kind, bytes) in [(Kind::Fat32, 32 << 20), (Kind::Fat16, 2 << 20), (Kind::Fat12, 200 << 20)]
    {
        let error = refused(&options(kind, bytes), &tree());
        assert!(matches!(error, Error::Size { .. }), "{kind} {bytes}: {error}");
    }
    let mut full = tree();
    full.put("big", file(vec![0; 5 << 20]));
    let error = refused(&options(Kind::Fat12, 4 << 20), &full);
    assert!(matches!(error, Error::Full { .. }), "{error}");
    let label = Options { label: "lower".into(), ..options(Kind::Fat32, 40 << 20) };
    assert!(matches!(refused(&label, &tree()), Error::Label(_)));
    let entry = |path: &str, entry: Entry| {
        let mut tree = Tree::default();
        tree.put(path, entry);
        refused(&options(Kind::Fat32, 40 << 20), &tree).to_string()
    };
    let link = Entry::new(0o777, 0, Content::Symlink(b"x".to_vec()));
    assert!(entry("EFI/link", link).contains("/EFI/link"));
    assert!(entry("a:b", file("")).contains("/a:b"));
    let lying = Content::File { path: "/dev/null".into(), size: 1 };
    assert!(entry("short", Entry::new(0o644, 0, lying)).contains("/short"));
    let huge = Content::File { path: "/dev/zero".into(), size: 1 << 32 };
    assert!(entry("huge", Entry::new(0o644, 0, huge)).contains("4 GiB"));
}
