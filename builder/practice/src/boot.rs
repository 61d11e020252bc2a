//! The install tree's boot files: kernel and initrd, isolinux, GRUB and shim.

use super::closure::{Index, Source};
use super::convert;
use super::package::{ItemKind, RpmItem};
use crate::error::{Context, Error, Result};
use flate2::{Compression, write::GzEncoder};
use formats::tree::{Content, Entry, Tree};
use formats::{cpio, fat};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

/// The ISO's volume label; GRUB mangles spaces in labels.
pub const LABEL: &str = "PRACTICE-7-X86_64";

/// Modules the initrd loads, without their directory.
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
struct Gathered(BTreeMap<String, RpmItem>);

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
            .find(|item| item.path.ends_with(end) && matches!(item.kind, ItemKind::File(_)));
        found.and_then(RpmItem::bytes).ok_or_else(|| {
            Error::build(format!("no Debian package of the medium has a file {end}"))
        })
    }

    /// The file whose path starts with `start`.
    fn file_starting(&self, start: &str) -> Result<&[u8]> {
        let found = self.0.values().find(|item| item.path.starts_with(start));
        found.and_then(RpmItem::bytes).ok_or_else(|| {
            Error::build(format!("no Debian package of the medium has a file {start}…"))
        })
    }
}

/// Writes the boot files into the install tree at `directory`; gives the code of a boot record
/// that starts isolinux from a disk.
pub fn write(directory: &Path, index: &Index, media: &BTreeMap<String, Source>) -> Result<Vec<u8>> {
    let sources = |name: &str| index.targets.get(name).map(|target| target.sources.iter());
    let mut wanted: Vec<&Source> = media.values().collect();
    for name in ["kernel", "grub2-efi-x64", "shim-x64"] {
        wanted.extend(sources(name).into_iter().flatten());
    }
    let files = Gathered::of(&wanted)?;
    let kernel = files.file_starting("/boot/vmlinuz-")?;
    let initrd = initrd(&files)?;
    let out = Out { directory };
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
    // gcdx64 is Debian's signed GRUB for removable media: it reads grub.cfg next to itself.
    let efi = [
        ("EFI/BOOT/BOOTX64.EFI", files.file("/shimx64.efi.signed")?),
        ("EFI/BOOT/grubx64.efi", files.file("/gcdx64.efi.signed")?),
        ("EFI/BOOT/mmx64.efi", files.file("/mmx64.efi.signed")?),
        ("EFI/BOOT/grub.cfg", grub.as_bytes()),
    ];
    for (path, bytes) in efi {
        out.put(path, bytes)?;
    }
    out.put("images/efiboot.img", &efi_image(&efi)?)?;
    Ok(files.file("/ISOLINUX/isohdpfx.bin")?.to_vec())
}

/// `images/efiboot.img`: the FAT filesystem that the firmware finds by the ISO's boot catalogue.
fn efi_image(files: &[(&str, &[u8])]) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    for (path, bytes) in files {
        tree.put(path, Entry::new(0o644, 0, Content::Bytes(bytes.to_vec())));
    }
    let needed: usize = files.iter().map(|(_, bytes)| bytes.len().next_multiple_of(4096)).sum();
    let size = (needed + needed / 16 + (512 << 10)).next_multiple_of(1 << 20);
    let options = fat::FatOptions {
        size: size as u64,
        serial: 0x5052_4143,
        label: "PRACTICE".into(),
        fat32: false,
    };
    let mut image = Cursor::new(vec![0; size]);
    fat::write(&mut image, &options, &tree).or_build(|| "cannot create efiboot.img".into())?;
    Ok(image.into_inner())
}

fn initrd(files: &Gathered) -> Result<Vec<u8>> {
    const DIRECTORY: u32 = 0o040_755;
    const FILE: u32 = 0o100_644;
    const PROGRAM: u32 = 0o100_755;
    const CONSOLE: u32 = 0o020_600;
    let mut archive = Vec::new();
    for dir in BUSYBOX_DIRS {
        cpio::append(&mut archive, dir, DIRECTORY, (0, 0), &[]);
    }
    cpio::append(&mut archive, "dev/console", CONSOLE, (5, 1), &[]);
    cpio::append(&mut archive, "bin/busybox", PROGRAM, (0, 0), files.file("/bin/busybox")?);
    cpio::append(&mut archive, "init", PROGRAM, (0, 0), include_bytes!("files/init"));
    cpio::append(&mut archive, "etc/udhcpc.sh", PROGRAM, (0, 0), include_bytes!("files/udhcpc.sh"));
    for module in MODULES {
        // Which of them are built into the kernel changes between versions.
        if let Ok(bytes) = files.file(&format!("/{module}.ko")) {
            cpio::append(&mut archive, &format!("modules/{module}.ko"), FILE, (0, 0), bytes);
        }
    }
    cpio::finish(&mut archive);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let packed = encoder.write_all(&archive).and_then(|()| encoder.finish());
    packed.or_build(|| "cannot create initrd.img".into())
}

struct Out<'a> {
    directory: &'a Path,
}

impl Out<'_> {
    fn put(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let path = self.directory.join(path);
        let what = || format!("cannot write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).or_build(what)?;
        }
        fs::write(&path, bytes).or_build(what)
    }
}
