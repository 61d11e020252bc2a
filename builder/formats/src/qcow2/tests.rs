use super::entry::CLUSTER;
use super::*;
use crate::sparse::tests::{qemu_img, raw};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use tempfile::NamedTempFile;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn qemu_img_reads_the_same() {
    use Compression::{None as Plain, Zlib, Zstd};
    for size in [8 << 20, (8 << 20) + 512, 50 << 30, (700 << 30) + 1024] {
        let raw = raw(size);
        for compression in [Plain, Zlib(1), Zlib(6), Zstd(3)] {
            let image = NamedTempFile::new().unwrap();
            write(raw.as_file(), image.as_file(), compression, None, &mut |_, _| true).unwrap();
            let (image, raw) = (text(image.path()), text(raw.path()));
            let said = qemu_img(&["check", "-f", "qcow2", image]);
            assert!(said.contains("No errors"), "{said}");
            qemu_img(&["compare", "-f", "raw", "-F", "qcow2", raw, image]);
            let info = qemu_img(&["info", image]);
            assert!(info.contains("compat: 1.1"), "{info}");
            let kind = if compression == Zstd(3) { "type: zstd" } else { "type: zlib" };
            assert!(info.contains(kind), "{info}");
        }
    }
}

#[test]
fn an_overlay_holds_what_differs() {
    let directory = tempfile::tempdir().unwrap();
    let size = 64 << 20;
    let base_raw = raw(size);
    let base = File::create_new(directory.path().join("base.qcow2")).unwrap();
    write(base_raw.as_file(), &base, Compression::Zlib(1), None, &mut |_, _| true).unwrap();
    let node_raw = raw(size);
    // A change, an addition, and zeros in the place of something.
    node_raw.as_file().write_all_at(b"another name", 120_000).unwrap();
    node_raw.as_file().write_all_at(b"new", 40 << 20).unwrap();
    node_raw.as_file().write_all_at(&vec![0; 400_000], 2 << 20).unwrap();
    let overlay = directory.path().join("node.qcow2");
    let out = File::create_new(&overlay).unwrap();
    let backing = Backing { name: "base.qcow2", format: "qcow2" };
    let with = Some((backing, base_raw.as_file()));
    write(node_raw.as_file(), &out, Compression::Zlib(1), with, &mut |_, _| true).unwrap();
    assert!(qemu_img(&["check", text(&overlay)]).contains("No errors"));
    qemu_img(&["compare", "-f", "raw", "-F", "qcow2", text(node_raw.path()), text(&overlay)]);
    let info = qemu_img(&["info", text(&overlay)]);
    assert!(
        info.contains("backing file: base.qcow2") && info.contains("backing file format: qcow2")
    );
    assert!(out.metadata().unwrap().len() < 8 * CLUSTER);
}

#[test]
fn an_empty_overlay_is_a_disk_to_write_to() {
    let directory = tempfile::tempdir().unwrap();
    let size = (50 << 30) + 512;
    let base = raw(size);
    let path = directory.path().join("overlay.qcow2");
    let backing = Backing { name: text(base.path()), format: "raw" };
    overlay(&File::create_new(&path).unwrap(), size, backing).unwrap();
    assert!(qemu_img(&["check", text(&path)]).contains("No errors"));
    qemu_img(&["compare", "-f", "raw", "-F", "qcow2", text(base.path()), text(&path)]);
    let output = Command::new("qemu-io").args(["-c", "write -P 7 3M 128k", text(&path)]).output();
    assert!(output.expect("Debian package qemu-utils").status.success());
    assert!(qemu_img(&["check", text(&path)]).contains("No errors"));
}

#[test]
fn an_empty_disk_and_a_stop() {
    let raw = NamedTempFile::new().unwrap();
    raw.as_file().set_len(1 << 30).unwrap();
    let image = NamedTempFile::new().unwrap();
    write(raw.as_file(), image.as_file(), Compression::None, None, &mut |_, _| true).unwrap();
    assert!(qemu_img(&["check", text(image.path())]).contains("No errors"));
    raw.as_file().write_all_at(b"x", 0).unwrap();
    let stopped = write(raw.as_file(), image.as_file(), Compression::None, None, &mut |_, _| false);
    assert!(matches!(stopped, Err(Qcow2Error::Stopped)));
}

/// The whole content of an image by our reader.
fn read(image: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    use crate::read_at::{Plain, ReadAt};
    let mut reader = Qcow2Reader::open(File::open(image)?)?;
    if let Some(name) = reader.backing_name().map(str::to_owned) {
        let base = File::open(image.with_file_name(name))?;
        let mut magic = [0; 4];
        FileExt::read_exact_at(&base, &mut magic, 0)?;
        reader.back(match magic {
            MAGIC => Box::new(Qcow2Reader::open(base)?),
            _ => Box::new(Plain::new(base)?),
        });
    }
    let mut bytes = vec![0; reader.size() as usize];
    // Pieces that do not keep to clusters.
    for (n, piece) in bytes.chunks_mut(100_001).enumerate() {
        reader.read_exact_at(piece, n as u64 * 100_001)?;
    }
    Ok(bytes)
}

#[test]
fn what_qemu_img_wrote_is_read() {
    let raw = raw((8 << 20) + 512);
    let expected = std::fs::read(raw.path()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let (from, to) = (raw.path().to_str().unwrap(), image.to_str().unwrap());
    for options in ["compat=0.10", "cluster_size=512", "cluster_size=2M", "compression_type=zstd"] {
        for compress in [&[][..], &["-c"]] {
            let mut arguments = vec!["convert", "-O", "qcow2", "-o", options];
            arguments.extend(compress);
            arguments.extend([from, to]);
            qemu_img(&arguments);
            assert!(read(&image).unwrap() == expected, "{options} {compress:?}");
        }
    }
    // On top of it, an overlay that QEMU wrote to.
    let overlay = directory.path().join("overlay");
    let over = overlay.to_str().unwrap();
    qemu_img(&["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "image", over]);
    let wrote = Command::new("qemu-io")
        .args(["-f", "qcow2", "-c", "write -P 7 3M 100k", "-c", "write -z 100k 64k", over])
        .output()
        .expect("Debian package qemu-utils");
    assert!(wrote.status.success(), "{wrote:?}");
    let flat = directory.path().join("flat");
    qemu_img(&["convert", "-O", "raw", over, flat.to_str().unwrap()]);
    assert!(read(&overlay).unwrap() == std::fs::read(flat).unwrap());
}

#[test]
fn what_we_wrote_is_read_and_damage_is_an_error() {
    let raw = raw(8 << 20);
    let expected = std::fs::read(raw.path()).unwrap();
    for compression in [Compression::None, Compression::Zlib(1), Compression::Zstd(3)] {
        let image = NamedTempFile::new().unwrap();
        write(raw.as_file(), image.as_file(), compression, None, &mut |_, _| true).unwrap();
        assert!(read(image.path()).unwrap() == expected, "{compression:?}");
        let good = std::fs::read(image.path()).unwrap();
        // Cut anywhere: an error or what a file of zeros would give, never a panic.
        for cut in (0..good.len()).step_by(good.len() / 23) {
            std::fs::write(image.path(), &good[..cut]).unwrap();
            let _ = read(image.path());
        }
        for at in 0..112 {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            std::fs::write(image.path(), &bad).unwrap();
            // A size of exabytes would be read indefinitely.
            if !(24..32).contains(&at) {
                let _ = read(image.path());
            }
        }
    }
    assert!(matches!(Qcow2Reader::open(tempfile::tempfile().unwrap()), Err(ReadError::NotQcow2)));
}
