//! The sum that isomd5sum implants into an image and the installer checks (`rd.live.check`), as
//! EL7's checkisomd5 1.0.10 reads it.

use super::error::{IsoError, IsoWriteError};
use super::model::{FIRST, SECTOR, VOLUME_SIZE};
use md5::{Digest, Md5};
use std::fmt::Write;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The field for applications' use in the primary volume descriptor.
const FIELD: std::ops::Range<u64> = FIRST * SECTOR + 883..FIRST * SECTOR + 1395;
/// Where the primary volume descriptor has the volume's size, big-endian.
const SIZE: u64 = FIRST * SECTOR + VOLUME_SIZE + 4;
/// Sectors at the end that are left out, as drives cannot always read them.
const SKIPPED: u64 = 15;
/// Bytes of one read, after which a fragment may end.
const STEP: u64 = 32768;
const FRAGMENTS: u64 = 20;
/// Digits of the running sum that are kept of a fragment.
const DIGITS: usize = 3;

/// What an image's sum says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaSum {
    /// There is none.
    Absent,
    /// It is that of the image.
    Right,
    /// The image has changed since.
    Wrong,
}

/// Whether the releases of checkisomd5 agree on the fragments of an image of `end` bytes: before
/// 1.2 a read belongs to fragment `offset × 21 / total`, since then to `offset / (total / 21)`.
pub fn is_unambiguous(end: u64) -> bool {
    let Some(total) = end.checked_sub(SKIPPED * SECTOR).filter(|total| *total > 1 << 20) else {
        return false;
    };
    let parts = FRAGMENTS + 1;
    (0..total)
        .step_by(STEP as usize)
        .all(|offset| offset * parts / total == offset / (total / parts))
}

/// The sum of all of the image, and those of its fragments.
fn compute(
    image: &File,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(String, String), IsoWriteError> {
    let mut size = [0; 4];
    image.read_exact_at(&mut size, SIZE)?;
    let total = (u64::from(u32::from_be_bytes(size)) * SECTOR).saturating_sub(SKIPPED * SECTOR);
    let (mut md5, mut fragments) = (Md5::new(), String::new());
    let (mut offset, mut previous) = (0, 0);
    let mut buffer = vec![0; STEP as usize];
    while offset < total {
        if offset % (STEP << 10) == 0 && !progress(offset, total) {
            return Err(IsoWriteError::Stopped);
        }
        let bytes = &mut buffer[..STEP.min(total - offset) as usize];
        image.read_exact_at(bytes, offset)?;
        for (byte, at) in bytes.iter_mut().zip(offset..) {
            if FIELD.contains(&at) {
                *byte = b' ';
            }
        }
        md5.update(&*bytes);
        let fragment = offset * (FRAGMENTS + 1) / total;
        if fragment != previous {
            previous = fragment;
            for byte in &md5.clone().finalize()[..DIGITS] {
                // One digit of what `%x` prints: the first, where there are two.
                let _ = write!(fragments, "{:x}", if *byte < 16 { *byte } else { byte >> 4 });
            }
        }
        offset += bytes.len() as u64;
    }
    Ok((hex::encode(md5.finalize()), fragments))
}

/// Implants the sum; nothing of the image may change afterwards.
///
/// # Errors
/// When the image cannot be read or written, or `progress` (bytes done, of how many) asks to stop.
pub fn implant_media_sum(
    image: &File,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(), IsoWriteError> {
    let (sum, fragments) = compute(image, progress)?;
    let text = format!(
        "ISO MD5SUM = {sum};SKIPSECTORS = {SKIPPED};RHLISOSTATUS=0;FRAGMENT SUMS = {fragments};\
         FRAGMENT COUNT = {FRAGMENTS};THIS IS NOT THE SAME AS RUNNING MD5SUM ON THIS ISO!!"
    );
    let mut field = vec![b' '; (FIELD.end - FIELD.start) as usize];
    field[..text.len()].copy_from_slice(text.as_bytes());
    Ok(image.write_all_at(&field, FIELD.start)?)
}

/// Compares the image with its sum.
///
/// # Errors
/// As [`implant_media_sum`]; when the image ends early.
pub fn check_media_sum(
    image: &File,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<MediaSum, IsoWriteError> {
    let mut field = vec![0; (FIELD.end - FIELD.start) as usize];
    image
        .read_exact_at(&mut field, FIELD.start)
        .map_err(|source| IsoError::Io { offset: FIELD.start, source })?;
    let text = String::from_utf8_lossy(&field).into_owned();
    let value = |key: &str| {
        let parts = text.split(';').filter_map(|part| part.split_once('='));
        parts.map(|(k, v)| (k.trim(), v.trim().to_owned())).find(|(k, _)| *k == key).map(|p| p.1)
    };
    let Some(sum) = value("ISO MD5SUM") else { return Ok(MediaSum::Absent) };
    let (found, fragments) = compute(image, progress)?;
    let same = sum == found && value("FRAGMENT SUMS").is_none_or(|sums| sums == fragments);
    Ok(if same { MediaSum::Right } else { MediaSum::Wrong })
}
