//! Packages, repositories' metadata and keys.

use super::seeds::filtered;
use crate::rawrpm;
use builder::base::malformed::Malformed;
use builder::packages::repo::unpack::Unpacked;
use builder::packages::repo::{
    comps as groups_xml, database, primary as primary_xml, repomd as index,
};
use builder::packages::trust::{self, Keyring};
use formats::cpio as archive;
use formats::rpmfile::{Contents, Evr, RpmFile, vercmp as compare};
use std::cmp::Ordering;
use std::io::{self, Read};

/// No more of an archive's or a package's content is read than this: the input is short.
const MOST_READ: u64 = 16 << 20;
/// The moment at which keys are judged, seconds since 1970.
const NOW: i64 = 1_600_000_000;

pub(super) fn cpio(data: &[u8]) -> bool {
    let mut reader = archive::CpioReader::new(data);
    loop {
        match reader.next_entry() {
            Ok(Some(_)) => {
                let _ = io::copy(&mut (&mut reader).take(1 << 12), &mut io::sink());
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

pub(super) fn cpio_seeds() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    archive::append(&mut bytes, "etc", 0o040_755, (0, 0), b"");
    archive::append(&mut bytes, "etc/hosts", 0o100_644, (0, 0), b"127.0.0.1 localhost\n");
    archive::append(&mut bytes, "dev/null", 0o020_666, (1, 3), b"");
    archive::finish(&mut bytes);
    vec![bytes]
}

pub(super) fn rpm(data: &[u8]) -> bool {
    // Every signature is by an unknown key; digests and payload are checked before.
    let _ = trust::verify(data, &Keyring::default(), NOW);
    let Ok(file) = RpmFile::read(data) else { return false };
    let RpmFile { header, package, rest, .. } = file;
    let _ = package.nevra();
    let Ok(mut contents) = Contents::new(&header, &package, rest) else { return false };
    let mut left = MOST_READ;
    while let Ok(Some(_)) = contents.next_item() {
        match io::copy(&mut (&mut contents).take(left), &mut io::sink()) {
            Ok(count) if count < left => left -= count,
            _ => break,
        }
    }
    true
}

pub(super) fn rpm_seeds() -> Vec<Vec<u8>> {
    vec![rawrpm::of_files(&[
        rawrpm::File::new("/etc/a", 0o100_644, b"text"),
        rawrpm::File::new("/etc/b", 0o120_777, b"a"),
        rawrpm::File::new("/etc/c", 0o040_755, b""),
    ])]
}

pub(super) fn comps(data: &[u8]) -> bool {
    groups_xml::parse(data).is_ok()
}

/// Groups as repomd.xml names them when they are compressed.
pub(super) fn groups(data: &[u8]) -> bool {
    unpacked("repodata/comps.xml.gz", data).is_ok_and(|text| comps(&text))
}

/// A metadata file of this name, uncompressed.
fn unpacked(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let repomd =
        format!("<repomd><data type=\"group\"><location href=\"{name}\"/></data></repomd>");
    let data = index::parse(repomd.as_bytes())?;
    Unpacked::new(&data[0], bytes, 1 << 30)?.whole()
}

fn fixture(name: &str) -> Vec<u8> {
    let directory = crate::product::workspace().join("tests/fixtures");
    std::fs::read(directory.join(name)).expect("a fixture of the repository")
}

pub(super) fn groups_seeds() -> Vec<Vec<u8>> {
    vec![filtered("gzip -nc", &fixture("plan/os/repodata/comps.xml"))]
}

/// The first byte chooses the compression.
pub(super) fn uncompress(data: &[u8]) -> bool {
    let Some((kind, packed)) = data.split_first() else { return false };
    let name = ["a.gz", "a.xz", "a.bz2", "a.zst"][usize::from(kind % 4)];
    unpacked(name, packed).is_ok()
}

pub(super) fn uncompress_seeds() -> Vec<Vec<u8>> {
    let text = b"<metadata><package type=\"rpm\"><name>a</name></package></metadata>".repeat(20);
    let programs = ["gzip -nc", "xz -c", "bzip2 -c", "zstd -qc"];
    let packed = programs.iter().zip(0..);
    packed.map(|(program, kind)| [vec![kind], filtered(program, &text)].concat()).collect()
}

pub(super) fn primary(data: &[u8]) -> bool {
    let Ok(packages) = primary_xml::parse(data, 0) else { return false };
    for package in &packages {
        let _ = package.nevra();
        for (wanted, provided) in package.requires.iter().zip(&package.provides) {
            let _ = wanted.met_by(provided);
        }
    }
    true
}

pub(super) fn filelists(data: &[u8]) -> bool {
    primary_xml::owners(data, &|path| path.starts_with("/usr/bin/")).is_ok()
}

pub(super) fn filelists_seeds() -> Vec<Vec<u8>> {
    let text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="2">
<package pkgid="{}" name="a" arch="x86_64"><version epoch="0" ver="1" rel="2"/>
<file>/usr/bin/a</file><file type="dir">/usr/share/a &amp; b</file><file type="ghost">/run/a</file></package>
<package pkgid="{}" name="b" arch="noarch"><version epoch="1" ver="1" rel="2"/><file>/usr/bin/a</file></package>
</filelists>"#,
        "ab".repeat(32),
        "cd".repeat(32)
    );
    vec![text.into_bytes()]
}

pub(super) fn repomd(data: &[u8]) -> bool {
    let Ok(all) = index::parse(data) else { return false };
    let _ = (index::first(&all, &["primary", "primary_db"]), index::groups(&all));
    let _ = index::unused(&all);
    true
}

pub(super) fn gpgkey(data: &[u8]) -> bool {
    let mut ring = Keyring::default();
    let added = ring.add("fuzzed key", data).is_ok();
    let _ = ring.keys().filter(|key| key.counts(NOW)).count();
    added
}

pub(super) fn gpgkey_seeds() -> Vec<Vec<u8>> {
    vec![fixture("parsers/key.asc"), fixture("parsers/key.gpg")]
}

/// A primary or a filelists database.
pub(super) fn sqlite(data: &[u8]) -> bool {
    let primary = database::packages(data.to_vec(), 0).is_ok();
    database::owners(data.to_vec(), &|path| path.starts_with("/usr/bin/")).is_ok() || primary
}

/// Tables as createrepo_c makes them, in pages of 512 bytes, so that there are several of each kind.
const PRIMARY: &str = "
CREATE TABLE packages (pkgKey INTEGER PRIMARY KEY, pkgId TEXT, name TEXT, arch TEXT, version TEXT,
  epoch TEXT, release TEXT, time_build INTEGER, rpm_sourcerpm TEXT, size_package INTEGER,
  size_installed INTEGER, location_href TEXT, location_base TEXT, checksum_type TEXT);
CREATE TABLE files (name TEXT, type TEXT, pkgKey INTEGER);
CREATE TABLE provides (name TEXT, flags TEXT, epoch TEXT, version TEXT, release TEXT, pkgKey INTEGER);
CREATE TABLE requires (name TEXT, flags TEXT, epoch TEXT, version TEXT, release TEXT, pkgKey INTEGER, pre BOOLEAN);
CREATE TABLE conflicts (name TEXT, flags TEXT, epoch TEXT, version TEXT, release TEXT, pkgKey INTEGER);
CREATE TABLE obsoletes (name TEXT, flags TEXT, epoch TEXT, version TEXT, release TEXT, pkgKey INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
  INSERT INTO packages SELECT i, printf('%064x', i), 'p' || i, 'x86_64', '1.' || i, '0', '1', 1500000000 + i,
  'p.src.rpm', 1000 * i, i, 'Packages/p' || i || '.rpm', NULL, 'sha256' FROM n;
INSERT INTO provides SELECT name, 'EQ', epoch, version, release, pkgKey FROM packages;
INSERT INTO requires SELECT 'p1', NULL, NULL, NULL, NULL, pkgKey, 0 FROM packages;
INSERT INTO conflicts VALUES ('x', 'LT', '0', '2', NULL, 1);
INSERT INTO obsoletes VALUES (printf('%0800d', 1), 'GE', '0', '2', '1', 2);
INSERT INTO files SELECT '/usr/bin/' || name, 'file', pkgKey FROM packages;";

const FILELISTS: &str = "
CREATE TABLE packages (pkgKey INTEGER PRIMARY KEY, pkgId TEXT);
CREATE TABLE filelist (pkgKey INTEGER, dirname TEXT, filenames TEXT, filetypes TEXT);
INSERT INTO packages VALUES (1, printf('%064x', 1)), (2, printf('%064x', 2));
INSERT INTO filelist VALUES (1, '/usr/bin', 'a/b/c', 'fff'), (2, '/usr/bin', printf('%0900d', 1), 'f');";

pub(super) fn sqlite_seeds() -> Vec<Vec<u8>> {
    // SQLite writes to a file alone; Python has it.
    let program = "python3 -c 'import sqlite3, sys, tempfile\n\
                   with tempfile.NamedTemporaryFile() as file:\n\
                   \x20   database = sqlite3.connect(file.name)\n\
                   \x20   database.execute(\"PRAGMA page_size = 512\")\n\
                   \x20   database.executescript(sys.stdin.read())\n\
                   \x20   database.close()\n\
                   \x20   sys.stdout.buffer.write(open(file.name, \"rb\").read())'";
    [PRIMARY, FILELISTS].map(|tables| filtered(program, tables.as_bytes())).to_vec()
}

/// Two versions, one a line.
pub(super) fn vercmp(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let (a, b) = text.split_once('\n').unwrap_or((&text, ""));
    assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} and {b:?}");
    assert_eq!(compare(a, a), Ordering::Equal, "{a:?}");
    let (one, two) = (Evr::parse(a), Evr::parse(b));
    assert_eq!(one.compare(&two), two.compare(&one).reverse(), "{a:?} and {b:?}");
    one.compare(&two) == Ordering::Less
}

pub(super) fn vercmp_seeds() -> Vec<Vec<u8>> {
    ["1:2.3-4.el7\n2.3-4.el7", "1.0~rc1-1\n1.0-1", "a01\na1", "10.0001.x86\n10.1^git"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}
