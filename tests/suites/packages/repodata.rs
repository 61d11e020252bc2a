//! Repository metadata in every form that createrepo_c and its companions make, and damaged.

use builder::base::error::{Class, Error};
use builder::packages::media;
use builder::packages::repo::Catalog;
use lab_tests::oracle;
use lab_tests::product;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A repository's metadata in a directory of its own, to be changed.
struct Metadata {
    directory: tempfile::TempDir,
}

impl Metadata {
    /// A copy of the metadata of a directory.
    fn of(repository: &Path) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let to = directory.path().join("repodata");
        fs::create_dir(&to).expect("directory");
        for file in fs::read_dir(repository.join("repodata")).expect("repodata") {
            let file = file.expect("entry").path();
            fs::copy(&file, to.join(file.file_name().expect("name"))).expect("copy");
        }
        Self { directory }
    }

    fn repodata(&self) -> PathBuf {
        self.directory.path().join("repodata")
    }

    /// The path of the one file whose name ends so.
    fn file(&self, ending: &str) -> PathBuf {
        let files = fs::read_dir(self.repodata()).expect("repodata");
        let mut found: Vec<PathBuf> = files
            .map(|f| f.expect("entry").path())
            .filter(|f| f.to_str().is_some_and(|f| f.ends_with(ending)))
            .collect();
        assert_eq!(found.len(), 1, "{ending}: {found:?}");
        found.remove(0)
    }

    fn modify(&self, arguments: &[&str]) {
        let repodata = self.repodata();
        let all = arguments.iter().copied().chain([repodata.to_str().expect("UTF-8")]);
        oracle::ok("modifyrepo_c", all);
    }

    /// Puts a file in the place of the one of its kind, as it is; `checksum` by the tool of that
    /// name. (modifyrepo_c reads what it adds, and refuses what is damaged or zstd.)
    fn replace(&self, kind: &str, file: &Path, checksum: &str) {
        let name = file.file_name().and_then(|n| n.to_str()).expect("name");
        fs::copy(file, self.repodata().join(name)).expect("copy");
        let sum = oracle::ok(&format!("{checksum}sum"), [file]);
        let sum = sum.split(' ').next().expect("sum");
        let repomd = self.repodata().join("repomd.xml");
        let text = fs::read_to_string(&repomd).expect("repomd.xml");
        let from = text.find(&format!("<data type=\"{kind}\">")).expect(kind);
        let to = from + text[from..].find("</data>").expect("</data>");
        let data = format!(
            "<data type=\"{kind}\"><checksum type=\"{checksum}\">{sum}</checksum>\
             <location href=\"repodata/{name}\"/>"
        );
        fs::write(&repomd, format!("{}{data}{}", &text[..from], &text[to..])).expect("repomd.xml");
    }

    fn load(&self) -> Result<Catalog, Error> {
        let medium = media::open(self.directory.path().to_str().expect("UTF-8"))?;
        let mut catalog = Catalog::default();
        catalog.add(&medium, Some("r"))?;
        Ok(catalog)
    }
}

/// Everything that a catalog knows, as text, and the owners of every file.
fn content(catalog: &Catalog) -> (Vec<String>, BTreeMap<String, Vec<usize>>) {
    let mut lines: Vec<String> = catalog.packages.iter().map(|p| format!("{p:?}")).collect();
    lines.extend(catalog.groups.iter().map(|g| format!("{g:?}")));
    lines.extend(catalog.environments.iter().map(|e| format!("{e:?}")));
    let owners = catalog.file_owners(&|_| true).unwrap_or_else(|e| panic!("{e}"));
    assert!(owners.unread.is_empty(), "{:?}", owners.unread);
    (lines, owners.files.into_iter().collect())
}

/// Asserts that two catalogs are the same, naming the first difference.
fn same(expected: &Catalog, found: &Catalog, what: &str) {
    let ((lines, owners), (other_lines, other_owners)) = (content(expected), content(found));
    for (line, other) in lines.iter().zip(&other_lines) {
        assert_eq!(line, other, "{what}");
    }
    assert_eq!(lines.len(), other_lines.len(), "{what}");
    for (file, packages) in &owners {
        assert_eq!(Some(packages), other_owners.get(file), "{what}: {file}");
    }
    assert_eq!(owners.len(), other_owners.len(), "{what}");
}

fn practice() -> PathBuf {
    product::practice().join("os")
}

#[test]
fn every_compression_and_checksum() {
    let original = Metadata::of(&practice());
    let plain = original.load().unwrap_or_else(|e| panic!("{e}"));
    assert!(plain.packages.len() > 200 && !plain.environments.is_empty());
    let variants = [
        ("gzip -9", "gz", "md5"),
        ("xz -1", "xz", "sha1"),
        ("bzip2", "bz2", "sha224"),
        ("zstd -q --rm", "zst", "sha384"),
        ("true", "xml", "sha512"),
    ];
    for (command, ending, checksum) in variants {
        let metadata = Metadata::of(&practice());
        let work = tempfile::tempdir().expect("temporary directory");
        for (kind, name) in [("primary", "primary.xml"), ("filelists", "filelists.xml")] {
            let to = work.path().join(name);
            let (from, shown) = (metadata.file(&format!("{name}.gz")), to.display());
            oracle::ok(
                "sh",
                ["-c", &format!("zcat {} > {shown} && {command} {shown}", from.display())],
            );
            let file =
                if ending == "xml" { to } else { to.with_extension(format!("xml.{ending}")) };
            metadata.replace(kind, &file, checksum);
        }
        same(&plain, &metadata.load().unwrap_or_else(|e| panic!("{ending}: {e}")), ending);
    }
}

/// Metadata of which only the databases are left.
fn databases_only(repository: &Path, compression: &str) -> Metadata {
    let metadata = Metadata::of(repository);
    let directory = metadata.directory.path().to_str().expect("UTF-8");
    oracle::ok("sqliterepo_c", ["--force", "--compress-type", compression, directory]);
    metadata.modify(&["--remove", "primary"]);
    metadata.modify(&["--remove", "filelists"]);
    metadata
}

#[test]
fn databases_where_there_is_no_xml() {
    let original = Metadata::of(&practice());
    let plain = original.load().unwrap_or_else(|e| panic!("{e}"));
    for compression in ["bz2", "xz", "gz"] {
        let databases = databases_only(&practice(), compression);
        same(&plain, &databases.load().unwrap_or_else(|e| panic!("{e}")), compression);
    }
}

#[test]
fn databases_of_genuine_el7_metadata() {
    let Some(shared) = product::shared() else { return };
    let media = shared.join("el7/media");
    let original = Metadata::of(&media);
    let plain = original.load().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(plain.packages.len(), 315);
    // The existing databases were made by yum's own tools.
    let metadata = Metadata::of(&media);
    metadata.modify(&["--remove", "primary"]);
    metadata.modify(&["--remove", "filelists"]);
    same(&plain, &metadata.load().unwrap_or_else(|e| panic!("{e}")), "el7");
}

#[test]
fn what_is_not_used_is_noted_and_several_group_files_are_merged() {
    let metadata = Metadata::of(&practice());
    let work = tempfile::tempdir().expect("temporary directory");
    let write = |name: &str, text: &str| {
        let path = work.path().join(name);
        fs::write(&path, text).expect("file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let updates = write("updateinfo.xml", "<updates/>");
    let modules = write("modules.yaml", "---\n");
    let deltas = write("prestodelta.xml", "<prestodelta/>");
    metadata.modify(&["--mdtype", "updateinfo", &updates]);
    metadata.modify(&["--mdtype", "modules", &modules]);
    metadata.modify(&["--mdtype", "prestodelta", &deltas]);
    let catalog = metadata.load().unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(catalog.notes, ["r: metadata not used: modules, prestodelta, updateinfo"]);

    // A second repository adds to the group and the environment of the same id.
    let second = Metadata::of(&product::practice().join("extras"));
    let comps = write(
        "comps.xml",
        "<comps><group><id>core</id><packagelist><packagereq>python-six</packagereq>\
         <packagereq type='mandatory'>bash</packagereq></packagelist></group>\
         <environment><id>minimal</id><grouplist><groupid>core</groupid><groupid>more</groupid>\
         </grouplist></environment></comps>",
    );
    second.modify(&["--no-compress", "--mdtype", "group", &comps]);
    let mut both = metadata.load().unwrap_or_else(|e| panic!("{e}"));
    let medium = media::open(second.directory.path().to_str().expect("UTF-8")).expect("medium");
    both.add(&medium, Some("second")).unwrap_or_else(|e| panic!("{e}"));
    let core: Vec<_> = both.groups.iter().filter(|g| g.id == "core").collect();
    assert_eq!(core.len(), 1);
    assert_eq!(core[0].mandatory.iter().filter(|m| *m == "bash").count(), 1);
    assert!(core[0].mandatory.contains(&"python-six".to_owned()), "{core:?}");
    let minimal: Vec<_> = both.environments.iter().filter(|e| e.id == "minimal").collect();
    assert_eq!((minimal.len(), &minimal[0].groups[..]), (1, &["core".into(), "more".into()][..]));
}

/// Puts `bytes` in the place of a metadata file, with the right checksum.
fn with(metadata: &Metadata, kind: &str, name: &str, bytes: &[u8]) -> Result<Catalog, Error> {
    let work = tempfile::tempdir().expect("temporary directory");
    let file = work.path().join(name);
    fs::write(&file, bytes).expect("file");
    metadata.replace(kind, &file, "sha256");
    metadata.load()
}

#[test]
fn damaged_metadata_ends_in_an_error_with_its_byte() {
    let metadata = Metadata::of(&product::practice().join("extras"));
    let packed = metadata.file("primary.xml.gz");
    let gz = fs::read(&packed).expect("primary");
    let xml = oracle::ok("zcat", [&packed]);
    for n in 1..8 {
        let end = xml.len() * n / 8;
        let Err(error) = with(&metadata, "primary", "cut-primary.xml", &xml.as_bytes()[..end])
        else {
            panic!("cut at {end} of {}", xml.len())
        };
        assert_eq!(error.class, Class::Input, "{error}");
        assert!(
            error.message.contains("cut-primary.xml: ") && error.message.contains("at byte"),
            "{error}"
        );
    }
    // A stream that ends early.
    let error = with(&metadata, "primary", "cut-primary.xml.gz", &gz[..gz.len() / 2]).err();
    let error = error.expect("an error");
    assert!(error.message.contains("bytes into the uncompressed text"), "{error}");
}

#[test]
fn damaged_databases_neither_panic_nor_hang() {
    let metadata = databases_only(&product::practice().join("extras"), "xz");
    let packed = metadata.file("primary.sqlite.xz");
    let work = tempfile::tempdir().expect("temporary directory");
    let plain = work.path().join("primary.sqlite");
    oracle::ok("sh", ["-c", &format!("xzcat {} > {}", packed.display(), plain.display())]);
    let bytes = fs::read(&plain).expect("database");
    assert_eq!(
        with(&metadata, "primary_db", "x-primary.sqlite", &bytes).expect("sound").packages.len(),
        4
    );
    let mut refused = 0;
    for n in 0..60 {
        let mut bad = bytes.clone();
        // Headers of pages and cells, the schema, and places in between.
        let at =
            if n < 30 { (n / 3) * 4096 % bytes.len() + n % 3 * 4 } else { n * 397 % bytes.len() };
        bad[at] ^= 0xff;
        if n == 59 {
            bad.truncate(bytes.len() / 2);
        }
        if let Err(error) = with(&metadata, "primary_db", "x-primary.sqlite", &bad) {
            assert_eq!(error.class, Class::Input, "byte {at}: {error}");
            refused += 1;
        }
    }
    assert!(refused > 10, "only {refused} of 60 were refused");
}
