//! ISO 9660 images that are appended to: against mkisofs, isohybrid, xorriso, isoinfo, checkisomd5.

use formats::fat::{self, FatOptions};
use formats::iso9660::{
    Iso, IsoWriteError, MediaSum, Names, Platform, append, check_media_sum, make_hybrid,
    read_system_area,
};
use formats::tree::{Content, Entry, Tree};
use lab_tests::oracle;
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const TIME: i64 = 1_543_190_056;
const LABEL: &str = "CentOS 7 x86_64";

fn efi_image(config: &str, size: usize) -> Vec<u8> {
    let mut tree = Tree::default();
    tree.put("EFI/BOOT/grub.cfg", Entry::new(0o644, 0, Content::Bytes(config.into())));
    let options =
        FatOptions { size: size as u64, serial: 7, label: "ANACONDA".into(), fat32: false };
    let mut image = Cursor::new(vec![0; size]);
    fat::write(&mut image, &options, &tree).expect("FAT");
    image.into_inner()
}

/// An image as lorax makes CentOS's: Rock Ridge, Joliet and TRANS.TBL by mkisofs, then isohybrid.
fn medium(directory: &Path) -> PathBuf {
    let tree = directory.join("tree");
    for name in ["isolinux", "images/pxeboot", "EFI/BOOT", "Packages"] {
        fs::create_dir_all(tree.join(name)).expect("directory");
    }
    let isolinux = fs::read("/usr/lib/ISOLINUX/isolinux.bin").expect("isolinux");
    let put = |name: &str, bytes: &[u8]| fs::write(tree.join(name), bytes).expect("file");
    put("isolinux/isolinux.bin", &isolinux);
    put("isolinux/isolinux.cfg", b"default linux\n");
    put("images/efiboot.img", &efi_image("old\n", 2 << 20));
    put("EFI/BOOT/grub.cfg", b"old\n");
    put("images/pxeboot/vmlinuz", &vec![3; 3_000_000]);
    put("Packages/glibc-2.17-260.el7.x86_64.rpm", &vec![7; 300_000]);
    put(&format!("Packages/{}.rpm", "n".repeat(90)), b"long\n");
    put(".treeinfo", b"[general]\nversion = 7\n");
    fs::hard_link(tree.join("images/pxeboot/vmlinuz"), tree.join("isolinux/vmlinuz")).expect("ln");
    let image = directory.join("medium.iso");
    let paths = [image.to_str().expect("path"), tree.to_str().expect("path")];
    let options = "-quiet -R -J -joliet-long -T -b isolinux/isolinux.bin -c isolinux/boot.cat \
        -boot-load-size 4 -boot-info-table -no-emul-boot -eltorito-alt-boot \
        -e images/efiboot.img -no-emul-boot -V";
    let options = options.split_whitespace().chain([LABEL, "-o", paths[0], paths[1]]);
    oracle::ok("genisoimage", options);
    oracle::ok("isohybrid", ["--uefi", paths[0]]);
    image
}

fn additions() -> Tree {
    let mut tree = Tree::default();
    let mut put = |path: &str, bytes: Vec<u8>| {
        tree.put(path, Entry::new(0o644, TIME, Content::Bytes(bytes)));
    };
    put("isolinux/isolinux.cfg", b"default node\n".to_vec());
    put("EFI/BOOT/grub.cfg", b"new\n".to_vec());
    put("images/efiboot.img", efi_image("new\n", 3 << 20));
    put("imgbuild/ks/openstack.ks", b"install\n".to_vec());
    put("imgbuild/empty", Vec::new());
    put(&format!("imgbuild/{}", "n".repeat(200)), vec![9; 5000]);
    tree.put("imgbuild/link", Entry::new(0o777, TIME, Content::Symlink(b"ks".to_vec())));
    tree
}

fn open(path: &Path) -> File {
    File::options().read(true).write(true).open(path).expect("open")
}

fn appended(source: &Path, out: &Path, label: Option<&str>) -> Result<(), IsoWriteError> {
    let iso = Iso::open(open(source)).expect("image");
    let file = File::options().read(true).write(true).create_new(true).open(out).expect("create");
    append(&iso, &file, &additions(), label, &mut |_, _| true)
}

fn read(iso: &Iso, path: &str) -> Vec<u8> {
    let node = iso.lookup(path).expect("lookup").unwrap_or_else(|| panic!("no {path}"));
    let mut bytes = Vec::new();
    iso.reader(&node).expect("reader").read_to_end(&mut bytes).expect("data");
    bytes
}

/// Where a file is, in sectors.
fn place(iso: &Iso, path: &str) -> u64 {
    let node = iso.lookup(path).expect("lookup").unwrap_or_else(|| panic!("no {path}"));
    node.extents[0].offset / 2048
}

#[test]
fn what_is_added_is_there_and_what_was_there_stays_in_place() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (source, out) = (medium(directory.path()), directory.path().join("out.iso"));
    appended(&source, &out, None).expect("image");
    let [old, new] = [&source, &out].map(|path| Iso::open(open(path)).expect("image"));
    assert_eq!((new.names(), new.volume_id()), (Names::RockRidge, LABEL));
    for (path, entry) in &additions().entries {
        let path = String::from_utf8_lossy(path);
        match &entry.content {
            Content::Bytes(bytes) => assert_eq!(&read(&new, &path), bytes, "{path}"),
            _ => assert!(new.lookup(&path).expect("lookup").is_some(), "{path}"),
        }
    }
    let same = ["isolinux/isolinux.bin", "isolinux/vmlinuz", "isolinux/boot.cat", ".treeinfo"];
    for path in same.into_iter().chain(["Packages/glibc-2.17-260.el7.x86_64.rpm"]) {
        assert_eq!(place(&old, path), place(&new, path), "{path}");
        assert!(path.ends_with("boot.cat") || read(&old, path) == read(&new, path), "{path}");
    }
    // All of the source's bytes but its descriptors, catalogue and system area.
    let [a, b] = [&source, &out].map(|path| fs::read(path).expect("image"));
    let start = 32 * 2048;
    let cut = a.len() - (1 << 20);
    let catalogue = place(&old, "isolinux/boot.cat") as usize * 2048;
    assert!(a[start..catalogue] == b[start..catalogue]);
    assert!(a[catalogue + 2048..cut] == b[catalogue + 2048..cut]);
    let joliet = Iso::with_names(open(&out), &[Names::Joliet]).expect("image");
    assert_eq!(joliet.names(), Names::Joliet);
    assert_eq!(read(&joliet, "imgbuild/ks/openstack.ks"), b"install\n");
    assert_eq!(read(&joliet, &format!("imgbuild/{}", "n".repeat(64))), vec![9; 5000]);
    let plain = Iso::with_names(open(&out), &[]).expect("image");
    assert_eq!(read(&plain, "ISOLINUX/ISOLINUX.CFG"), b"default node\n");
    let again = directory.path().join("again.iso");
    appended(&source, &again, None).expect("image");
    assert!(fs::read(&again).expect("image") == b, "same inputs, same bytes");
}

#[test]
fn xorriso_isoinfo_and_checkisomd5_agree() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (source, out) = (medium(directory.path()), directory.path().join("out.iso"));
    appended(&source, &out, None).expect("image");
    let name = out.to_str().expect("path");
    let new = Iso::open(open(&out)).expect("image");
    let efi = place(&new, "images/efiboot.img");
    let (blocks, length) = ((3 << 20) / 512, fs::metadata(&out).expect("image").len());
    let report = oracle::ok(
        "xorriso",
        ["-indev", name, "-report_el_torito", "plain", "-report_system_area", "plain"],
    );
    let has = |line: String| {
        let wanted: Vec<_> = line.split_whitespace().collect();
        let found = report.lines().any(|l| l.split_whitespace().collect::<Vec<_>>() == wanted);
        assert!(found, "no `{line}` in\n{report}");
    };
    let bios = place(&new, "isolinux/isolinux.bin");
    has(format!("El Torito boot img : 1 BIOS y none 0x0000 0x00 4 {bios}"));
    has(format!("El Torito boot img : 2 UEFI y none 0x0000 0x00 {blocks} {efi}"));
    has("El Torito img opts : 1 boot-info-table isohybrid-suitable".into());
    has("El Torito img path : 2 /images/efiboot.img".into());
    has(format!("MBR partition : 1 0x80 0x00 0 {}", length / 512));
    has(format!("MBR partition : 2 0x00 0xef {} {blocks}", efi * 4));
    has("MBR partition path : 2 /images/efiboot.img".into());
    has(format!("GPT start and size : 2 {} {blocks}", efi * 4));
    has(format!("ISO image size/512 : {}", length / 512));
    assert!(!report.contains("GPT CRC should be"), "{report}");
    assert!(!report.contains("GPT backup problems"), "{report}");
    assert!(report.contains("isohybrid") && report.contains("GPT disk GUID"), "{report}");
    let listed = oracle::ok("isoinfo", ["-J", "-f", "-i", name]);
    assert!(listed.contains("/imgbuild/ks/openstack.ks"), "{listed}");
    let listed = oracle::ok("isoinfo", ["-R", "-f", "-i", name]);
    assert!(listed.contains(&"n".repeat(200)) && listed.contains(&"n".repeat(90)), "{listed}");
    // Every directory, file and byte as another reader extracts them.
    let extracted = directory.path().join("extracted");
    let to = extracted.to_str().expect("path");
    oracle::ok("xorriso", ["-osirrox", "on", "-indev", name, "-extract", "/", to]);
    let rpm = fs::read(extracted.join("Packages/glibc-2.17-260.el7.x86_64.rpm")).expect("package");
    assert_eq!(rpm, vec![7; 300_000]);
    assert_eq!(fs::read(extracted.join("EFI/BOOT/grub.cfg")).expect("grub.cfg"), b"new\n");
    let image = extracted.join("images/efiboot.img");
    let image = image.to_str().expect("path");
    assert_eq!(oracle::ok("mtype", ["-i", image, "::/EFI/BOOT/grub.cfg"]), "new\n");
    oracle::ok("checkisomd5", [name]);
    check_flipped_bytes(&out);
}

/// A byte that differs is found, by us and by isomd5sum; none is in what the sum leaves out.
fn check_flipped_bytes(path: &Path) {
    let file = open(path);
    let length = file.metadata().expect("image").len();
    let sum = || check_media_sum(&file, &mut |_, _| true).expect("readable");
    assert_eq!(sum(), MediaSum::Right);
    for (at, wanted) in [
        (40, MediaSum::Wrong),
        (length / 2, MediaSum::Wrong),
        (length - 15 * 2048 - 1, MediaSum::Wrong),
        (length - 1, MediaSum::Right),
    ] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("read");
        file.write_all_at(&[byte[0] ^ 1], at).expect("write");
        let judged = oracle::run("checkisomd5", [path]).status.success();
        assert_eq!((sum(), judged), (wanted, wanted == MediaSum::Right), "byte {at}");
        file.write_all_at(&byte, at).expect("write");
    }
}

#[test]
fn the_media_sum_is_the_one_that_isomd5sum_implants() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let out = directory.path().join("out.iso");
    appended(&medium(directory.path()), &out, None).expect("image");
    let ours = fs::read(&out).expect("image");
    oracle::ok("implantisomd5", ["--force", out.to_str().expect("path")]);
    let theirs = fs::read(&out).expect("image");
    let field = |bytes: &[u8]| String::from_utf8_lossy(&bytes[33651..33651 + 512]).into_owned();
    assert_eq!(field(&ours), field(&theirs));
    assert!(ours == theirs);
}

#[test]
fn a_label_changes_in_every_place_or_is_refused() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let source = medium(directory.path());
    let out = directory.path().join("out.iso");
    appended(&source, &out, Some("LAB-7")).expect("image");
    let name = out.to_str().expect("path");
    for names in [&["-i", name, "-d"][..], &["-J", "-i", name, "-d"]] {
        let said = oracle::ok("isoinfo", names.iter().copied());
        assert!(said.contains("Volume id: LAB-7\n"), "{said}");
    }
    oracle::ok("checkisomd5", [name]);
    for label in ["", "an-id-of-17-chars", "r\u{f6}d"] {
        let error = appended(&source, &directory.path().join(format!("{label}.x")), Some(label));
        assert!(matches!(error, Err(IsoWriteError::Label(..))), "{label}: {error:?}");
    }
}

#[test]
fn what_starts_from_no_disk_or_cannot_hold_the_additions_is_refused() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let source = medium(directory.path());
    let refused = |name: &str, at: u64, bytes: &[u8], why: &str| {
        let copy = directory.path().join(format!("{name}.iso"));
        fs::copy(&source, &copy).expect("copy");
        open(&copy).write_all_at(bytes, at).expect("write");
        let error = appended(&copy, &directory.path().join(format!("{name}.out")), None);
        let error = error.expect_err(name).to_string();
        assert!(error.contains(why), "{name}: {error}");
    };
    refused("no-boot-record", 17 * 2048 + 7, &[0; 23], "no El Torito boot record");
    refused("no-system-area", 0, &[0; 32768], "no boot record in its system area");
    let catalogue = place(&Iso::open(open(&source)).expect("image"), "isolinux/boot.cat") * 2048;
    refused("catalogue", catalogue + 30, &[0; 2], "validation entry of the boot catalogue");
    refused("gpt", 512 + 80, &[0xff; 4], "GPT in its system area is damaged");
    let iso = Iso::open(open(&source)).expect("image");
    for (path, content, why) in [
        ("isolinux/isolinux.bin", Content::Bytes(vec![1; 9000]), "only an EFI boot image"),
        ("Packages", Content::Bytes(vec![1]), "directory and file of the same name"),
        (".treeinfo", Content::Dir, "directory and file of the same name"),
        ("images/efiboot.img", Content::Bytes(vec![1; 32 << 20]), "32 MiB or more"),
    ] {
        let mut tree = Tree::default();
        tree.put(path, Entry::new(0o644, TIME, content));
        let out = tempfile::tempfile().expect("file");
        let error = append(&iso, &out, &tree, None, &mut |_, _| true).expect_err(path).to_string();
        assert!(error.contains(why), "{path}: {error}");
    }
    let stopped =
        append(&iso, &tempfile::tempfile().expect("file"), &additions(), None, &mut |_, _| false);
    assert!(matches!(stopped, Err(IsoWriteError::Stopped)));
}

#[test]
fn a_new_image_becomes_hybrid() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let source = medium(directory.path());
    let iso = Iso::open(open(&source)).expect("image");
    let isohybrid = read_system_area(&open(&source)).expect("read").expect("isohybrid's");
    // Its system area is blanked, and written by us.
    open(&source).write_all_at(&[0; 32768], 0).expect("write");
    assert_eq!(read_system_area(&open(&source)).expect("read"), None);
    let code = fs::read("/usr/lib/ISOLINUX/isohdpfx.bin").expect("isolinux");
    make_hybrid(&open(&source), &code, 0x1234_5678).expect("hybrid");
    let ours = read_system_area(&open(&source)).expect("read").expect("ours");
    assert_eq!(ours.partitions[1], isohybrid.partitions[1]);
    assert_eq!(ours.gpt[1], isohybrid.gpt[1]);
    assert_eq!(ours.gpt[0].0, isohybrid.gpt[0].0);
    let images = iso.boot_images().expect("catalogue");
    assert_eq!(images[1].platform, Some(Platform::Efi));
    let name = source.to_str().expect("path");
    let report = oracle::ok("xorriso", ["-indev", name, "-report_system_area", "plain"]);
    assert!(report.contains("MBR isohybrid"), "{report}");
    assert!(report.contains("/images/efiboot.img"), "{report}");
    assert!(!report.contains("CRC should be"), "{report}");
    oracle::ok("checkisomd5", [name]);
    assert!(appended(&source, &directory.path().join("out.iso"), None).is_ok());
}
