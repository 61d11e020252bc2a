//! ISO 9660: our reader and our writer against xorriso, isoinfo and genisoimage.

use formats::iso9660::{
    Boot, Iso, IsoError, IsoNode, IsoOptions, IsoWriteError, NodeKind, Platform, SECTOR, write,
};
use formats::tree::{Content, Entry, Tree};
use lab_tests::oracle;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What `xorriso -exec lsdl` says of a node: `-rw-r--r-- 1 0 0 12 … 'path' [-> 'target']`.
fn lsdl(mode_letter: char, path: &str, node: &IsoNode) -> String {
    let mut bits = String::from(mode_letter);
    for shift in [6, 3, 0] {
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            bits.push(if node.mode >> shift & bit == 0 { '-' } else { letter });
        }
    }
    let size = if node.kind == NodeKind::File { node.size } else { 0 };
    let target = match &node.kind {
        NodeKind::Symlink(target) => format!(" -> '{}'", text(target)),
        _ => String::new(),
    };
    format!("{bits} {} {} {size} '/{path}'{target}", node.uid, node.gid)
}

/// Our view of the tree as `xorriso`'s listing has it.
fn listing(iso: &Iso) -> Vec<String> {
    let line = |(path, node): (Vec<u8>, IsoNode)| {
        let letter = match node.kind {
            NodeKind::Dir => 'd',
            NodeKind::Symlink(_) => 'l',
            NodeKind::File | NodeKind::Other => '-',
        };
        lsdl(letter, &text(&path), &node)
    };
    let mut lines: Vec<_> = iso.walk().expect("walk").into_iter().map(line).collect();
    lines.sort();
    lines
}

/// `xorriso`'s listing of `image` without link counts, dates and the root; directories' sizes,
/// which it gives no meaning, are 0.
fn xorriso_listing(image: &Path) -> Vec<String> {
    let image = image.to_str().expect("path");
    let out = oracle::ok("xorriso", ["-indev", image, "-find", "/", "-exec", "lsdl", "--"]);
    let line = |line: &str| {
        // `e` is the boot catalogue, a file to all other readers.
        let line = &line.strip_prefix('e').map_or_else(|| line.into(), |rest| format!("-{rest}"));
        let name = line.find(" '/")?;
        let fields: Vec<_> = line[..name].split_whitespace().collect();
        let size = if line.starts_with('-') { fields[4] } else { "0" };
        Some(format!("{} {} {} {size}{}", fields[0], fields[2], fields[3], &line[name..]))
    };
    let mut lines: Vec<_> =
        out.lines().filter_map(line).filter(|line| !line.ends_with(" '/'")).collect();
    lines.sort();
    lines
}

/// Reads everything an image has; errors are fine, panics and hangs are not.
fn exercise(file: File) {
    let Ok(iso) = Iso::open(file) else { return };
    let Ok(nodes) = iso.walk() else { return };
    for (path, node) in nodes.iter().take(64) {
        let _found = iso.lookup(&text(path));
        if let Ok(reader) = iso.reader(node) {
            let _read = std::io::copy(&mut reader.take(1 << 20), &mut std::io::sink());
        }
    }
}

/// A directory with what media have: deep directories, long names, links, an empty file.
fn source(directory: &Path) {
    let deep = directory.join("1/2/3/4/5/6/7/8/9/10/11");
    fs::create_dir_all(&deep).expect("directories");
    fs::write(deep.join("bottom.txt"), b"deep\n").expect("file");
    fs::write(directory.join("empty"), b"").expect("file");
    fs::write(directory.join("n".repeat(250)), b"long\n").expect("file");
    fs::write(directory.join("glibc-2.17-260.el7.x86_64.rpm"), vec![7; 300_000]).expect("file");
    symlink("../1/2", directory.join("1/link")).expect("link");
    symlink("/absolute/./path", directory.join("absolute")).expect("link");
    let target = format!("{}/{}/{}", "a".repeat(240), "b".repeat(250), "c".repeat(250));
    symlink(target, directory.join("l".repeat(200))).expect("link");
}

fn xorriso_image(directory: &Path) -> PathBuf {
    let tree = directory.join("tree");
    source(&tree);
    let image = directory.join("x.iso");
    let paths = [image.to_str().expect("path"), tree.to_str().expect("path")];
    oracle::ok(
        "xorriso",
        ["-as", "mkisofs", "-quiet", "-R", "-V", "LAB 7", "-o", paths[0], paths[1]],
    );
    image
}

#[test]
fn reads_what_xorriso_and_genisoimage_write() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let image = xorriso_image(directory.path());
    let other = directory.path().join("g.iso");
    let tree = directory.path().join("tree");
    // genisoimage writes a component of an SL entry longer than the entry itself.
    fs::remove_file(tree.join("l".repeat(200))).expect("remove");
    let paths = [other.to_str().expect("path"), tree.to_str().expect("path")];
    oracle::ok("genisoimage", ["-quiet", "-R", "-V", "LAB 7", "-o", paths[0], paths[1]]);
    for image in [image, other] {
        let iso = Arc::new(Iso::open(File::open(&image).expect("open")).expect("image"));
        assert_eq!(iso.volume_id(), "LAB 7");
        let ours: Vec<_> =
            listing(&iso).into_iter().filter(|line| !line.contains("rr_moved")).collect();
        let theirs = xorriso_listing(&image).into_iter();
        let theirs: Vec<_> = theirs.filter(|line| !line.contains("rr_moved")).collect();
        assert_eq!(ours, theirs);
        let bottom = iso.lookup("/1/2/3/4/5/6/7/8/9/10/11/bottom.txt").expect("lookup");
        let mut reader = iso.owned_reader(&bottom.expect("a deep file")).expect("reader");
        let mut data = String::new();
        reader.read_to_string(&mut data).expect("data");
        assert_eq!(data, "deep\n");
        reader.seek(SeekFrom::Start(2)).expect("seek");
        data.clear();
        reader.read_to_string(&mut data).expect("data");
        assert_eq!(data, "ep\n");
        assert!(iso.lookup("1/nothing/x").expect("lookup").is_none());
    }
}

#[test]
fn truncated_and_corrupted_images_are_refused() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let image = xorriso_image(directory.path());
    let whole = fs::read(&image).expect("image");
    let cut = directory.path().join("cut.iso");
    let half = whole.len() / 2;
    fs::write(&cut, &whole[..half]).expect("write");
    match Iso::open(File::open(&cut).expect("open")) {
        Err(IsoError::Truncated { need, have, .. }) => {
            assert_eq!((need as usize, have as usize), (whole.len(), half));
        }
        other => panic!("{:?}", other.err()),
    }
    // With the volume's declared size made to fit, the file that is cut off is named.
    let blocks = u32::try_from(half as u64 / SECTOR).expect("small");
    let file = File::options().write(true).read(true).open(&cut).expect("open");
    file.write_all_at(&blocks.to_le_bytes(), 16 * SECTOR + 80).expect("write");
    let iso = Iso::open(file).expect("directories are at the front");
    let node = iso.lookup("glibc-2.17-260.el7.x86_64.rpm").expect("lookup").expect("present");
    let error = iso.reader(&node).err().expect("cut off");
    assert!(matches!(error, IsoError::Truncated { have, .. } if have == half as u64), "{error}");
    assert!(error.to_string().contains("glibc-2.17"), "{error}");
    // Any byte of the directories may be wrong.
    for at in (16 * 2048..48 * 2048).step_by(37) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(&cut, &bytes).expect("write");
        exercise(File::open(&cut).expect("open"));
    }
}

const TIME: i64 = 1_543_190_056;

/// A tree with what lab media have, and what is awkward.
fn lab_tree() -> Tree {
    let mut tree = Tree::default();
    let mut put = |path: &str, mode: u16, content: Content| {
        tree.put(path, Entry { uid: 7, gid: 70_000, ..Entry::new(mode, TIME + 60, content) });
    };
    let bytes = |bytes: &[u8]| Content::Bytes(bytes.to_vec());
    let loader: Vec<u8> = (0..24_570u32).map(|number| (number * 7 % 251) as u8).collect();
    put("isolinux/isolinux.bin", 0o644, Content::Bytes(loader));
    put("images/efiboot.img", 0o600, Content::Bytes(vec![0x5a; 70_000]));
    put(".treeinfo", 0o444, bytes(b"[general]\n"));
    put("empty", 0o644, bytes(b""));
    put("Packages/glibc-2.17-260.el7.x86_64.rpm", 0o755, Content::Bytes(vec![1; 4096]));
    put("Packages/glibc-2.17-260.el7.x86_65.rpm", 0o755, Content::Bytes(vec![2; 4097]));
    put("hard", 0, Content::Hardlink(b".treeinfo".to_vec()));
    put(&"n".repeat(255), 0o640, bytes(b"long\n"));
    put("l/absolute", 0o777, Content::Symlink(b"/a/./b/../c".to_vec()));
    // libisofs refuses targets of more than 1024 bytes.
    let far = format!("../{}/{}", "d".repeat(255), vec!["e".repeat(199); 3].join("/"));
    put(&format!("l/{}", "l".repeat(255)), 0o777, Content::Symlink(far.into_bytes()));
    put("1/2/3/4/5/6/7/8/9/10/11/bottom", 0o644, bytes(b"deep\n"));
    for number in 0..300 {
        let name = format!("many/{number:03}-{}", "name".repeat(number % 60));
        put(&name, 0o644, bytes(name.as_bytes()));
    }
    tree
}

fn options() -> IsoOptions {
    let boot = |platform, path: &str, boot_info_table, load_sectors| Boot {
        platform,
        path: path.to_owned(),
        boot_info_table,
        load_sectors,
    };
    IsoOptions {
        volume_id: "LAB_7-x".to_uppercase(),
        time: TIME,
        boot: vec![
            boot(Platform::Bios, "isolinux/isolinux.bin", true, 4),
            boot(Platform::Efi, "images/efiboot.img", false, 0),
        ],
    }
}

fn written(directory: &Path, tree: &Tree) -> PathBuf {
    let path = directory.join("ours.iso");
    let mut file = File::create(&path).expect("create");
    write(&mut file, &options(), tree).expect("image");
    path
}

/// What `xorriso` should list for `tree`.
fn tree_listing(tree: &Tree) -> Vec<String> {
    let line = |(path, entry): (&Vec<u8>, &Entry)| {
        let shown = match &entry.content {
            Content::Hardlink(to) => &tree.entries[to],
            _ => entry,
        };
        let (letter, kind) = match &shown.content {
            Content::Dir => ('d', NodeKind::Dir),
            Content::Symlink(target) => ('l', NodeKind::Symlink(target.clone())),
            _ => ('-', NodeKind::File),
        };
        let node = IsoNode {
            name: Vec::new(),
            kind,
            mode: shown.mode,
            uid: shown.uid,
            gid: shown.gid,
            mtime: shown.mtime,
            size: shown.size(),
            extents: Vec::new(),
        };
        lsdl(letter, &text(path), &node)
    };
    let mut lines: Vec<_> =
        tree.entries.iter().filter(|(path, _)| !path.is_empty()).map(line).collect();
    lines.sort();
    lines
}

#[test]
fn xorriso_isoinfo_and_our_reader_read_what_we_write() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let tree = lab_tree();
    let image = written(directory.path(), &tree);
    let want = tree_listing(&tree);
    assert_eq!(xorriso_listing(&image), want);
    let iso = Iso::open(File::open(&image).expect("open")).expect("image");
    assert_eq!(listing(&iso), want);
    assert_eq!(iso.volume_id(), "LAB_7-X");
    assert!(iso.walk().expect("walk").iter().all(|(_, node)| node.mtime == TIME + 60));
    let name = image.to_str().expect("path");
    let isoinfo = oracle::ok("isoinfo", ["-R", "-l", "-i", name]);
    for shown in ["glibc-2.17-260.el7.x86_65.rpm", "/1/2/3/4/5/6/7/8/9/10/11", &"n".repeat(255)] {
        assert!(isoinfo.contains(shown), "{shown} in {isoinfo}");
    }
    let plain = oracle::ok("isoinfo", ["-f", "-i", name]);
    assert!(plain.contains("/PACKAGES/GLIBC_2_17_260_EL7_X86_65.RPM;1"), "{plain}");
    // Data as xorriso extracts it.
    let out = directory.path().join("out");
    let target = out.to_str().expect("path");
    oracle::ok("xorriso", ["-osirrox", "on", "-indev", name, "-extract", "/", target]);
    for (path, entry) in &tree.entries {
        let Content::Bytes(bytes) = &entry.content else { continue };
        let mut got = fs::read(out.join(text(path))).expect("extracted");
        if path.ends_with(b"isolinux.bin") {
            got[8..64].copy_from_slice(&bytes[8..64]);
        }
        assert!(got == *bytes, "{}", text(path));
    }
    assert_eq!(fs::read(out.join("hard")).expect("hard"), b"[general]\n");
    let again = tempfile::tempdir().expect("temporary directory");
    let same = fs::read(written(again.path(), &tree)).expect("image");
    assert!(same == fs::read(&image).expect("image"), "same inputs, same bytes");
}

#[test]
fn boot_catalogue_as_xorriso_reports_it() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let image = written(directory.path(), &lab_tree());
    let name = image.to_str().expect("path");
    let report = oracle::ok("xorriso", ["-indev", name, "-report_el_torito", "plain"]);
    let lines: Vec<Vec<_>> = report
        .lines()
        .filter(|line| line.starts_with("El Torito boot img :"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    // Number, platform, bootable, emulation, load segment, type, sectors, LBA.
    assert_eq!(lines[0][5..12], ["1", "BIOS", "y", "none", "0x0000", "0x00", "4"]);
    assert_eq!(lines[1][5..12], ["2", "UEFI", "y", "none", "0x0000", "0x00", "137"]);
    let paths = "El Torito img path :   1  /isolinux/isolinux.bin";
    assert!(report.contains(paths), "{report}");
    assert!(report.contains("El Torito img path :   2  /images/efiboot.img"), "{report}");
    assert!(report.contains("El Torito img opts :   1  boot-info-table"), "{report}");
}

#[test]
fn files_of_four_gibibytes_and_more() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let big = directory.path().join("big");
    let file = File::create(&big).expect("create");
    let size = (4u64 << 30) + 12_345;
    file.set_len(size).expect("sparse");
    file.write_all_at(b"first", 0).expect("write");
    file.write_all_at(b"across", (4 << 30) - 2051).expect("write");
    file.write_all_at(b"last", size - 4).expect("write");
    let mut tree = Tree::default();
    tree.put("a/big.img", Entry::new(0o644, TIME, Content::File { path: big.clone(), size }));
    tree.put("z", Entry::new(0o644, TIME, Content::Bytes(b"after\n".to_vec())));
    let path = directory.path().join("big.iso");
    let mut out = File::create(&path).expect("create");
    let options = IsoOptions { boot: Vec::new(), ..options() };
    write(&mut out, &options, &tree).expect("image");
    let iso = Iso::open(File::open(&path).expect("open")).expect("image");
    assert_eq!(xorriso_listing(&path), listing(&iso));
    let node = iso.lookup("a/big.img").expect("lookup").expect("present");
    assert_eq!((node.size, node.extents.len()), (size, 2));
    let mut reader = iso.reader(&node).expect("reader");
    for (at, want) in [(0, &b"first"[..]), ((4 << 30) - 2051, b"across"), (size - 4, b"last")] {
        let mut got = vec![0; want.len()];
        reader.seek(SeekFrom::Start(at)).expect("seek");
        reader.read_exact(&mut got).expect("data");
        assert_eq!(got, want, "at {at}");
    }
    let after = iso.lookup("z").expect("lookup").expect("present");
    let mut got = String::new();
    iso.reader(&after).expect("reader").read_to_string(&mut got).expect("data");
    assert_eq!(got, "after\n");
}

#[test]
fn link_targets_over_several_continuation_areas() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let target = vec!["e".repeat(199); 20].join("/");
    let mut tree = Tree::default();
    for number in 0..9 {
        let link = Content::Symlink(target.clone().into_bytes());
        tree.put(&format!("{number}{}", "l".repeat(254)), Entry::new(0o777, TIME, link));
    }
    let path = directory.path().join("links.iso");
    let options = IsoOptions { boot: Vec::new(), ..options() };
    write(&mut File::create(&path).expect("create"), &options, &tree).expect("image");
    let iso = Iso::open(File::open(&path).expect("open")).expect("image");
    assert_eq!(listing(&iso), tree_listing(&tree));
}

#[test]
fn what_the_format_cannot_take_is_refused() {
    let refuse = |options: &IsoOptions, tree: &Tree| {
        write(&mut std::io::sink(), options, tree).expect_err("refused")
    };
    let tree = lab_tree();
    let lower = IsoOptions { volume_id: "lab".into(), ..options() };
    assert!(matches!(refuse(&lower, &tree), IsoWriteError::VolumeId(_)));
    let mut lost = options();
    lost.boot[0].path = "isolinux/none.bin".into();
    assert!(refuse(&lost, &tree).to_string().starts_with("/isolinux/none.bin: "));
    let mut tree = lab_tree();
    tree.put("dangling", Entry::new(0, 0, Content::Hardlink(b"nothing".to_vec())));
    assert!(refuse(&options(), &tree).to_string().starts_with("/dangling: "));
    let mut tree = lab_tree();
    tree.entries.insert(b"empty/x".to_vec(), Entry::new(0, 0, Content::Fifo));
    assert_eq!(refuse(&options(), &tree).to_string(), "/empty: is not a directory");
    let short = tempfile::NamedTempFile::new().expect("temporary file");
    let mut tree = lab_tree();
    let content = Content::File { path: short.path().to_owned(), size: 5 };
    tree.put("short", Entry::new(0o644, 0, content));
    assert!(refuse(&options(), &tree).to_string().starts_with("/short: "));
}
