//! What QEMU makes of the image formats that are written in one way only.

use crate::sparse::tests::{qemu_img, raw};
use crate::{vhd, vmdk};
use std::fs::File;
use tempfile::NamedTempFile;

/// One format.
struct Case {
    /// In QEMU's words.
    format: &'static str,
    write: fn(&File, &File),
    /// Whether `qemu-img check` knows it.
    checked: bool,
    /// What `qemu-img info` prints of an image of so many bytes.
    info: fn(u64) -> String,
}

const CASES: [Case; 2] = [
    Case {
        format: "vpc",
        write: |raw, out| vhd::write(raw, out, [5; 16], 1_500_000_000, &mut |_, _| true).unwrap(),
        checked: false,
        info: |size| format!("({size} bytes)"),
    },
    Case {
        format: "vmdk",
        write: |raw, out| vmdk::write(raw, out, 7, &mut |_, _| true).unwrap(),
        checked: true,
        info: |_| "create type: monolithicSparse".to_owned(),
    },
];

#[test]
fn qemu_img_reads_the_same() {
    for Case { format, write, checked, info } in CASES {
        for size in [8 << 20, (8 << 20) + 512, 50 << 30] {
            let raw = raw(size);
            let image = NamedTempFile::new().unwrap();
            write(raw.as_file(), image.as_file());
            let (image, raw) = (image.path().to_str().unwrap(), raw.path().to_str().unwrap());
            if checked {
                let report = qemu_img(&["check", "-f", format, image]);
                assert!(report.contains("No errors"), "{format}: {report}");
            }
            qemu_img(&["compare", "-f", "raw", "-F", format, raw, image]);
            let report = qemu_img(&["info", "-f", format, image]);
            assert!(report.contains(&info(size)), "{format}: {report}");
        }
    }
}
