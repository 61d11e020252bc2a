//! A package's file list.

use super::error::Malformed;
use super::header::Header;
use super::tag;
use crate::file_type;

/// File attributes (`rpmfileAttrs`) that matter here.
pub mod flag {
    /// `%config`.
    pub const CONFIG: u32 = 1;
    /// `%doc`.
    pub const DOC: u32 = 1 << 1;
    /// `%config(missingok)`.
    pub const MISSING_OK: u32 = 1 << 3;
    /// `%config(noreplace)`.
    pub const NO_REPLACE: u32 = 1 << 4;
    /// `%ghost`: listed, not in the payload.
    pub const GHOST: u32 = 1 << 6;
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagedFile {
    /// Absolute path; its bytes need not be UTF-8.
    pub path: Vec<u8>,
    /// Type and permission bits as in `st_mode`.
    pub mode: u32,
    /// Owner's name.
    pub user: String,
    /// Group's name.
    pub group: String,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, seconds since 1970.
    pub mtime: u64,
    /// Digest of a regular file's content, lower-case hexadecimal; empty for all else.
    pub digest: String,
    /// A symbolic link's target, else empty.
    pub target: Vec<u8>,
    /// Attributes, see [`flag`].
    pub flags: u32,
    /// What `rpm -V` compares (`rpmVerifyFlags`).
    pub verify: u32,
    /// `st_rdev` of a device node, in the old encoding (`major << 8 | minor`).
    pub rdev: u32,
    /// Inode number; equal for the links of one file.
    pub inode: u64,
    /// The build machine's device number; inode numbers are unique within it.
    pub device: u64,
    /// 1 for 32-bit ELF files, 2 for 64-bit ones.
    pub color: u32,
    /// The language of a translation, else empty.
    pub language: String,
    /// File capabilities as `cap_to_text(3)` of rpm 4.11 writes them, else empty.
    pub capabilities: String,
}

impl PackagedFile {
    /// Whether `flags` has all bits of `flag`.
    pub fn is(&self, flag: u32) -> bool {
        self.flags & flag == flag
    }

    /// The file type's bits of the mode.
    pub fn kind(&self) -> u32 {
        self.mode & file_type::MASK
    }
}

/// More files than any package has, and more bytes of paths (as header and paths repeat
/// directories).
const MAX_FILES: usize = 1_000_000;
const MAX_PATH_BYTES: usize = 1 << 28;
/// `PATH_MAX`.
const LONGEST_PATH: usize = 4096;

/// The values of one tag for `files` files: `absent` for each when the tag is absent, else
/// its count has to be right.
fn column<T: Clone>(
    header: &Header,
    tag: u32,
    files: usize,
    absent: T,
    values: impl FnOnce() -> Vec<T>,
) -> Result<Vec<T>, Malformed> {
    let count = header.count(tag);
    let values = if count == files { values() } else { Vec::new() };
    match count {
        0 => Ok(vec![absent; files]),
        n if n == files && values.len() == files => Ok(values),
        n => Err(Malformed::header(format!("tag {tag} has {n} values for {files} files"))),
    }
}

/// The file list.
pub fn files(header: &Header) -> Result<Vec<PackagedFile>, Malformed> {
    let paths = paths(header)?;
    let n = paths.len();
    let numbers = |tag| column(header, tag, n, 0, || header.numbers(tag));
    let texts = |tag| column(header, tag, n, String::new(), || header.texts(tag));
    let sizes =
        if header.has(tag::LONG_FILE_SIZES) { tag::LONG_FILE_SIZES } else { tag::FILE_SIZES };
    let (sizes, modes, rdevs) =
        (numbers(sizes)?, numbers(tag::FILE_MODES)?, numbers(tag::FILE_RDEVS)?);
    let (mtimes, flags, verify) =
        (numbers(tag::FILE_MTIMES)?, numbers(tag::FILE_FLAGS)?, numbers(tag::FILE_VERIFY)?);
    let (inodes, devices, colors) =
        (numbers(tag::FILE_INODES)?, numbers(tag::FILE_DEVICES)?, numbers(tag::FILE_COLORS)?);
    let (digests, users, groups) =
        (texts(tag::FILE_DIGESTS)?, texts(tag::FILE_USERS)?, texts(tag::FILE_GROUPS)?);
    let (languages, capabilities) = (texts(tag::FILE_LANGS)?, texts(tag::FILE_CAPS)?);
    let targets = column(header, tag::FILE_LINKS, n, Vec::new(), || {
        header.strings(tag::FILE_LINKS).map(<[u8]>::to_vec).collect()
    })?;
    let file = |(i, path): (usize, Vec<u8>)| PackagedFile {
        path,
        // Stored in 16 bits; rpm's own reading of the type bits.
        mode: modes[i] as u32 & 0xffff,
        user: users[i].clone(),
        group: groups[i].clone(),
        size: sizes[i],
        mtime: mtimes[i],
        digest: digests[i].clone(),
        target: targets[i].clone(),
        flags: flags[i] as u32,
        verify: verify[i] as u32,
        rdev: rdevs[i] as u32,
        inode: inodes[i],
        device: devices[i],
        color: colors[i] as u32,
        language: languages[i].clone(),
        capabilities: capabilities[i].clone(),
    };
    Ok(paths.into_iter().enumerate().map(file).collect())
}

/// Directory names and base names joined.
fn paths(header: &Header) -> Result<Vec<Vec<u8>>, Malformed> {
    let (count, indexes) = (header.count(tag::BASE_NAMES), header.count(tag::DIR_INDEXES));
    if indexes != count {
        return Err(Malformed::header(format!("{indexes} directory indexes for {count} files")));
    }
    if count > MAX_FILES {
        return Err(Malformed::header(format!("{count} files are more than any package has")));
    }
    let directories: Vec<&[u8]> = header.strings(tag::DIR_NAMES).take(MAX_FILES).collect();
    let mut bytes = 0;
    let join = |(name, index): (&[u8], u64)| {
        let directory = directories.get(index as usize).ok_or_else(|| {
            Malformed::header(format!("directory {index} of {} is named", directories.len()))
        })?;
        let length = directory.len() + name.len();
        bytes += length;
        if length > LONGEST_PATH || bytes > MAX_PATH_BYTES {
            return Err(Malformed::header("a file's path is longer than a path can be".to_owned()));
        }
        Ok([directory, name].concat())
    };
    header.strings(tag::BASE_NAMES).zip(header.numbers(tag::DIR_INDEXES)).map(join).collect()
}
