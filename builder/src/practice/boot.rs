//! The install tree's boot files: kernel and initrd, isolinux, GRUB and shim.

use super::closure::{Index, Source};
use super::convert;
use super::cpio::Cpio;
use super::images;
use super::package::{Item, Kind};
use crate::error::{Context, Error, Result};
use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

/// The ISO's volume label; GRUB mangles spaces in labels.
pub const LABEL: &str = "PRACTICE-7-X86_64";

/// Modules the initrd loads, without their folder.
const MODULES: &[&str] = &[
    "cdrom",
    "scsi_common",
    "scsi_mod",
    "libata",
    "ata_piix",
    "ata_generic",
    "sr_mod",
    "sd_mod",
    "t10-pi",
    "crc-t10dif",
    "crct10dif_common",
    "crct10dif_generic",
    "crc64",
    "crc64-rocksoft",
    "crc64_rocksoft_generic",
    "virtio",
    "virtio_ring",
    "virtio_pci",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_blk",
    "virtio_scsi",
    "isofs",
    "failover",
    "net_failover",
    "virtio_net",
];

const BUSYBOX_DIRS: &[&str] =
    &["bin", "dev", "etc", "mnt", "modules", "proc", "root", "run", "sys", "tmp"];

/// Files gathered from packages, by path on the medium.
struct Gathered(BTreeMap<String, Item>);

impl Gathered {
    fn of(sources: &[&Source]) -> Result<Self> {
        let mut items = BTreeMap::new();
        for source in sources {
            for item in convert::placed(source)? {
                items.insert(item.path.clone(), item);
            }
        }
        Ok(Self(items))
    }

    /// The file whose path ends in `end`.
    fn file(&self, end: &str) -> Result<&[u8]> {
        let found = self
            .0
            .values()
            .find(|item| item.path.ends_with(end) && matches!(item.kind, Kind::File(_)));
        found.and_then(Item::bytes).ok_or_else(|| {
            Error::build(format!("no Debian package of the medium has a file {end}"))
        })
    }

    /// The file whose path starts with `start`.
    fn file_starting(&self, start: &str) -> Result<&[u8]> {
        let found = self.0.values().find(|item| item.path.starts_with(start));
        found.and_then(Item::bytes).ok_or_else(|| {
            Error::build(format!("no Debian package of the medium has a file {start}…"))
        })
    }
}

/// Writes the boot files into the install tree at `folder`; gives the code that
/// starts the tree's ISO image from a USB disk.
pub fn write(
    folder: &Path,
    index: &Index,
    media: &BTreeMap<String, Source>,
    time: i64,
) -> Result<Vec<u8>> {
    let sources = |name: &str| index.targets.get(name).map(|target| target.sources.iter());
    let mut wanted: Vec<&Source> = media.values().collect();
    for name in ["kernel", "grub2-efi-x64", "shim-x64"] {
        wanted.extend(sources(name).into_iter().flatten());
    }
    let files = Gathered::of(&wanted)?;
    let kernel = files.file_starting("/boot/vmlinuz-")?;
    let initrd = initrd(&files)?;
    let out = Out { folder };
    for place in ["images/pxeboot", "isolinux"] {
        out.put(&format!("{place}/vmlinuz"), kernel)?;
        out.put(&format!("{place}/initrd.img"), &initrd)?;
    }
    let labelled = |text: &str| text.replace("@LABEL@", LABEL);
    out.put("isolinux/isolinux.cfg", labelled(include_str!("files/isolinux.cfg")).as_bytes())?;
    out.put("isolinux/isolinux.bin", files.file("/ISOLINUX/isolinux.bin")?)?;
    for module in ["ldlinux.c32", "menu.c32", "libutil.c32", "libcom32.c32"] {
        out.put(&format!("isolinux/{module}"), files.file(&format!("/bios/{module}"))?)?;
    }
    let grub = labelled(include_str!("files/grub.cfg"));
    // gcdx64 is Debian's signed GRUB for removable media: it reads grub.cfg beside itself.
    let efi = [
        ("EFI/BOOT/BOOTX64.EFI", files.file("/shimx64.efi.signed")?),
        ("EFI/BOOT/grubx64.efi", files.file("/gcdx64.efi.signed")?),
        ("EFI/BOOT/mmx64.efi", files.file("/mmx64.efi.signed")?),
        ("EFI/BOOT/grub.cfg", grub.as_bytes()),
    ];
    for (path, bytes) in efi {
        out.put(path, bytes)?;
    }
    out.put("images/efiboot.img", &images::efi_image(&efi, time)?)?;
    Ok(files.file("/ISOLINUX/isohdpfx.bin")?.to_vec())
}

fn initrd(files: &Gathered) -> Result<Vec<u8>> {
    let mut archive = Cpio::default();
    for dir in BUSYBOX_DIRS {
        archive.dir(dir);
    }
    archive.device("dev/console", 5, 1);
    archive.file("bin/busybox", 0o755, files.file("/bin/busybox")?);
    archive.file("init", 0o755, include_bytes!("files/init"));
    archive.file("etc/udhcpc.sh", 0o755, include_bytes!("files/udhcpc.sh"));
    for module in MODULES {
        // Which of them are built into the kernel changes between versions.
        if let Ok(bytes) = files.file(&format!("/{module}.ko")) {
            archive.file(&format!("modules/{module}.ko"), 0o644, bytes);
        }
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let packed = encoder.write_all(&archive.finish()).and_then(|()| encoder.finish());
    packed.or_build(|| "cannot make initrd.img".into())
}

struct Out<'a> {
    folder: &'a Path,
}

impl Out<'_> {
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(path);
        let what = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).or_build(what)?;
        }
        fs::write(&path, bytes).or_build(what)
    }
}
