//! Images that we write, as xorriso and isoinfo see them.

use super::*;
use builder::format::iso9660::{BootEntry, Hybrid, Options, Platform, write};
use builder::format::tree::{Content, Entry, Tree};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const TIME: i64 = 1_525_380_900;

fn file(text: impl Into<Vec<u8>>) -> Entry {
    Entry::new(0o644, TIME, Content::Bytes(text.into()))
}

/// What media have, and what is hard to store.
fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.put("a/b/c/d/e/f/g/h/i/j/k/l/bottom", file("deep"));
    for i in 0..300 {
        let path = format!("Packages/package-with-a-long-name-{i:03}-1.2.3-4.el7.x86_64.rpm");
        tree.put(&path, file(vec![i as u8; i * 10]));
    }
    tree.put(&"n".repeat(255), file("longest name"));
    tree.put("it's", file("a quote"));
    tree.put("empty", file(""));
    tree.put("data", file(vec![7; 100_001]));
    let link = |target: String| Entry::new(0o777, TIME, Content::Symlink(target.into_bytes()));
    tree.put("link", link("/etc/../etc/./fstab".into()));
    tree.put("long-link", link(format!("/{}/{}", "x".repeat(255), "../".repeat(250) + "end")));
    tree.put("zz-hard", Entry::new(0, 0, Content::Hardlink(b"data".to_vec())));
    tree.put("aa-hard", Entry::new(0, 0, Content::Hardlink(b"data".to_vec())));
    let mut owned = file("owned");
    (owned.uid, owned.gid, owned.mode) = (70_000, 1001, 0o4711);
    tree.put("owned", owned);
    tree
}

fn options() -> Options {
    Options { volume_id: "LAB-7".into(), time: TIME, ..Options::default() }
}

fn write_to(path: &Path, options: &Options, tree: &Tree) -> u64 {
    let mut file = File::create(path).unwrap();
    let bytes = write(&mut file, options, tree).unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), bytes);
    bytes
}

fn xorriso(image: &Path, arguments: &[&str]) -> (String, String) {
    let output = run("xorriso", Command::new("xorriso").arg("-indev").arg(image).args(arguments));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn tree_as_xorriso_lists_and_extracts_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.iso");
    let tree = tree();
    write_to(&image, &options(), &tree);
    let theirs = xorriso_lsdl(&image);
    assert_eq!(theirs.len(), tree.entries.len() - 1);
    for (ours, theirs) in listed_by_us(&open(&image).unwrap()).unwrap().iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    for entry in &theirs {
        let wanted = tree.get(&entry.path).unwrap();
        match &wanted.content {
            Content::Symlink(target) => {
                assert_eq!(entry.target.as_ref().unwrap().as_bytes(), target);
            }
            Content::Hardlink(_) => assert_eq!(entry.size, 100_001),
            _ => assert_eq!(
                (entry.size, entry.uid, entry.gid),
                (wanted.size(), wanted.uid, wanted.gid)
            ),
        }
    }
    let owned = theirs.iter().find(|entry| entry.path == "owned").unwrap();
    assert_eq!(owned.mode, "-rws--x--x");

    let out = dir.path().join("out");
    let to = ["-osirrox", "on", "-extract", "/", out.to_str().unwrap()];
    let (_, log) = xorriso(&image, &to);
    assert!(!log.contains("WARNING") && !log.contains("SORRY"), "{log}");
    for (path, entry) in &tree.entries {
        if let Content::Bytes(bytes) = &entry.content {
            let path = out.join(std::str::from_utf8(path).unwrap());
            assert_eq!(&fs::read(&path).unwrap(), bytes, "{}", path.display());
            assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), seconds(TIME));
        }
    }
    // Hard links are one file's data.
    let iso = open(&image).unwrap();
    let extents = |path| iso.lookup(path).unwrap().unwrap().extents;
    assert_eq!(extents("aa-hard"), extents("data"));
    assert_eq!(extents("zz-hard"), extents("data"));
}

fn seconds(time: i64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(time as u64)
}

#[test]
fn isoinfo_finds_descriptor_path_table_and_plain_names() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.iso");
    let bytes = write_to(&image, &options(), &tree());
    let isoinfo = |arguments: &[&str]| {
        let output =
            run("genisoimage", Command::new("isoinfo").args(arguments).arg("-i").arg(&image));
        String::from_utf8(output.stdout).unwrap()
    };
    let descriptor = isoinfo(&["-d"]);
    for line in [
        "Volume id: LAB-7".to_owned(),
        format!("Volume size is: {}", bytes / 2048),
        "Rock Ridge signatures version 1 found".to_owned(),
    ] {
        assert!(descriptor.contains(&line), "{line} is not in\n{descriptor}");
    }
    let table = isoinfo(&["-p"]);
    assert_eq!(table.lines().count(), 1 + 14, "{table}");
    let names = isoinfo(&["-f"]);
    for name in ["/A/B/C/D/E/F/G/H/I/J/K/L/BOTTOM.;1", "/EMPTY.;1", "/PACKAGES"] {
        assert!(names.lines().any(|line| line == name), "{name} is not in\n{names}");
    }
    let packages = names.lines().filter(|name| name.starts_with("/PACKAGES/")).count();
    assert_eq!(packages, 300);
    // Rock Ridge through another reader than xorriso.
    let listed = isoinfo(&["-R", "-f"]);
    assert!(listed.contains("/Packages/package-with-a-long-name-299-1.2.3-4.el7.x86_64.rpm"));
}

/// libisofs, which xorriso uses, reads links of at most about 1000 bytes.
#[test]
fn longest_link_as_bsdtar_lists_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.iso");
    let target = format!("/{}/{}end", "x".repeat(255), "../".repeat(1270));
    let mut tree = Tree::default();
    for i in 0..10 {
        let path = format!("{}{i}", "n".repeat(254));
        tree.put(&path, Entry::new(0o777, TIME, Content::Symlink(target.clone().into())));
    }
    write_to(&image, &options(), &tree);
    let list = run("libarchive-tools", Command::new("bsdtar").arg("-tvf").arg(&image));
    let list = String::from_utf8(list.stdout).unwrap();
    // libarchive forgets the slash between two SL entries, which xorriso keeps (above).
    let wanted = target.replace('/', "");
    let links = list.lines().filter_map(|line| line.split_once(" -> "));
    let links: Vec<String> = links.map(|(_, link)| link.replace('/', "")).collect();
    assert_eq!(links, vec![wanted; 10]);
    let ours = listed_by_us(&open(&image).unwrap()).unwrap();
    assert!(ours.iter().all(|entry| entry.target.as_deref() == Some(&target)));
    assert_eq!(ours.len(), 10);
}

fn bootable() -> (Options, Tree) {
    let mut tree = Tree::default();
    tree.put("isolinux/isolinux.bin", file((0..30_001).map(|i| i as u8).collect::<Vec<_>>()));
    tree.put("images/efiboot.img", file(vec![0xe5; 200 * 2048]));
    let boot = |platform, path: &str, load_sectors, boot_info_table| BootEntry {
        platform,
        path: path.into(),
        load_sectors,
        boot_info_table,
    };
    let options = Options {
        el_torito: vec![
            boot(Platform::Bios, "isolinux/isolinux.bin", 4, true),
            boot(Platform::Efi, "images/efiboot.img", 800, false),
        ],
        ..options()
    };
    (options, tree)
}

#[test]
fn boot_catalogue_as_xorriso_reports_it() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.iso");
    let (options, tree) = bootable();
    write_to(&image, &options, &tree);
    let (report, _) = xorriso(&image, &["-report_el_torito", "plain"]);
    let rows: Vec<Vec<&str>> =
        report.lines().map(|line| line.split_whitespace().collect()).collect();
    let iso = open(&image).unwrap();
    let images = iso.boot_images().unwrap();
    let lba = |path: &str| iso.lookup(path).unwrap().unwrap().extents[0].offset / 2048;
    let row = |n: &str, platform, sectors: &str, lba: u64| {
        let lba = lba.to_string();
        let wanted = [
            "El", "Torito", "boot", "img", ":", n, platform, "y", "none", "0x0000", "0x00",
            sectors, &lba,
        ];
        assert!(rows.iter().any(|row| row[..] == wanted), "{wanted:?} is not in\n{report}");
    };
    row("1", "BIOS", "4", lba("isolinux/isolinux.bin"));
    row("2", "UEFI", "800", lba("images/efiboot.img"));
    assert_eq!(images.len(), 2);
    assert_eq!(u64::from(images[1].lba), lba("images/efiboot.img"));
    // xorriso checks the table's sum before it says so.
    assert!(report.contains("boot-info-table"), "{report}");
}

#[test]
fn hybrid_images_have_the_partitions_of_isohybrid() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.iso");
    let (mut options, tree) = bootable();
    let code = vec![0x90; 432];
    options.hybrid = Some(Hybrid { code: code.clone(), disk_id: 0x1234_5678 });
    let bytes = write_to(&image, &options, &tree);
    assert_eq!(bytes % (1 << 20), 0);
    let efi = open(&image).unwrap().boot_images().unwrap()[1].lba * 4;
    let dump = run("fdisk", Command::new("sfdisk").arg("-d").arg(&image));
    let dump = String::from_utf8(dump.stdout).unwrap().replace(' ', "");
    for part in [
        "label-id:0x12345678".to_owned(),
        format!("start=0,size={},type=0,bootable", bytes / 512),
        format!("start={efi},size=800,type=ef"),
    ] {
        assert!(dump.contains(&part), "{part} is not in\n{dump}");
    }
    let mut start = vec![0; 436];
    File::open(&image).unwrap().read_exact_at(&mut start, 0).unwrap();
    assert_eq!(start[..432], code);
    let default = open(&image).unwrap().boot_images().unwrap()[0].lba * 4;
    assert_eq!(start[432..], default.to_le_bytes());
}

/// A file in which zeros become holes, so that a test can write gigabytes.
struct Sparse(File);

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.iter().any(|&byte| byte != 0) {
            return self.0.write(bytes);
        }
        let end = self.0.seek(SeekFrom::Current(bytes.len() as i64))?;
        self.0.set_len(end)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn file_above_4_gib() {
    let dir = tempfile::tempdir().unwrap();
    let size = (4u64 << 30) + 5000;
    let source = dir.path().join("big");
    let big = File::create(&source).unwrap();
    big.set_len(size).unwrap();
    big.write_all_at(b"middle", (4 << 30) - 3).unwrap();
    big.write_all_at(b"end", size - 3).unwrap();
    let mut tree = Tree::default();
    let content = Content::File { path: source, size };
    tree.put("big", Entry::new(0o644, TIME, content));
    tree.put("z", file("after"));
    let image = dir.path().join("image.iso");
    let mut out = Sparse(File::create(&image).unwrap());
    write(&mut out, &options(), &tree).unwrap();

    let iso = Arc::new(open(&image).unwrap());
    assert_eq!(listed_by_us(&iso).unwrap(), xorriso_lsdl(&image));
    let big = iso.lookup("big").unwrap().unwrap();
    assert_eq!((big.size, big.extents.len()), (size, 2));
    // Several threads read one image.
    let read = |from, count: usize| {
        let mut reader = iso.owned_reader(&big);
        move || {
            let mut buffer = vec![0; count];
            reader.seek(from).unwrap();
            reader.read_exact(&mut buffer).unwrap();
            (buffer, reader.read(&mut [0]).unwrap())
        }
    };
    let middle = std::thread::spawn(read(SeekFrom::Start((4 << 30) - 3), 6));
    let end = std::thread::spawn(read(SeekFrom::End(-3), 3));
    assert_eq!(middle.join().unwrap(), (b"middle".to_vec(), 1));
    assert_eq!(end.join().unwrap(), (b"end".to_vec(), 0));
    // xorriso finds what lies behind 4 GiB.
    let out = dir.path().join("z");
    xorriso(&image, &["-osirrox", "on", "-extract", "/z", out.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(out).unwrap(), "after");
}

#[test]
fn same_input_same_bytes() {
    let (options, tree) = bootable();
    let image = || {
        let mut out = io::Cursor::new(Vec::new());
        write(&mut out, &options, &tree).unwrap();
        out.into_inner()
    };
    assert!(image() == image());
}

#[test]
fn what_does_not_fit_is_an_error() {
    let refused = |options: &Options, tree: &Tree| {
        write(&mut io::Cursor::new(Vec::new()), options, tree).unwrap_err().to_string()
    };
    let mut changed = Tree::default();
    changed.put("file", Entry::new(0o644, 0, Content::File { path: "/dev/null".into(), size: 9 }));
    assert!(refused(&options(), &changed).contains("/file"), "shorter file");
    changed.put("file", Entry::new(0o644, 0, Content::File { path: "/dev/zero".into(), size: 9 }));
    assert!(refused(&options(), &changed).contains("longer"), "longer file");

    let mut orphan = Tree::default();
    orphan.put("dir", Entry::new(0o755, 0, Content::Dir));
    orphan.entries.insert(b"none/file".to_vec(), file(""));
    assert!(refused(&options(), &orphan).contains("none/file"), "no parent");

    let long = Options { volume_id: "V".repeat(33), ..options() };
    assert!(refused(&long, &tree()).contains("volume identifier"), "volume identifier");
    let (mut lost, _) = bootable();
    lost.el_torito[0].path = "nowhere".into();
    assert!(refused(&lost, &bootable().1).contains("/nowhere"), "boot image");
}
