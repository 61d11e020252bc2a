//! Packages made to do harm: refused or contained, nothing outside the tree is touched, no panic.

use builder::packages::trust::{self, Keyring, Refusal};
use builder::tree::bootstrap;
use formats::rpmfile::{Contents, RpmFile};
use lab_tests::rawrpm::{self, Entry, File};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

const REGULAR: u32 = 0o100_644;
const DIRECTORY: u32 = 0o040_755;
const LINK: u32 = 0o120_777;

/// A root to unpack into with something precious around it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(directory.path().join("root")).expect("root");
        fs::create_dir(directory.path().join("outside")).expect("outside");
        let precious = directory.path().join("outside/precious");
        fs::write(&precious, "precious").expect("file");
        fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).expect("mode");
        Self { directory }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// Unpacks packages one after the other, or returns why not.
    fn unpack(&self, packages: &[Vec<u8>]) -> Result<(), String> {
        for package in packages {
            let file = self.directory.path().join("package");
            fs::write(&file, package).expect("package");
            let unpacked = bootstrap::unpack(&[&file], &self.root());
            fs::remove_file(file).expect("package");
            self.untouched();
            // The second package finds the directories that the first one had made.
            for link in ["bin", "sbin", "lib", "lib64"] {
                let _ = fs::remove_file(self.root().join(link));
            }
            unpacked.map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    fn untouched(&self) {
        let precious = self.directory.path().join("outside/precious");
        assert_eq!(fs::read_to_string(&precious).expect("precious"), "precious");
        let meta = fs::metadata(&precious).expect("precious");
        assert_eq!((meta.mode() & 0o7777, meta.nlink()), (0o600, 1));
        let names = |path: PathBuf| fs::read_dir(path).expect("directory").count();
        assert_eq!(names(self.directory.path().join("outside")), 1);
        assert!(names(self.directory.path().to_owned()) <= 3);
    }

    fn refuses(&self, packages: &[Vec<u8>], word: &str) {
        let error = self.unpack(packages).expect_err(word);
        assert!(error.contains(word), "`{word}` in: {error}");
        assert!(
            error.contains("hostile-1-1.noarch") || error.contains("package is not"),
            "{error}"
        );
    }
}

/// A package of one file, changed.
fn one(change: impl Fn(&mut File)) -> Vec<u8> {
    let mut file = File::new("/etc/x", REGULAR, b"data");
    change(&mut file);
    rawrpm::of_files(&[file])
}

#[test]
fn a_good_package_is_unpacked() {
    let place = Place::new();
    let files = [
        File::new("/opt", DIRECTORY, b""),
        File::new("/opt/link", LINK, b"target"),
        File::new("/opt/program", 0o104_755, b"#!/bin/sh\n"),
    ];
    place.unpack(&[rawrpm::of_files(&files)]).expect("a good package");
    assert_eq!(
        fs::read_link(place.root().join("opt/link")).expect("link"),
        PathBuf::from("target")
    );
    let mode = fs::metadata(place.root().join("opt/program")).expect("program").mode();
    assert_eq!(mode & 0o7777, 0o755, "no set-user-ID on the host");
}

#[test]
fn paths_that_lead_out() {
    for path in ["/../outside/precious", "/etc/../../outside/precious", "/.."] {
        Place::new().refuses(&[rawrpm::of_files(&[File::new(path, REGULAR, b"x")])], "`..`");
    }
    // A name in the payload that the (signed) file list does not have.
    for name in ["../outside/precious", "./../outside/precious", "/outside/precious", "./other"] {
        Place::new()
            .refuses(&[one(|f| f.name = name.to_owned())], "not in the package's file list");
    }
}

#[test]
fn links_that_lead_out() {
    let place = Place::new();
    let outside = place.directory.path().join("outside");
    let outside = outside.to_str().expect("UTF-8");
    for target in [outside, "../outside", "../../../../../../../../../../outside"] {
        let place = Place::new();
        let through = [
            File::new("/way", LINK, target.as_bytes()),
            File::new("/way/precious", REGULAR, b"mine"),
        ];
        place.unpack(&[rawrpm::of_files(&through)]).expect("contained");
        // Also by two packages.
        let [link, file] = through;
        Place::new()
            .unpack(&[rawrpm::of_files(&[link]), rawrpm::of_files(&[file])])
            .expect("contained");
    }
    // The entry itself is a link that already exists: replaced, never written through.
    let place = Place::new();
    fs::create_dir(place.root().join("etc")).expect("etc");
    symlink(place.directory.path().join("outside/precious"), place.root().join("etc/x"))
        .expect("link");
    place.unpack(&[one(|f| f.mode = 0o100_777)]).expect("replaced");
    assert_eq!(fs::read_to_string(place.root().join("etc/x")).expect("x"), "data");
    // A loop ends.
    let place = Place::new();
    let round =
        [File::new("/a", LINK, b"b"), File::new("/b", LINK, b"a"), File::new("/a/x", REGULAR, b"")];
    place.refuses(&[rawrpm::of_files(&round)], "too many symbolic links");
}

#[test]
fn files_and_directories_in_each_others_place() {
    let file = File::new("/etc/x", REGULAR, b"data");
    let directory = File::new("/etc/x", DIRECTORY, b"");
    let below = File::new("/etc/x/y", REGULAR, b"data");
    let pack = |f: &File| rawrpm::of_files(std::slice::from_ref(f));
    Place::new().refuses(&[pack(&file), pack(&below)], "a file is where a directory has to be");
    Place::new().refuses(&[pack(&directory), pack(&file)], "/etc/x");
    let place = Place::new();
    // A directory where a file is: the file stays, and nothing goes below it.
    let _ = place.unpack(&[pack(&file), pack(&directory)]);
    assert!(place.root().join("etc/x").is_file());
    // A link never takes a directory's place.
    let place = Place::new();
    let link = File::new("/etc/x", LINK, b"/");
    place.unpack(&[pack(&directory), pack(&link)]).expect("kept");
    assert!(place.root().join("etc/x").is_dir());
}

#[test]
fn entries_that_contradict_the_file_list() {
    let file = File::new("/etc/x", REGULAR, b"data");
    let twice = [file.clone(), file.clone()];
    Place::new().refuses(&[rawrpm::of_files(&twice)], "lists /etc/x twice");
    let main = rawrpm::header(63, &rawrpm::entries(&twice[..1]));
    let package = rawrpm::package(&rawrpm::header(62, &[]), &main, &rawrpm::payload(&twice));
    Place::new().refuses(&[package], "it appears twice");
    Place::new().refuses(&[one(|f| f.declared = 3)], "the file list says 4");
    Place::new().refuses(&[one(|f| f.size = 5)], "the file list says 5");
    let other = [File::new("/etc/x", LINK, b"data")];
    let main = rawrpm::header(63, &rawrpm::entries(&[file]));
    let package = rawrpm::package(&rawrpm::header(62, &[]), &main, &rawrpm::payload(&other));
    Place::new().refuses(&[package], "something else");
}

#[test]
fn sizes_of_two_gibibytes_that_are_not_there() {
    for size in [1 << 31, u32::MAX] {
        let lie = |f: &mut File| (f.size, f.declared) = (size, size);
        Place::new().refuses(&[one(lie)], "/etc/x");
    }
    let long = |f: &mut File| f.name = format!("./{}", "n".repeat(20_000));
    Place::new().refuses(&[one(long)], "name of impossible length");
}

#[test]
fn hard_links_to_nothing() {
    let mut first = File::new("/etc/a", REGULAR, b"");
    (first.links, first.size, first.inode) = (2, 4, 7);
    Place::new().refuses(&[rawrpm::of_files(&[first.clone()])], "its content is missing");
    let mut last = File::new("/etc/b", REGULAR, b"data");
    (last.links, last.inode) = (2, 7);
    let place = Place::new();
    place.unpack(&[rawrpm::of_files(&[first, last])]).expect("a right pair");
    let inode = |name: &str| fs::metadata(place.root().join(name)).expect(name).ino();
    assert_eq!(inode("etc/a"), inode("etc/b"));
}

#[test]
fn a_payload_cut_at_every_byte_of_a_header() {
    let files = [File::new("/etc/x", REGULAR, b"data"), File::new("/etc/y", REGULAR, b"more")];
    let main = rawrpm::header(63, &rawrpm::entries(&files));
    let whole = rawrpm::payload(&files);
    let place = Place::new();
    for end in (0..120).chain(whole.len() - 124..whole.len() - 4) {
        let package = rawrpm::package(&rawrpm::header(62, &[]), &main, &whole[..end]);
        place.refuses(&[package], "archive at byte");
    }
}

/// Header fields: where, what is written there, and the error.
#[test]
fn headers_that_lie_about_themselves() {
    let good = rawrpm::header(63, &rawrpm::entries(&[File::new("/etc/x", REGULAR, b"data")]));
    let entry = |n: usize| 16 + n * 16;
    let cases: [(usize, u32, &str); 12] = [
        (0, 0, "magic number"),
        (8, 0, "impossible size"),
        (8, 0x1_0000, "impossible size"),
        (12, 0x1000_0000, "impossible size"),
        (8, 0xffff, "main header"),
        (entry(0), 61, "no immutable region"),
        (entry(0) + 8, 0xffff_fff0, "region"),
        (entry(1) + 4, 10, "type is not known"),
        (entry(1) + 8, 0xffff_fffe, "impossible offset"),
        (entry(2) + 8, 0, "overlap"),
        (entry(2) + 12, 0, "impossible offset or count"),
        (entry(5) + 12, 0x0fff_ffff, "do not end inside"),
    ];
    for (at, value, word) in cases {
        let mut main = good.clone();
        main[at..at + 4].copy_from_slice(&value.to_be_bytes());
        Place::new().refuses(&[rawrpm::package(&rawrpm::header(62, &[]), &main, b"")], word);
    }
    // Entries that the region, which is what is signed, leaves out.
    let mut entries = rawrpm::entries(&[File::new("/etc/x", REGULAR, b"data")]);
    entries.push(Entry::text(1001, "2"));
    Place::new().refuses(
        &[rawrpm::package(&rawrpm::header(62, &[]), &rawrpm::header(63, &entries), b"")],
        "tag 1001: it appears twice",
    );
}

#[test]
fn counts_beyond_all_measure_take_no_memory() {
    let paths = |names: Entry, directories: Entry| {
        let mut entries = rawrpm::entries(&[])[..4].to_vec();
        let indexes = Entry(1116, 4, names.2, vec![0; 4 * names.2 as usize]);
        entries.extend([indexes, names, directories]);
        let main = rawrpm::header(63, &entries);
        rawrpm::package(&rawrpm::header(62, &[]), &main, b"")
    };
    // Two million empty names, and a hundred thousand names in one directory of 8 KiB.
    let names = |count: u32| Entry(1117, 8, count, vec![0; count as usize]);
    let place = Place::new();
    place.refuses(&[paths(names(2_000_000), Entry::texts(1118, &["/"]))], "more than any package");
    let deep = "/x".repeat(4096);
    place.refuses(&[paths(names(100_000), Entry::texts(1118, &[&deep]))], "longer than a path");
}

/// The same mutations in every run: whatever a byte is changed to, there is an answer.
#[test]
fn mutations_end_in_an_answer() {
    let files = [
        File::new("/etc", DIRECTORY, b""),
        File::new("/etc/x", REGULAR, b"data"),
        File::new("/etc/l", LINK, b"x"),
    ];
    let good = rawrpm::of_files(&files);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        // xorshift64*, Vigna 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut package = good.clone();
        for _ in 0..=next(4) {
            let at = next(package.len());
            package[at] = match next(4) {
                0 => 0,
                1 => 0xff,
                2 => package[at] ^ 1 << next(8),
                _ => next(256) as u8,
            };
        }
        if next(8) == 0 {
            package.truncate(next(package.len()));
        }
        match RpmFile::read(package.as_slice()) {
            Ok(rpm) => {
                read += 1;
                let _ = Contents::new(&rpm.header, &rpm.package, rpm.rest).map(Contents::verify);
            }
            Err(_) => refused += 1,
        }
        assert!(trust::verify(&package, &Keyring::default(), 0).is_err());
    }
    assert!(read > 1000 && refused > 1000, "{read} read, {refused} refused");
    assert!(matches!(trust::verify(&good, &Keyring::default(), 0), Err(Refusal::Unsigned)));
}
