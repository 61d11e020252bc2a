//! `imgbuild write`, and `--write` of `imgbuild iso`.

use super::common::{Common, print};
use super::confirm;
use crate::base::error::{Error, Result};
use crate::base::progress::Progress;
use crate::image::device::FreeDisk;
use crate::image::write_device::write_image;
use crate::provenance::install_iso;
use crate::spec::show_size;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct WriteArguments {
    /// The install medium, an ISO file of `imgbuild iso` or another.
    #[arg(value_name = "ISO")]
    image: PathBuf,
    /// The whole disk to write it to, such as /dev/sdb. Everything on it is lost.
    #[arg(value_name = "DEVICE")]
    device: PathBuf,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    common: Common,
}

/// What the user agrees to beforehand.
#[derive(Args, Clone, Copy)]
pub struct Consent {
    /// Do not ask before the stick is overwritten.
    #[arg(long)]
    yes: bool,
    /// The disk may be larger than 256 GiB, or not removable.
    #[arg(long)]
    any_disk: bool,
}

pub fn run(a: WriteArguments) -> Result<()> {
    if !install_iso::is_iso(&a.image) {
        return Err(Error::input(format!("{} is not an ISO file", a.image.display())).hint(
            "`imgbuild iso` makes install media; a node's disk image is written by bmaptool or \
             `qemu-img convert -O host_device`",
        ));
    }
    let mut progress = a.common.messages.progress()?;
    let disk = open_disk(&a.device, a.consent)?;
    write(&a.image, &disk, &mut progress)
}

/// Takes hold of a disk that the user agrees to overwrite.
///
/// # Errors
/// Input errors: it cannot be taken, or the user does not agree; interruption.
pub fn open_disk(device: &Path, consent: Consent) -> Result<FreeDisk> {
    let disk = FreeDisk::open(device)?;
    let unusual = disk.unusual.as_ref().filter(|_| !consent.any_disk);
    let content = match disk.partitions {
        0 => String::new(),
        1 => ", with a partition".to_owned(),
        count => format!(", with {count} partitions"),
    };
    let name = if disk.model.is_empty() { "a disk" } else { &disk.model };
    let what = format!("{}: {name}, {}{content}", device.display(), show_size(disk.size));
    if !consent.yes && confirm::is_possible() {
        let why = unusual.map(|why| format!("; {why}")).unwrap_or_default();
        confirm::ask(&format!("{what}{why}. Overwrite all of it?"))?;
        return Ok(disk);
    }
    match unusual {
        _ if !consent.yes => Err(Error::input(format!("{what} would be overwritten"))
            .hint("if that is the stick, give --yes")),
        Some(why) => Err(Error::input(format!("{what}: {why}"))
            .hint("if it is the right disk nevertheless, give --any-disk")),
        None => Ok(disk),
    }
}

/// Writes an install medium, and says so.
///
/// # Errors
/// As [`write_image`].
pub fn write(image: &Path, disk: &FreeDisk, progress: &mut Progress) -> Result<()> {
    write_image(image, disk, progress)?;
    print(&format!(
        "{} is on {}, and was read back without a difference\n",
        image.display(),
        disk.path.display()
    ))
}
