//! Images found in the wild, with recorded answers of isoinfo and xorriso.

use super::*;
use builder::format::iso9660::{BootImage, Platform};
use std::fs;
use std::io::Read;
use std::path::PathBuf;

#[expect(clippy::print_stdout, reason = "says which tests did not run")]
fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("IMGBUILD_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let corpus = shared.join("corpus/iso");
    if corpus.is_dir() {
        return Some(corpus);
    }
    println!("not run: {} is absent", corpus.display());
    None
}

/// A copy of a corpus image in `dir`, decompressed.
fn unpack(corpus: &Path, name: &str, dir: &Path) -> PathBuf {
    let plain = corpus.join("images").join(name);
    if plain.exists() {
        return plain;
    }
    let gz = corpus.join("images").join(format!("{name}.gz"));
    let path = dir.join(name);
    let output = run("gzip", Command::new("gzip").arg("-dc").arg(gz));
    fs::write(&path, output.stdout).unwrap();
    path
}

fn expected(corpus: &Path, name: &str, what: &str) -> String {
    let path = corpus.join("expected").join(format!("{name}.{what}.txt"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// xorriso writes links to a root with a slash at the end where isoinfo has none.
fn without_final_slash(mut listed: Vec<Listed>) -> Vec<Listed> {
    for entry in &mut listed {
        if let Some(target) = &mut entry.target {
            *target = target.trim_end_matches('/').to_owned();
        }
    }
    listed
}

#[test]
fn well_formed_images_as_xorriso_lists_and_extracts_them() {
    let Some(corpus) = corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "test_read_format_iso_joliet.iso",
        "test_read_format_iso_joliet_by_nero.iso",
        "test_read_format_iso_multi_extent.iso",
        "test_read_format_iso_rockridge_new.iso",
        "test_read_format_iso_xorriso.iso",
        "memtest86+ia32.iso",
        "grub-rescue-cdrom.iso",
    ] {
        let iso = open(&unpack(&corpus, name, dir.path())).unwrap();
        let ours: Vec<Listed> = listed_by_us(&iso)
            .unwrap()
            .into_iter()
            // xorriso lists the boot catalogue apart.
            .filter(|entry| entry.path != "boot.catalog")
            .collect();
        let theirs = parse_lsdl(&expected(&corpus, name, "xorriso-lsdl"));
        assert_eq!(without_final_slash(ours), without_final_slash(theirs), "{name}");
        let mut digests: Vec<String> = digests_by_us(&iso, dir.path())
            .lines()
            .filter(|line| !line.ends_with("  boot.catalog"))
            .map(str::to_owned)
            .collect();
        digests.sort();
        let recorded = expected(&corpus, name, "sha256");
        let mut recorded: Vec<&str> = recorded.lines().collect();
        recorded.retain(|line| !line.ends_with("  boot.catalog"));
        recorded.sort_unstable();
        assert_eq!(digests, recorded, "{name}");
        let volume = expected(&corpus, name, "isoinfo-d");
        let volume = volume.lines().find_map(|line| line.strip_prefix("Volume id: ")).unwrap();
        if name != "test_read_format_iso_joliet_by_nero.iso" {
            assert_eq!(iso.volume_id(), volume.trim_end(), "{name}");
        }
    }
}

#[test]
fn modification_times_as_xorriso_lists_them() {
    let Some(corpus) = corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in ["test_read_format_iso_rockridge_new.iso", "memtest86+ia32.iso"] {
        let iso = open(&unpack(&corpus, name, dir.path())).unwrap();
        for line in expected(&corpus, name, "xorriso-lsdl").lines() {
            let (head, path) = line.split_once(" '").unwrap();
            let path = path.split('\'').next().unwrap();
            if line.starts_with('e') {
                continue;
            }
            let node = iso.lookup(path).unwrap().unwrap_or_else(|| panic!("{path}"));
            let seconds = format!("@{}", node.mtime);
            let date = run("coreutils", Command::new("date").args(["-d", &seconds, "+%b %e  %Y"]));
            let date = String::from_utf8(date.stdout).unwrap();
            assert!(head.ends_with(date.trim_end()), "{name}: {head:?} {path}: {date}");
        }
    }
}

#[test]
fn el_torito_catalogues_as_xorriso_reports_them() {
    let Some(corpus) = corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    let images = |name| open(&unpack(&corpus, name, dir.path())).unwrap().boot_images().unwrap();
    let bios = |emulation, load_sectors, lba| BootImage {
        platform: Platform::Bios,
        bootable: true,
        emulation,
        load_sectors,
        lba,
    };
    assert_eq!(images("grub-rescue-cdrom.iso"), [bios(0, 4, 1394)]);
    let efi = BootImage { platform: Platform::Efi, ..bios(0, 8192, 824) };
    // Emulation 2 is a floppy of 1.44 MB.
    assert_eq!(images("memtest86+ia32.iso"), [bios(2, 1, 35), efi]);
    assert_eq!(images("test_read_format_iso_xorriso.iso"), []);
}

#[test]
fn compressed_files_are_refused_not_misread() {
    let Some(corpus) = corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    let iso = open(&unpack(&corpus, "test_read_format_iso_zisofs.iso", dir.path())).unwrap();
    let node = iso.lookup("file").unwrap().unwrap();
    let error = iso.reader(&node).read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
    let target = iso.lookup("symlink4").unwrap().unwrap().kind;
    assert_eq!(target, builder::format::iso9660::Kind::Symlink(b".././../tmp".to_vec()));
}

#[test]
fn malformed_images_end_in_an_error_or_a_listing() {
    let Some(corpus) = corpus() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = unpack(&corpus, "test_read_format_iso_rockridge_ce_loop.iso", dir.path());
    let error = listed_by_us(&open(&path).unwrap()).unwrap_err();
    assert!(error.to_string().contains("continuation areas"), "{error}");

    let path = unpack(&corpus, "test_read_format_iso_joliet_utf16be_overflow.iso", dir.path());
    let names = listed_by_us(&open(&path).unwrap()).unwrap();
    let theirs =
        expected(&corpus, "test_read_format_iso_joliet_utf16be_overflow.iso", "xorriso-lsdl");
    assert_eq!(names, parse_lsdl(&theirs));

    let error = open(&corpus.join("images/volrecords.iso")).unwrap_err();
    assert!(matches!(error, Error::NotIso { .. }), "{error}");
}
