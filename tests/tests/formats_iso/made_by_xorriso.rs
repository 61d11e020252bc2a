//! Images made here by xorriso and genisoimage, whole and damaged.

use super::*;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A folder with what media have and what readers stumble on.
fn make_tree(dir: &Path) -> PathBuf {
    let tree = dir.join("tree");
    let deep = tree.join("a/b/c/d/e/f/g/h/i/j");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), "deep").unwrap();
    fs::create_dir(tree.join("Packages")).unwrap();
    for i in 0..300 {
        let name = format!("Packages/package-{i:03}-1.2.3-4.el7.x86_64.rpm");
        fs::write(tree.join(name), format!("{i}")).unwrap();
    }
    fs::write(tree.join("l".repeat(255)), "longest name").unwrap();
    fs::write(tree.join("it's"), "a quote").unwrap();
    fs::write(tree.join("empty"), "").unwrap();
    fs::write(tree.join("data"), vec![7u8; 100_001]).unwrap();
    symlink("../".repeat(200) + "x", tree.join("long-link")).unwrap();
    symlink("/etc/../etc/fstab", tree.join("link")).unwrap();
    tree
}

fn make(program: &str, package: &str, arguments: &[&str], tree: &Path, image: &Path) {
    run(package, Command::new(program).args(arguments).arg("-o").arg(image).arg(tree));
}

#[test]
fn rock_ridge_of_xorriso() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = (make_tree(dir.path()), dir.path().join("image.iso"));
    make("xorriso", "xorriso", &["-as", "mkisofs", "-quiet", "-R", "-V", "LAB"], &tree, &image);
    let iso = open(&image).unwrap();
    assert_eq!(iso.volume_id(), "LAB");
    let ours = listed_by_us(&iso).unwrap();
    assert_eq!(ours, xorriso_lsdl(&image));
    assert!(ours.iter().any(|entry| entry.path == "a/b/c/d/e/f/g/h/i/j/bottom"));
    // The image's files are the folder's.
    let digests = digests_by_us(&iso, dir.path());
    let sums = dir.path().join("sums");
    fs::write(&sums, digests).unwrap();
    run("coreutils", Command::new("sha256sum").current_dir(&tree).arg("-c").arg(&sums));
}

#[test]
fn relocated_directories_of_genisoimage() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = (make_tree(dir.path()), dir.path().join("image.iso"));
    // genisoimage itself never ends on a link that needs several continuation areas.
    fs::remove_file(tree.join("long-link")).unwrap();
    make("genisoimage", "genisoimage", &["-quiet", "-R"], &tree, &image);
    let raw = fs::read(&image).unwrap();
    assert!(raw.windows(4).any(|w| w == b"CL\x0c\x01"), "genisoimage relocated nothing");
    let iso = open(&image).unwrap();
    let paths: Vec<String> =
        listed_by_us(&iso).unwrap().into_iter().map(|entry| entry.path).collect();
    let found = run("findutils", Command::new("find").current_dir(&tree).args(["-printf", "%P\n"]));
    let found = String::from_utf8(found.stdout).unwrap();
    let mut expected: Vec<&str> = found.lines().filter(|path| !path.is_empty()).collect();
    expected.sort_unstable();
    // rr_moved itself is a directory like any other, empty once its entries are hidden.
    let paths: Vec<&str> =
        paths.iter().map(String::as_str).filter(|path| *path != "rr_moved").collect();
    assert_eq!(paths, expected);
    let bottom = iso.lookup("/a/b/c/d/e/f/g/h/i/j/bottom").unwrap().unwrap();
    let mut text = String::new();
    iso.reader(&bottom).read_to_string(&mut text).unwrap();
    assert_eq!(text, "deep");
}

#[test]
fn joliet_and_plain_names() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir_all(tree.join("Größe")).unwrap();
    fs::write(tree.join("Größe/readme"), "text").unwrap();
    fs::write(tree.join("some-file.tar.gz"), "text").unwrap();
    let image = dir.path().join("image.iso");
    make("genisoimage", "genisoimage", &["-quiet", "-J", "-input-charset", "utf-8"], &tree, &image);
    let iso = open(&image).unwrap();
    assert!(iso.lookup("Größe/readme").unwrap().is_some());
    assert!(iso.lookup("some-file.tar.gz").unwrap().is_some());

    fs::remove_dir_all(tree.join("Größe")).unwrap();
    fs::write(tree.join("readme"), "text").unwrap();
    make("genisoimage", "genisoimage", &["-quiet"], &tree, &image);
    let iso = open(&image).unwrap();
    let names: Vec<String> =
        listed_by_us(&iso).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(names, ["README", "SOME_FIL.TGZ"]);
}

/// Lists an image and reads every file, as far as it goes.
fn use_all(path: &Path) -> Result<(), Error> {
    let iso = open(path)?;
    iso.boot_images()?;
    iso.walk(iso.root(), |_, node| {
        // Damaged sizes reach far; the first bytes tell as much.
        std::io::copy(&mut iso.reader(node).take(1 << 20), &mut std::io::sink())?;
        Ok(())
    })
}

#[test]
fn cut_off_images_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = (make_tree(dir.path()), dir.path().join("image.iso"));
    make("xorriso", "xorriso", &["-as", "mkisofs", "-quiet", "-R"], &tree, &image);
    let whole = fs::read(&image).unwrap();
    let cut = dir.path().join("cut.iso");
    for length in (0..whole.len()).step_by(10_007) {
        fs::write(&cut, &whole[..length]).unwrap();
        let error = use_all(&cut).expect_err("a cut image was read");
        assert!(matches!(error, Error::NotIso { .. } | Error::Truncated { .. }), "{error}");
    }
}

#[test]
fn damaged_images_never_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, image) = (make_tree(dir.path()), dir.path().join("image.iso"));
    make("xorriso", "xorriso", &["-as", "mkisofs", "-quiet", "-R", "-J"], &tree, &image);
    let mut bytes = fs::read(&image).unwrap();
    // Descriptors, path tables and directories: the first 400 sectors or so.
    let metadata = bytes.len().min(400 * 2048) - 16 * 2048;
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let (mut failed, mut passed) = (0, 0);
    let damaged = dir.path().join("damaged.iso");
    for _ in 0..300 {
        let mut undo = Vec::new();
        for _ in 0..8 {
            // xorshift64: the same damage on every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = 16 * 2048 + (state % metadata as u64) as usize;
            undo.push((at, bytes[at]));
            bytes[at] = (state >> 32) as u8;
        }
        fs::write(&damaged, &bytes).unwrap();
        match use_all(&damaged) {
            Ok(()) => passed += 1,
            Err(_) => failed += 1,
        }
        for (at, byte) in undo.into_iter().rev() {
            bytes[at] = byte;
        }
    }
    assert!(failed > 0 && passed > 0, "the damage is not varied: {failed} failed, {passed} passed");
}
