//! An RPM as a value, and its writing.

use super::automatic;
use super::sign::Signer;
use crate::error::{Context, Result};
use formats::digest::DigestKind;
use formats::file_type::{DIRECTORY, REGULAR, SYMLINK};
use formats::rpmfile::{
    Dependency, Evr, PackagedFile, PayloadCompression, RpmContent, RpmPackage, Scriptlet,
    UnsignedRpm, When, flag,
};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// What an [`RpmItem`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A directory.
    Dir,
    /// A regular file and its bytes.
    File(Vec<u8>),
    /// A symbolic link and its text.
    Symlink(String),
    /// A file that appears later: listed, not shipped.
    Ghost,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpmItem {
    /// Absolute path.
    pub path: String,
    /// Permission bits.
    pub mode: u16,
    /// Owner's name.
    pub user: String,
    /// Group's name.
    pub group: String,
    /// Modification time, seconds since 1970.
    pub mtime: u32,
    /// `%config(noreplace)`.
    pub config: bool,
    /// File capabilities, as `cap_to_text(3)` writes them.
    pub caps: Option<&'static str>,
    /// What it is.
    pub kind: ItemKind,
}

impl RpmItem {
    fn new(path: &str, mode: u16, kind: ItemKind) -> Self {
        let (user, group) = ("root".to_string(), "root".to_string());
        Self { path: path.into(), mode, user, group, mtime: 0, config: false, caps: None, kind }
    }

    /// A root-owned directory.
    pub fn dir(path: &str, mode: u16) -> Self {
        Self::new(path, mode, ItemKind::Dir)
    }

    /// A root-owned file.
    pub fn file(path: &str, mode: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(path, mode, ItemKind::File(bytes.into()))
    }

    /// A root-owned configuration file.
    pub fn config(path: &str, mode: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Self { config: true, ..Self::file(path, mode, bytes) }
    }

    /// A symbolic link.
    pub fn link(path: &str, target: &str) -> Self {
        Self::new(path, 0o777, ItemKind::Symlink(target.into()))
    }

    /// A file listed but not shipped.
    pub fn ghost(path: &str, mode: u16) -> Self {
        Self::new(path, mode, ItemKind::Ghost)
    }

    /// Its bytes, when it is a regular file.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            ItemKind::File(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Scriptlets, run by `/bin/sh`; empty ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    /// `%pre`.
    pub pre: String,
    /// `%post`.
    pub post: String,
    /// `%preun`.
    pub preun: String,
    /// `%postun`.
    pub postun: String,
    /// `%posttrans`.
    pub posttrans: String,
}

/// Everything of a package to be written.
#[derive(Clone, Debug)]
pub struct Rpm {
    /// Name.
    pub name: String,
    /// Epoch, version, release.
    pub evr: Evr,
    /// Whether it runs on any processor.
    pub noarch: bool,
    /// One line.
    pub summary: String,
    /// Several lines.
    pub description: String,
    /// Build time, seconds since 1970; no file is newer.
    pub time: u32,
    /// Files.
    pub items: Vec<RpmItem>,
    /// Needed packages, sonames and paths.
    pub requires: Vec<Dependency>,
    /// Offered names and sonames, in addition to its own.
    pub provides: Vec<Dependency>,
    /// Packages it takes the place of.
    pub obsoletes: Vec<Dependency>,
    /// Scriptlets.
    pub scripts: Scripts,
}

/// What `rpm -V` compares of a file: everything.
const VERIFY_ALL: u32 = u32::MAX;
/// What it cannot of one that is not in the package: digest, size, target of a link, time.
const VERIFY_NO_CONTENT: u32 = !0b10_0111;

impl Rpm {
    /// `name-version-release.arch.rpm`.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.evr.version, self.release(), self.arch())
    }

    fn release(&self) -> &str {
        self.evr.release.as_deref().unwrap_or_default()
    }

    fn arch(&self) -> &'static str {
        if self.noarch { "noarch" } else { "x86_64" }
    }

    /// Writes the package, signed, into `directory`.
    pub fn write(self, directory: &Path, signer: &Signer) -> Result<PathBuf> {
        let path = directory.join(self.file_name());
        let what = || format!("cannot create {}", path.display());
        let time = self.time;
        let unsigned = self.build().or_build(what)?;
        std::fs::write(&path, signer.sign(&unsigned, time)?).or_build(what)?;
        Ok(path)
    }

    fn build(mut self) -> io::Result<UnsignedRpm> {
        self.items.sort_by(|a, b| a.path.cmp(&b.path));
        let contents: Vec<&[u8]> =
            self.items.iter().map(|item| item.bytes().unwrap_or_default()).collect();
        let files: Vec<PackagedFile> =
            (1..).zip(&self.items).map(|(inode, item)| file(item, inode, self.time)).collect();
        let mut package = RpmPackage {
            epoch: Some(self.evr.epoch).filter(|&epoch| epoch != 0),
            version: self.evr.version.clone(),
            release: self.release().to_owned(),
            arch: self.arch().to_owned(),
            name: self.name,
            summary: self.summary,
            description: self.description,
            group: "Unspecified".to_owned(),
            license: "See the Debian package's copyright file".to_owned(),
            url: String::new(),
            vendor: "imgbuild practice medium".to_owned(),
            packager: String::new(),
            build_time: self.time.into(),
            build_host: "practice.invalid".to_owned(),
            // rpm takes a package without this field for one of sources.
            source: "(none)".to_owned(),
            size: files.iter().map(|file| file.size).sum(),
            prefixes: Vec::new(),
            files,
            digest: DigestKind::Sha256,
            scriptlets: scriptlets(self.scripts),
            triggers: Vec::new(),
            requires: self.requires,
            provides: self.provides,
            conflicts: Vec::new(),
            obsoletes: self.obsoletes,
            recommends: Vec::new(),
        };
        let file_dependencies = automatic::add(&mut package, &self.evr.to_string(), &contents);
        RpmContent {
            package: &package,
            contents: &contents,
            file_dependencies: &file_dependencies,
            compression: PayloadCompression::Zstd,
        }
        .write()
    }
}

fn scriptlets(scripts: Scripts) -> Vec<Scriptlet> {
    let Scripts { pre, post, preun, postun, posttrans } = scripts;
    [
        (When::Pre, pre),
        (When::Post, post),
        (When::Preun, preun),
        (When::Postun, postun),
        (When::Posttrans, posttrans),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(when, text)| Scriptlet { when, program: vec!["/bin/sh".to_owned()], text: Some(text) })
    .collect()
}

/// An item as the header lists it; `newest` is the latest time that a file may have.
fn file(item: &RpmItem, inode: u64, newest: u32) -> PackagedFile {
    let (kind, permissions, size) = match &item.kind {
        ItemKind::Dir => (DIRECTORY, item.mode, 0),
        ItemKind::File(bytes) => (REGULAR, item.mode, bytes.len()),
        ItemKind::Symlink(target) => (SYMLINK, 0o777, target.len()),
        ItemKind::Ghost => (REGULAR, item.mode, 0),
    };
    let ghost = item.kind == ItemKind::Ghost;
    let config = item.config && item.kind != ItemKind::Dir;
    let flags = [(ghost, flag::GHOST), (config, flag::CONFIG | flag::NO_REPLACE)];
    PackagedFile {
        path: item.path.clone().into_bytes(),
        mode: kind | u32::from(permissions & 0o7777),
        user: item.user.clone(),
        group: item.group.clone(),
        size: size as u64,
        mtime: item.mtime.min(newest).into(),
        digest: item.bytes().map_or_else(String::new, |bytes| hex::encode(Sha256::digest(bytes))),
        target: match &item.kind {
            ItemKind::Symlink(target) => target.clone().into_bytes(),
            _ => Vec::new(),
        },
        flags: flags.iter().filter(|(has, _)| *has).map(|(_, flag)| flag).sum(),
        verify: if ghost { VERIFY_NO_CONTENT } else { VERIFY_ALL },
        rdev: 0,
        inode,
        device: u64::from(!ghost),
        color: 0,
        language: String::new(),
        capabilities: item.caps.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use formats::rpmfile::sense;
    use std::process::Command;

    /// A package with one of everything.
    pub fn sample(name: &str) -> Rpm {
        let mut dressed = RpmItem::file(&format!("/usr/bin/{name}"), 0o755, "#!/bin/sh\n");
        dressed.caps = Some("cap_net_raw=ep");
        dressed.mtime = 1_000_000_000;
        let mut owned = RpmItem::dir(&format!("/var/lib/{name}"), 0o1730);
        owned.group = "crontab".into();
        Rpm {
            name: name.into(),
            evr: Evr { epoch: 1, version: "2.0~rc1".into(), release: Some("3.practice".into()) },
            noarch: true,
            summary: "A <sample> & more".into(),
            description: "Line one\nline two".into(),
            time: 1_600_000_000,
            items: vec![
                dressed,
                owned,
                RpmItem::config(&format!("/etc/{name}.conf"), 0o640, "x=1\n"),
                RpmItem::link(&format!("/usr/bin/{name}-link"), name),
                RpmItem::ghost(&format!("/var/log/{name}.log"), 0o600),
            ],
            requires: vec![
                Dependency::versioned("glibc", sense::GREATER | sense::EQUAL, "2.36-9"),
                Dependency::any("b", sense::SCRIPT_PRE),
            ],
            provides: vec![Dependency::any("libsample.so.1()(64bit)", 0)],
            obsoletes: vec![Dependency::any("ancient", 0)],
            scripts: Scripts { post: "/sbin/ldconfig\n".into(), ..Scripts::default() },
        }
    }

    /// What the `rpm` command prints for a query of the package file.
    fn query(path: &Path, arguments: &[&str]) -> String {
        let home = tempfile::tempdir().expect("temporary directory");
        let out = Command::new("rpm")
            .arg("-qp")
            .args(arguments)
            .arg(path)
            .env("HOME", home.path())
            .env("TZ", "UTC")
            .output()
            .expect("rpm of the Debian package rpm");
        assert!(out.status.success(), "{out:?}");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// A key for tests; making one takes a while.
    pub fn signer() -> &'static Signer {
        static SIGNER: std::sync::OnceLock<Signer> = std::sync::OnceLock::new();
        SIGNER.get_or_init(|| Signer::new(1_600_000_000).expect("a key"))
    }

    #[test]
    fn rpm_reads_what_was_written() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = sample("probe").write(dir.path(), signer()).expect("package");
        assert!(path.ends_with("probe-2.0~rc1-3.practice.noarch.rpm"));
        assert_eq!(query(&path, &["--qf", "%{NEVRA}"]), "probe-1:2.0~rc1-3.practice.noarch");
        let files = query(
            &path,
            &[
                "--qf",
                "[%{FILEMODES:perms} %{FILEGROUPNAME} %{FILECAPS} %{FILEFLAGS:fflags} \
                       %{FILEMTIMES} %{FILENAMES}\n]",
            ],
        );
        let lines: Vec<String> =
            files.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            lines,
            [
                "-rw-r----- root cn 0 /etc/probe.conf",
                "-rwxr-xr-x root cap_net_raw=ep 1000000000 /usr/bin/probe",
                "lrwxrwxrwx root 0 /usr/bin/probe-link",
                "drwx-wx--T crontab 0 /var/lib/probe",
                "-rw------- root g 0 /var/log/probe.log",
            ]
        );
        let requires = query(&path, &["--requires"]);
        assert!(requires.contains("glibc >= 2.36-9\n") && requires.contains("\nb\n"), "{requires}");
        let scripts = query(&path, &["--scripts"]);
        assert_eq!(scripts, "postinstall scriptlet (using /bin/sh):\n/sbin/ldconfig\n\n");
        assert!(query(&path, &["--provides"]).contains("libsample.so.1()(64bit)\n"));
        assert_eq!(query(&path, &["--obsoletes"]).trim(), "ancient");
    }

    #[test]
    fn rpm_finds_signatures_right_and_damage_wrong() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = sample("probe").write(dir.path(), signer()).expect("package");
        let key = dir.path().join("key");
        std::fs::write(&key, signer().public().expect("a key")).expect("key file");
        let database = dir.path().join("database");
        let keys = |action: &str, path: &Path| {
            let define = format!("_dbpath {}", database.display());
            let mut rpmkeys = Command::new("rpmkeys");
            rpmkeys.args(["--define", &define, "-v", action]).arg(path).env("HOME", dir.path());
            rpmkeys.output().expect("rpmkeys of the Debian package rpm")
        };
        assert!(keys("--import", &key).status.success());
        let said = keys("--checksig", &path);
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.status.success() && text.matches("Signature, key ID").count() == 2, "{text}");
        let check = |path: &Path| keys("--checksig", path).status.success();
        let mut bytes = std::fs::read(&path).expect("package");
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).expect("damaged package");
        assert!(!check(&path));
    }

    #[test]
    fn same_package_same_bytes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let read = |rpm: Rpm| {
            std::fs::read(rpm.write(dir.path(), signer()).expect("package")).expect("file")
        };
        assert_eq!(read(sample("probe")), read(sample("probe")));
        let mut other = sample("probe");
        other.time += 1;
        assert_ne!(read(sample("probe")), read(other));
    }
}
