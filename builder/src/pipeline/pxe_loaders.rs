//! What machines load first when they boot by the network: the medium's own loaders, and those of
//! directories that the user names.

use super::install_base::BaseMedium;
use crate::base::error::{Context as _, Error, Result};
use crate::base::files::read_regular;
use crate::plan::install::{BIOS_LOADER, IPXE_BIOS_LOADER, IPXE_EFI_LOADER, UEFI_LOADER};
use formats::iso9660::NodeKind;
use formats::rpmfile::{Contents, RpmFile};
use std::io::{BufReader, Read};
use std::path::PathBuf;

/// A loader is not larger.
const LARGEST: u64 = 32 << 20;
/// What PXELINUX of version 5 and later loads before it does anything.
const LDLINUX: &str = "ldlinux.c32";
/// Before its version.
const BANNER: &[u8] = b"PXELINUX ";
/// Where EL7's package syslinux has PXELINUX.
const PACKAGED: &[u8] = b"/usr/share/syslinux/pxelinux.0";

/// Loaders for the TFTP server.
pub struct Loaders {
    /// Path and bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// What the user should know of those that are missing.
    pub missing: Vec<String>,
}

impl Loaders {
    /// Finds them on the medium and in `directories`.
    ///
    /// # Errors
    /// Input errors: none is found, or one lacks what it needs; what cannot be read.
    pub fn find(base: &BaseMedium, directories: &[PathBuf]) -> Result<Self> {
        if let Some(missing) = directories.iter().find(|directory| !directory.is_dir()) {
            let missing = missing.display();
            return Err(Error::input(format!("--loaders: {missing} is not a directory")));
        }
        let mut this = Self { files: base.efi_loaders()?, missing: Vec::new() };
        match named(directories, BIOS_LOADER)? {
            Some(bytes) => this.add_pxelinux(bytes, directories)?,
            None => this.files.extend(packaged(base)?.map(|bytes| (BIOS_LOADER.into(), bytes))),
        }
        for name in [IPXE_BIOS_LOADER, IPXE_EFI_LOADER] {
            this.files.extend(named(directories, name)?.map(|bytes| (name.to_owned(), bytes)));
        }
        if !this.has(BIOS_LOADER) && !this.has(IPXE_BIOS_LOADER) {
            this.missing.push(format!(
                "machines with a BIOS boot only if they have iPXE: there is no {BIOS_LOADER}, as the medium has no package syslinux; Debian's pxelinux and syslinux-common have it: --loaders /usr/lib/PXELINUX --loaders /usr/lib/syslinux/modules/bios"
            ));
        }
        if !this.has(UEFI_LOADER) {
            this.missing.push(format!("UEFI boots only by iPXE: the medium has no {UEFI_LOADER}"));
        }
        if !this.has(IPXE_EFI_LOADER) {
            this.missing.push(format!(
                "UEFI does not boot behind another DHCP server (--dhcp proxy): there is no {IPXE_EFI_LOADER}; Debian's ipxe has it: --loaders /usr/lib/ipxe"
            ));
        }
        Ok(this)
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|(path, _)| path == name)
    }

    /// Adds a PXELINUX with what it needs, which has to be of the same version.
    fn add_pxelinux(&mut self, bytes: Vec<u8>, directories: &[PathBuf]) -> Result<()> {
        if !is_alone(&bytes) {
            let module = named(directories, LDLINUX)?.ok_or_else(|| {
                Error::input(format!("--loaders: {BIOS_LOADER} needs {LDLINUX} of its version, which is in none of the directories"))
                    .hint("name its directory as well; Debian's syslinux-common has it: --loaders /usr/lib/syslinux/modules/bios")
            })?;
            self.files.push((LDLINUX.to_owned(), module));
        }
        self.files.push((BIOS_LOADER.to_owned(), bytes));
        Ok(())
    }
}

/// Whether a PXELINUX is of a version before 5, as EL7's, which needs no module: its banner says so.
fn is_alone(bytes: &[u8]) -> bool {
    let major = bytes.windows(BANNER.len() + 1).find_map(|window| window.strip_prefix(BANNER));
    matches!(major, Some(b"3" | b"4"))
}

/// A file of the first directory that has it.
fn named(directories: &[PathBuf], name: &str) -> Result<Option<Vec<u8>>> {
    for directory in directories {
        let path = directory.join(name);
        if path.exists() {
            let what = || format!("cannot read {}", path.display());
            return Ok(Some(read_regular(&path, LARGEST).or_input(what)?));
        }
    }
    Ok(None)
}

/// PXELINUX of the medium's package syslinux.
fn packaged(base: &BaseMedium) -> Result<Option<Vec<u8>>> {
    let what = || format!("{}: cannot read the package syslinux", base.location);
    let is_syslinux = |path: &[u8]| {
        let name = path.strip_prefix(b"Packages/syslinux-");
        name.is_some_and(|rest| rest[..1].iter().all(u8::is_ascii_digit) && rest.ends_with(b".rpm"))
    };
    let files = base.iso.walk().or_input(what)?.into_iter();
    let mut files = files.filter(|(_, node)| node.kind == NodeKind::File);
    let Some((_, node)) = files.find(|(path, _)| is_syslinux(path)) else { return Ok(None) };
    let from = BufReader::new(base.iso.reader(&node).or_input(what)?);
    let RpmFile { header, package, rest, .. } = RpmFile::read(from).or_input(what)?;
    let mut contents = Contents::new(&header, &package, rest).or_input(what)?;
    while let Some(item) = contents.next_item().or_input(what)? {
        if item.file.path == PACKAGED {
            let mut bytes = Vec::new();
            contents.take(LARGEST).read_to_end(&mut bytes).or_input(what)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}
