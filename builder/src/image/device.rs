//! Whole disks of this machine that an image may be written to: sticks, above all.

use crate::base::error::{Context, Error, Result};
use crate::base::files::read_word;
use rustix::fs::{OFlags, major, minor};
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Above this size (bytes) a disk is hardly a stick.
const LARGE: u64 = 256 << 30;

/// A disk that nothing of this machine uses.
#[derive(Debug)]
pub struct FreeDisk {
    /// As it was named.
    pub path: PathBuf,
    /// What it calls itself; empty for one that does not.
    pub model: String,
    /// Its size in bytes.
    pub size: u64,
    /// How many partitions it has, as the kernel sees it.
    pub partitions: usize,
    /// Why it is hardly a stick.
    pub unusual: Option<String>,
    /// The disk, open for this process alone.
    file: File,
}

impl FreeDisk {
    /// Takes hold of the disk at `path` for writing.
    ///
    /// # Errors
    /// An input error when it is not a whole disk, is in use, or is write-protected; an environment
    /// error when it may not be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let metadata = fs::metadata(path).or_input(|| shown.to_string())?;
        if !metadata.file_type().is_block_device() {
            return Err(Error::input(format!("{shown} is not a disk"))
                .hint("name the device of the stick, such as /dev/sdb: `lsblk` lists them"));
        }
        let sys = system_directory(metadata.rdev());
        if sys.join("partition").exists() {
            return Err(Error::input(format!("{shown} is a partition"))
                .hint("name the whole disk: an install medium has partitions of its own"));
        }
        if read_word(&sys.join("ro")).as_deref() == Some("1") {
            return Err(Error::input(format!("{shown} is write-protected"))
                .hint("look for a switch on the stick or the card"));
        }
        let partitions = list_partitions(&sys);
        refuse_use(path, &sys, &partitions)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            // Nobody mounts it meanwhile, and it is not mounted (open(2)).
            .custom_flags(OFlags::EXCL.bits().cast_signed())
            .open(path)
            .or_environment(|| format!("cannot write to {shown}"))
            .map_err(|error| error.hint("only root may write to disks; nothing else may use it"))?;
        let size = file.seek(SeekFrom::End(0)).or_environment(|| shown.to_string())?;
        let part = |name: &str| read_word(&sys.join("device").join(name)).unwrap_or_default();
        let model = format!("{} {}", part("vendor"), part("model")).trim().to_owned();
        let is_removable = read_word(&sys.join("removable")).as_deref() == Some("1");
        let unusual = match () {
            () if size > LARGE => Some("it is larger than 256 GiB".to_owned()),
            () if !is_removable => Some("it is not a removable disk".to_owned()),
            () => None,
        };
        let (path, partitions) = (path.to_owned(), partitions.len());
        Ok(Self { path, model, size, partitions, unusual, file })
    }

    /// A file in place of a disk.
    #[cfg(test)]
    pub fn of_file(path: &Path, size: u64) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let (path, model) = (path.to_owned(), String::new());
        Self { path, model, size, partitions: 0, unusual: None, file }
    }

    /// The disk itself.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// What the kernel says of a block device.
fn system_directory(device: u64) -> PathBuf {
    PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)))
}

/// The partitions of a disk, as the kernel sees it.
fn list_partitions(sys: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(sys).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("partition").exists()).collect()
}

/// Refuses a disk that is mounted, is swap, or that another device is made of, itself or a
/// partition of it.
fn refuse_use(path: &Path, sys: &Path, partitions: &[PathBuf]) -> Result<()> {
    let shown = path.display();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let swaps: Vec<u64> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| Some(fs::metadata(line.split_whitespace().next()?).ok()?.rdev()))
        .collect();
    for device in std::iter::once(sys).chain(partitions.iter().map(PathBuf::as_path)) {
        let Some(number) = read_word(&device.join("dev")) else { continue };
        let mount = mounts.lines().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words.get(2) == Some(&number.as_str())).then(|| words.get(4).copied()).flatten()
        });
        if let Some(place) = mount {
            return Err(Error::input(format!("{shown} is mounted at {place}"))
                .hint(format!("is it the right disk? if so: umount {place}")));
        }
        if swaps.iter().any(|swap| format!("{}:{}", major(*swap), minor(*swap)) == number) {
            return Err(Error::input(format!("{shown} is swap space of this machine"))
                .hint("name another disk"));
        }
        let holders = fs::read_dir(device.join("holders")).into_iter().flatten().flatten();
        if let Some(holder) = holders.map(|entry| entry.file_name()).next() {
            let holder = holder.to_string_lossy().into_owned();
            return Err(Error::input(format!("{shown} is a part of /dev/{holder}"))
                .hint("name another disk, or end its use (vgchange -an, mdadm --stop, …)"));
        }
    }
    Ok(())
}
