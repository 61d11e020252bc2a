//! What a package's main header holds, as entries.

use super::compression::{LEVEL, PayloadCompression};
use super::dependency::{Dependency, FileDependency};
use super::entries::{Entries, EntryValue};
use super::files::PackagedFile;
use super::package::{DEPENDENCIES, RpmPackage, SCRIPTLETS};
use super::tag;
use std::collections::BTreeSet;
use std::io;

/// SHA-256, hexadecimal.
pub(super) struct PayloadDigests {
    /// Of the uncompressed payload.
    pub archive: String,
    /// Of the payload.
    pub payload: String,
}

/// `PGPHASHALGO_SHA256`
const SHA256: u32 = 8;
/// The program that wrote a package. These packages are those of this version of the crate `rpm`,
/// byte for byte; another text would change each package's digest.
const WRITER: &str = "rpm-rs 0.30.2";

/// The format's 32 bits.
pub(super) fn small(number: u64) -> io::Result<u32> {
    u32::try_from(number)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "more than 4 GiB in a package"))
}

fn text(text: &str) -> EntryValue {
    EntryValue::Text(text.to_owned())
}

fn number(number: u32) -> EntryValue {
    EntryValue::Numbers(vec![number])
}

fn one_text(text: String) -> EntryValue {
    EntryValue::Texts(vec![text.into_bytes()])
}

fn texts<T>(of: &[T], value: impl Fn(&T) -> &[u8]) -> EntryValue {
    EntryValue::Texts(of.iter().map(|item| value(item).to_vec()).collect())
}

fn numbers<T>(of: &[T], value: impl Fn(&T) -> u32) -> EntryValue {
    EntryValue::Numbers(of.iter().map(value).collect())
}

/// All entries of the main header.
pub(super) fn main_entries(
    package: &RpmPackage,
    file_dependencies: &[FileDependency],
    compression: PayloadCompression,
    digests: PayloadDigests,
) -> io::Result<Entries> {
    let mut entries = general(package)?;
    if !package.files.is_empty() {
        add_files(&mut entries, &package.files)?;
    }
    for ([names, flags, versions], of) in DEPENDENCIES {
        add_dependencies(&mut entries, [names, flags, versions], of(package));
    }
    if !file_dependencies.is_empty() {
        add_file_dependencies(&mut entries, package.files.len(), file_dependencies);
    }
    add_scripts(&mut entries, package);
    entries.extend([
        (tag::PAYLOAD_FORMAT, text("cpio")),
        (tag::PAYLOAD_COMPRESSOR, text(compression.name())),
        (tag::PAYLOAD_FLAGS, EntryValue::Text(LEVEL.to_string())),
        (tag::PAYLOAD_DIGEST, one_text(digests.payload)),
        (tag::PAYLOAD_DIGEST_ALGORITHM, number(SHA256)),
        (tag::ARCHIVE_DIGEST, one_text(digests.archive)),
    ]);
    Ok(entries)
}

fn general(package: &RpmPackage) -> io::Result<Entries> {
    let translated = |text: &String| EntryValue::Translated(text.clone());
    let mut entries = vec![
        (tag::I18N_TABLE, one_text("C".to_owned())),
        (tag::NAME, text(&package.name)),
        (tag::VERSION, text(&package.version)),
        (tag::RELEASE, text(&package.release)),
        (tag::SUMMARY, translated(&package.summary)),
        (tag::DESCRIPTION, translated(&package.description)),
        (tag::BUILD_TIME, number(small(package.build_time)?)),
        (tag::SIZE, number(small(package.size)?)),
        (tag::LICENSE, text(&package.license)),
        (tag::GROUP, translated(&package.group)),
        (tag::OS, text("linux")),
        (tag::ARCH, text(&package.arch)),
        (tag::RPM_VERSION, text(WRITER)),
        (tag::ENCODING, text("utf-8")),
        (tag::FILE_DIGEST_ALGORITHM, number(package.digest.number())),
    ];
    if let Some(epoch) = package.epoch {
        entries.push((tag::EPOCH, number(epoch)));
    }
    for (tag, value) in [
        (tag::BUILD_HOST, &package.build_host),
        (tag::VENDOR, &package.vendor),
        (tag::PACKAGER, &package.packager),
        (tag::URL, &package.url),
        (tag::SOURCE_RPM, &package.source),
    ] {
        if !value.is_empty() {
            entries.push((tag, text(value)));
        }
    }
    if !package.prefixes.is_empty() {
        entries.push((tag::PREFIXES, texts(&package.prefixes, |prefix| prefix.as_bytes())));
    }
    Ok(entries)
}

fn add_files(entries: &mut Entries, files: &[PackagedFile]) -> io::Result<()> {
    let wide = |value: fn(&PackagedFile) -> u64| {
        files
            .iter()
            .map(|file| small(value(file)))
            .collect::<io::Result<_>>()
            .map(EntryValue::Numbers)
    };
    let shorts = |value: fn(&PackagedFile) -> u32| {
        EntryValue::Shorts(files.iter().map(|file| value(file) as u16).collect())
    };
    let split: Vec<(&[u8], &[u8])> = files.iter().map(|file| split(&file.path)).collect();
    let directories: BTreeSet<&[u8]> = split.iter().map(|(directory, _)| *directory).collect();
    let directories: Vec<&[u8]> = directories.into_iter().collect();
    // Found, as it is in there.
    let index = |directory: &[u8]| directories.binary_search(&directory).unwrap_or_default() as u32;
    entries.extend([
        (tag::FILE_SIZES, wide(|file| file.size)?),
        (tag::FILE_MODES, shorts(|file| file.mode)),
        (tag::FILE_RDEVS, shorts(|file| file.rdev)),
        (tag::FILE_MTIMES, wide(|file| file.mtime)?),
        (tag::FILE_DIGESTS, texts(files, |file| file.digest.as_bytes())),
        (tag::FILE_LINKS, texts(files, |file| &file.target)),
        (tag::FILE_FLAGS, numbers(files, |file| file.flags)),
        (tag::FILE_USERS, texts(files, |file| file.user.as_bytes())),
        (tag::FILE_GROUPS, texts(files, |file| file.group.as_bytes())),
        (tag::FILE_VERIFY, numbers(files, |file| file.verify)),
        (tag::FILE_DEVICES, wide(|file| file.device)?),
        (tag::FILE_INODES, wide(|file| file.inode)?),
        (tag::FILE_LANGS, texts(files, |file| file.language.as_bytes())),
        (tag::DIR_INDEXES, numbers(&split, |(directory, _)| index(directory))),
        (tag::BASE_NAMES, texts(&split, |(_, name)| name)),
        (tag::DIR_NAMES, texts(&directories, |directory| directory)),
    ]);
    if files.iter().any(|file| file.color != 0) {
        entries.push((tag::FILE_COLORS, numbers(files, |file| file.color)));
    }
    if files.iter().any(|file| !file.capabilities.is_empty()) {
        entries.push((tag::FILE_CAPS, texts(files, |file| file.capabilities.as_bytes())));
    }
    Ok(())
}

/// A path's directory with its slash, and its last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(path.iter().rposition(|&c| c == b'/').map_or(0, |at| at + 1))
}

fn add_dependencies(entries: &mut Entries, tags: [u32; 3], all: &[Dependency]) {
    if !all.is_empty() {
        let [names, flags, versions] = tags;
        entries.extend([
            (names, texts(all, |one| one.name.as_bytes())),
            (flags, numbers(all, |one| one.flags)),
            (versions, texts(all, |one| one.version.as_bytes())),
        ]);
    }
}

/// For each file, where its dependencies begin in the dictionary and how many there are.
fn add_file_dependencies(entries: &mut Entries, files: usize, all: &[FileDependency]) {
    let (mut first, mut count) = (vec![0; files], vec![0; files]);
    for (n, dependency) in all.iter().enumerate() {
        let file = dependency.file;
        if let (Some(first), Some(count)) = (first.get_mut(file), count.get_mut(file)) {
            if *count == 0 {
                *first = n as u32;
            }
            *count += 1;
        }
    }
    let packed = |d: &FileDependency| u32::from(d.kind) << 24 | d.position as u32 & 0x00ff_ffff;
    entries.extend([
        (tag::FILE_DEPENDS_FIRST, EntryValue::Numbers(first)),
        (tag::FILE_DEPENDS_COUNT, EntryValue::Numbers(count)),
        (tag::DEPENDS_DICTIONARY, numbers(all, packed)),
    ]);
}

fn add_scripts(entries: &mut Entries, package: &RpmPackage) {
    for scriptlet in &package.scriptlets {
        let row = SCRIPTLETS.iter().find(|(when, ..)| *when == scriptlet.when);
        let Some((_, script, program)) = row else { continue };
        if let Some(body) = &scriptlet.text {
            entries.push((*script, text(body)));
        }
        // Programs without arguments are stored as rpm always did.
        entries.push(match scriptlet.program.as_slice() {
            [alone] => (*program, text(alone)),
            all => (*program, texts(all, |word| word.as_bytes())),
        });
    }
    let triggers = &package.triggers;
    if triggers.is_empty() {
        return;
    }
    let (mut on, mut indexes) = (Vec::new(), Vec::new());
    for (n, trigger) in triggers.iter().enumerate() {
        on.extend(trigger.on.iter().cloned());
        indexes.resize(on.len(), n as u32);
    }
    add_dependencies(entries, tag::TRIGGERS, &on);
    entries.extend([
        (tag::TRIGGER_INDEX, EntryValue::Numbers(indexes)),
        (tag::TRIGGER_SCRIPTS, texts(triggers, |trigger| trigger.text.as_bytes())),
        (tag::TRIGGER_PROGRAMS, texts(triggers, |trigger| trigger.program.as_bytes())),
    ]);
}
