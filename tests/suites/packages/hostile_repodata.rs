//! Metadata made to do harm: checksums that are paths, in every place where a checksum is read
//! and from every kind of medium. Nothing outside the cache is created, emptied or removed.

use lab_tests::lab::text;
use lab_tests::namespace::Namespace;
use lab_tests::server_double::ServerDouble;
use lab_tests::{oracle, product};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longer than any of these runs takes, even on a busy machine; an endless one is ended.
const LIMIT: Duration = Duration::from_secs(120);

/// A medium with one package, a cache, and something precious outside of both.
struct Place {
    directory: tempfile::TempDir,
}

/// Where a checksum is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Repomd,
    Primary,
    Database,
}

impl Place {
    fn new() -> Self {
        // Lower case in all, so that a checksum that is made lower case still names something here.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("hostile-{}-{number}", std::process::id());
        let directory = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir();
        let place = Self { directory: directory.expect("temporary directory") };
        for name in ["medium", "medium/repodata", "outside", "cache", "home"] {
            fs::create_dir(place.at(name)).expect("directory");
        }
        fs::write(place.at("outside/precious"), "precious").expect("file");
        fs::write(place.at("medium/x.rpm"), "no package").expect("file");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Everything that is outside of the cache, with its content.
    fn outside(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut open = vec![self.directory.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("directory") {
                let path = entry.expect("entry").path();
                if path == self.at("cache") {
                    continue;
                }
                if path.is_dir() {
                    open.push(path.clone());
                }
                let content = fs::read(&path).unwrap_or_default();
                all.insert(path, content);
            }
        }
        all
    }

    /// Writes the metadata, with `value` as the checksum at one place and right ones elsewhere.
    fn write(&self, place: Where, value: &str) {
        let good = sha256(&self.at("medium/x.rpm"));
        let package = if place == Where::Repomd { &good } else { value };
        let (kind, data) = match place {
            Where::Database => ("primary_db", self.database(package)),
            _ => ("primary", self.primary(package)),
        };
        let name = data.file_name().and_then(|n| n.to_str()).expect("name");
        let sum = sha256(&data);
        let sum = if place == Where::Repomd { value } else { &sum };
        let repomd = format!(
            "<repomd><data type=\"{kind}\"><checksum type=\"sha256\">{sum}</checksum>\
             <location href=\"repodata/{name}\"/></data></repomd>"
        );
        fs::write(self.at("medium/repodata/repomd.xml"), repomd).expect("repomd.xml");
    }

    fn primary(&self, sum: &str) -> PathBuf {
        let xml = format!(
            "<metadata><package type=\"rpm\"><name>evil</name><arch>noarch</arch>\
             <version epoch=\"0\" ver=\"1\" rel=\"1\"/>\
             <checksum type=\"sha256\" pkgid=\"YES\">{sum}</checksum>\
             <size package=\"10\" installed=\"10\"/><location href=\"x.rpm\"/></package></metadata>"
        );
        let path = self.at("medium/repodata/primary.xml");
        fs::write(&path, xml).expect("primary.xml");
        path
    }

    fn database(&self, sum: &str) -> PathBuf {
        let path = self.at("medium/repodata/primary.sqlite");
        let _ = fs::remove_file(&path);
        let script = "import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
d.execute('''CREATE TABLE packages (pkgKey INTEGER PRIMARY KEY, pkgId TEXT, name TEXT, arch TEXT,
 version TEXT, epoch TEXT, release TEXT, time_build INTEGER, rpm_sourcerpm TEXT,
 size_package INTEGER, size_installed INTEGER, location_href TEXT, location_base TEXT,
 checksum_type TEXT)''')
for table in ('provides', 'requires', 'conflicts', 'obsoletes'):
    d.execute(f'''CREATE TABLE {table} (name TEXT, flags TEXT, epoch TEXT, version TEXT,
 release TEXT, pkgKey INTEGER)''')
d.execute('CREATE TABLE files (name TEXT, type TEXT, pkgKey INTEGER)')
d.execute('INSERT INTO packages VALUES (1,?,?,?,?,?,?,0,?,10,10,?,?,?)',
 (sys.argv[2], 'evil', 'noarch', '1', '0', '1', '', 'x.rpm', '', 'sha256'))
d.commit()";
        oracle::ok("python3", ["-c", script, &text(&path), sum]);
        path
    }

    /// `imgbuild plan` of the medium at `address`, as a user would run it.
    fn plan(&self, namespace: Option<&Namespace>, address: &str) -> Output {
        let binary = text(product::imgbuild());
        let mut command = match namespace {
            Some(namespace) => namespace.command(&binary),
            None => Command::new(&binary),
        };
        command.args(["plan", "--profile", "controller", "--media", address]);
        command.env("IMGBUILD_CACHE", self.at("cache")).env("HOME", self.at("home"));
        command.current_dir(self.at("home")).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (start, mut child) = (Instant::now(), command.spawn().expect("imgbuild starts"));
        while child.try_wait().expect("status").is_none() {
            if start.elapsed() > LIMIT {
                child.kill().expect("it runs");
                panic!("imgbuild plan of {address} does not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.wait_with_output().expect("output")
    }

    /// That a checksum is refused as one, by name, with everything left as it was.
    fn refuses(&self, namespace: Option<&Namespace>, address: &str, value: &str, named: &str) {
        let before = self.outside();
        let output = self.plan(namespace, address);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(self.outside() == before, "{value:?} changed something:\n{stderr}");
        assert_eq!(output.status.code(), Some(2), "{value:?}: {stderr}");
        assert!(stderr.contains(named), "`{named}` for {value:?} in:\n{stderr}");
        let why = if value.is_empty() { "checksum" } else { "is not a sha256 checksum" };
        assert!(stderr.contains(why), "`{why}` for {value:?} in:\n{stderr}");
    }
}

fn sha256(path: &Path) -> String {
    oracle::ok("sha256sum", [path]).split(' ').next().expect("sum").to_owned()
}

/// What a checksum must not be.
fn harmful(place: &Place) -> Vec<String> {
    let (precious, new) = (text(&place.at("outside/precious")), text(&place.at("outside/new")));
    let mut values = vec![precious, new, String::new(), "..".to_owned(), "ab".to_owned()];
    values.push("../../outside/precious".to_owned());
    values.push("../../outside/new".to_owned());
    values.push("z".repeat(64));
    values.push("a".repeat(65));
    // As long as a right one, and a path all the same.
    let there = text(&place.at("outside"));
    values.push(format!("{there}/{}", "n".repeat(63usize.saturating_sub(there.len()))));
    values
}

/// What the message names for each place.
fn name_of(place: Where) -> &'static str {
    match place {
        Where::Repomd => "repodata/repomd.xml: primary (repodata/primary.xml)",
        Where::Primary => "repodata/primary.xml: the package `evil-1-1.noarch`",
        Where::Database => "repodata/primary.sqlite: the package `evil-1-1.noarch`",
    }
}

#[test]
fn checksums_that_are_paths_from_a_server() {
    let place = Place::new();
    let namespace = Namespace::new();
    let server = ServerDouble::start(&namespace, &place.at("medium"));
    for at in [Where::Repomd, Where::Primary, Where::Database] {
        for value in harmful(&place) {
            place.write(at, &value);
            place.refuses(Some(&namespace), &server.url, &value, name_of(at));
        }
    }
}

#[test]
fn checksums_that_are_paths_in_a_directory_and_an_iso_file() {
    let place = Place::new();
    for at in [Where::Repomd, Where::Primary, Where::Database] {
        for value in harmful(&place) {
            place.write(at, &value);
            place.refuses(None, &text(&place.at("medium")), &value, name_of(at));
        }
        let (iso, value) = (text(&place.at("x.iso")), text(&place.at("outside/precious")));
        place.write(at, &value);
        let medium = text(&place.at("medium"));
        oracle::ok("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-o", &iso, &medium]);
        place.refuses(None, &iso, &value, name_of(at));
        fs::remove_file(iso).expect("iso");
    }
}

#[test]
fn hashes_of_a_metalink_are_checksums() {
    let place = Place::new();
    let list = place.at("metalink");
    for value in harmful(&place) {
        let xml = format!(
            "<metalink><files><file name=\"repomd.xml\"><verification>\
             <hash type=\"sha256\">{value}</hash></verification><resources>\
             <url>http://127.0.0.1:9/repodata/repomd.xml</url></resources></file></files></metalink>"
        );
        fs::write(&list, xml).expect("metalink");
        place.refuses(None, &format!("metalink={}", text(&list)), &value, "metalink: hash: ");
    }
}

/// Upper-case digits are hexadecimal as well: everything is found as by lower-case ones.
#[test]
fn upper_case_checksums_are_the_same_ones() {
    use builder::packages::repo::Catalog;
    let place = Place::new();
    for at in [Where::Repomd, Where::Primary, Where::Database] {
        let sum = match at {
            // The same text in both: the metadata file's checksum does not depend on its own.
            Where::Repomd => sha256(&place.primary(&sha256(&place.at("medium/x.rpm")))),
            _ => sha256(&place.at("medium/x.rpm")),
        };
        place.write(at, &sum.to_uppercase());
        let medium = builder::packages::media::open(&text(&place.at("medium"))).expect("medium");
        let mut catalog = Catalog::default();
        catalog.add(&medium, Some("r")).unwrap_or_else(|e| panic!("{at:?}: {e}"));
        let found = catalog.packages[0].checksum.hex();
        assert_eq!(found, sha256(&place.at("medium/x.rpm")), "{at:?}");
    }
}

/// What waits indefinitely when it is opened.
#[test]
fn pipes_and_sockets_on_a_directory_medium() {
    let place = Place::new();
    let medium = text(&place.at("medium"));
    place.write(Where::Repomd, &"0".repeat(64));
    let primary = place.at("medium/repodata/primary.xml");
    for name in [".discinfo", ".treeinfo", "RPM-GPG-KEY-x"] {
        oracle::ok("mkfifo", [place.at("medium").join(name)]);
    }
    fs::remove_file(&primary).expect("primary.xml");
    oracle::ok("mkfifo", [&primary]);
    let check = |what: &str| {
        let output = place.plan(None, &medium);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let named = format!("cannot read repodata/primary.xml: it is {what}, not a regular file");
        assert!(stderr.contains(&named), "{stderr}");
    };
    check("a named pipe");
    fs::remove_file(&primary).expect("pipe");
    let _socket = std::os::unix::net::UnixListener::bind(&primary).expect("socket");
    check("a socket");
    fs::remove_file(&primary).expect("socket");
    std::os::unix::fs::symlink("/dev/zero", &primary).expect("link");
    check("a character device");
}

/// A pipe without a writer, in the place of an input of the user's: refused, or waited for
/// as long as the user likes.
#[test]
fn pipes_in_place_of_the_users_files() {
    let place = Place::new();
    let pipe = text(&place.at("home/pipe.toml"));
    oracle::ok("mkfifo", [&pipe]);
    let limited = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["-s", "INT", "-k", "20", "20"]).arg(product::imgbuild()).args(arguments);
        product::heed_signals(&mut command);
        command.env("IMGBUILD_CACHE", place.at("cache")).env("HOME", place.at("home"));
        let output = command.stdin(Stdio::null()).output().expect("timeout starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for arguments in [
        &["plan", "--profile", &pipe, "--media", "practice"][..],
        &["validate", "--kickstart", &pipe],
        &["inspect", &pipe],
        &["diff", &pipe, &pipe],
    ] {
        let (code, stderr) = limited(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains("a named pipe"), "{arguments:?}: {stderr}");
    }
    let output = text(&place.at("home/out"));
    let mut command = product::command();
    command.args(["build", "--plan", &pipe, "--output", &output]);
    command.env("IMGBUILD_CACHE", place.at("cache")).env("HOME", place.at("home"));
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("imgbuild");
    std::thread::sleep(Duration::from_secs(2));
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    let start = Instant::now();
    while child.try_wait().expect("status").is_none() {
        if start.elapsed() > LIMIT {
            child.kill().expect("it runs");
            panic!("SIGINT does not end the waiting for a pipe");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(child.wait().expect("status").code(), Some(130));
}

/// Metadata that is small on the medium: little memory is used, and the error names what is wrong.
#[test]
fn bombs_take_little_memory() {
    let place = Place::new();
    place.write(Where::Primary, &"0".repeat(64));
    let (directory, medium) = (place.at("medium/repodata"), text(&place.at("medium")));
    // 1200 MiB of blanks within one text, and as many bytes of elements.
    for (fill, open, why) in [
        ("head -c 1258291200 /dev/zero | tr '\\0' ' '", "", "a tag or text of more than 16 MiB"),
        ("yes '<file>x</file>' | head -c 20000000", "1048576", "more than 1048576 bytes"),
        ("head -c 1258291200 /dev/zero", "", "16 MiB"),
    ] {
        let gz = directory.join("primary.xml.gz");
        let script = format!("(echo '<metadata>'; {fill}) | gzip -1 > {}", gz.display());
        oracle::ok("sh", ["-c", &script]);
        let open = match open {
            "" => String::new(),
            size => format!("<open-size>{size}</open-size>"),
        };
        let repomd = format!(
            "<repomd><data type=\"primary\"><checksum type=\"sha256\">{}</checksum>{open}\
             <location href=\"repodata/primary.xml.gz\"/></data></repomd>",
            sha256(&gz)
        );
        fs::write(directory.join("repomd.xml"), repomd).expect("repomd.xml");
        // Address space, of which the program itself takes a part.
        let limited =
            format!("ulimit -v 500000; exec \"$0\" plan --profile controller --media {medium}");
        let mut command = Command::new("sh");
        command.args(["-c", &limited]).arg(product::imgbuild());
        command.env("IMGBUILD_CACHE", place.at("cache")).env("HOME", place.at("home"));
        let output = command.stdin(Stdio::null()).output().expect("sh starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{fill}: {stderr}");
        assert!(stderr.contains(why) && stderr.contains("primary.xml.gz"), "{fill}: {stderr}");
    }
}
