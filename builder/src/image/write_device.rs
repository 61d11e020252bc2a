//! Writing an image to a disk so that what was interrupted does not start, and reading it back.

use super::device::FreeDisk;
use crate::base::error::{Context, Error, Result};
use crate::base::interrupt;
use crate::base::progress::{Progress, Unit};
use crate::spec::show_size;
use rustix::fs::{Advice, OFlags, fadvise};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes that are written, and compared, at a time; its beginning holds what a machine starts by.
const PART: usize = 4 << 20;
/// Buffers for reading past the page cache begin at multiples of it.
const ALIGNMENT: usize = 4096;

/// Writes the file `image` to a disk, whose other content is lost, and compares it with what the
/// disk then has.
///
/// # Errors
/// An input error when the disk is too small; an environment error when the disk fails; a
/// verification error when it does not have what was written; interruption, after which no machine
/// starts from the disk.
pub fn write_image(image: &Path, disk: &FreeDisk, progress: &mut Progress) -> Result<()> {
    let shown = image.display();
    let from = File::open(image).or_input(|| shown.to_string())?;
    let length = from.metadata().or_input(|| shown.to_string())?.len();
    if length > disk.size {
        return Err(Error::input(format!(
            "{} has {} and {shown} needs {}",
            disk.path.display(),
            show_size(disk.size),
            show_size(length)
        ))
        .hint("take a larger stick"));
    }
    let failed = || format!("cannot write to {}", disk.path.display());
    let to = disk.file();
    let mut part = vec![0; PART];
    // The old tables at both ends go first, the new one comes last.
    let ends = [0, disk.size.saturating_sub(PART as u64).max(length)];
    for start in ends {
        let count = (disk.size - start).min(PART as u64) as usize;
        to.write_all_at(&part[..count], start).or_environment(failed)?;
    }
    to.sync_data().or_environment(failed)?;
    progress.stage("writing", Unit::Bytes);
    for start in (0..length).step_by(PART).skip(1).chain([0]) {
        interrupt::check()?;
        let count = (length - start).min(PART as u64) as usize;
        from.read_exact_at(&mut part[..count], start).or_input(|| shown.to_string())?;
        if start == 0 {
            to.sync_data().or_environment(failed)?;
        }
        to.write_all_at(&part[..count], start).or_environment(failed)?;
        let done = if start == 0 { length } else { start };
        progress.at(done, length, "");
    }
    to.sync_data().or_environment(failed)?;
    progress.finish();
    compare(&from, length, disk, progress)
}

/// Compares the image with what the disk itself has.
fn compare(from: &File, length: u64, disk: &FreeDisk, progress: &mut Progress) -> Result<()> {
    let shown = disk.path.display();
    let failed = || format!("cannot read {shown}");
    // What the kernel still has in memory would say nothing of the disk.
    fadvise(disk.file(), 0, None, Advice::DontNeed).or_environment(failed)?;
    let direct = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::DIRECT.bits().cast_signed())
        .open(&disk.path);
    let file = match direct {
        Ok(file) => file,
        Err(_) => disk.file().try_clone().or_environment(failed)?,
    };
    let mut room = vec![0; PART + ALIGNMENT];
    let first = room.as_ptr().align_offset(ALIGNMENT);
    let mut wanted = vec![0; PART];
    progress.stage("reading back", Unit::Bytes);
    for start in (0..length).step_by(PART) {
        interrupt::check()?;
        let count = (length - start).min(PART as u64) as usize;
        from.read_exact_at(&mut wanted[..count], start).or_build(failed)?;
        let read = &mut room[first..first + count.next_multiple_of(ALIGNMENT).min(PART)];
        let got = read_part(&file, read, start).or_environment(failed)?;
        let differs = wanted[..count].iter().zip(&read[..got]).position(|(a, b)| a != b);
        if let Some(at) = differs.or((got < count).then_some(got)) {
            return Err(Error::verification(format!(
                "{shown} does not have what was written to it at byte {}",
                start + at as u64
            ))
            .hint("the stick or its reader is faulty, or its size is not true: take another"));
        }
        progress.at(start + count as u64, length, "");
    }
    progress.finish();
    Ok(())
}

/// Reads as much as there is, at most the whole buffer.
fn read_part(file: &File, buffer: &mut [u8], start: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(&mut buffer[got..], start + got as u64) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::Class;
    use crate::base::progress::{Mode, Settings};
    use std::fs;

    fn silent() -> Progress {
        Progress::new(&Settings { mode: Mode::None, ..Settings::default() }).unwrap()
    }

    /// A file in place of a disk.
    fn disk(path: &Path, size: u64) -> FreeDisk {
        fs::write(path, vec![7; size as usize]).unwrap();
        FreeDisk::of_file(path, size)
    }

    #[test]
    fn what_is_on_the_disk_afterwards_is_the_image_and_nothing_old_at_its_ends() {
        let directory = tempfile::tempdir().unwrap();
        let (image, path) = (directory.path().join("iso"), directory.path().join("disk"));
        for length in [1, PART, PART + 1, 3 * PART + 4097] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(&image, &content).unwrap();
            let size = (4 * PART) as u64;
            write_image(&image, &disk(&path, size), &mut silent()).unwrap();
            let written = fs::read(&path).unwrap();
            assert_eq!(written.len() as u64, size);
            assert!(written.starts_with(&content), "{length}");
            let end = written.len() - PART;
            assert!(written[end.max(length)..].iter().all(|byte| *byte == 0), "{length}");
        }
    }

    #[test]
    fn a_disk_that_does_not_keep_what_it_got_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let (image, path) = (directory.path().join("iso"), directory.path().join("disk"));
        fs::write(&image, vec![1; PART + 100]).unwrap();
        let disk = disk(&path, 2 * PART as u64);
        write_image(&image, &disk, &mut silent()).unwrap();
        disk.file().write_all_at(b"x", PART as u64 + 50).unwrap();
        let from = File::open(&image).unwrap();
        let error = compare(&from, PART as u64 + 100, &disk, &mut silent()).unwrap_err();
        assert_eq!(error.class, Class::Verification);
        assert!(error.message.contains(&format!("at byte {}", PART + 50)), "{error}");
    }
}
