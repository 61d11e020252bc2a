//! An RPM as a value, and its writing with the `rpm` crate.

use super::sign::Signer;
use super::version::Evr;
use crate::error::{Context, Result};
use rpm::{BuildConfig, CompressionWithLevel, Dependency, FileMode, FileOptions, Scriptlet};
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

/// Higher levels cost much time and gain little.
const COMPRESSION: CompressionWithLevel = CompressionWithLevel::Zstd(6);

impl Rpm {
    /// `name-version-release.arch.rpm`.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.evr.version, self.evr.release, self.arch())
    }

    fn arch(&self) -> &'static str {
        if self.noarch { "noarch" } else { "x86_64" }
    }

    /// Writes the package, signed, into `directory`.
    pub fn write(self, directory: &Path, signer: &Signer) -> Result<PathBuf> {
        let path = directory.join(self.file_name());
        let what = || format!("cannot create {}", path.display());
        let time = self.time;
        let mut bytes = Vec::new();
        self.build().or_build(what)?.write(&mut bytes).or_build(what)?;
        std::fs::write(&path, signer.sign(&bytes, time)?).or_build(what)?;
        Ok(path)
    }

    fn build(self) -> std::result::Result<rpm::Package, rpm::Error> {
        let arch = self.arch();
        let mut builder = rpm::PackageBuilder::new(
            &self.name,
            &self.evr.version,
            "See the Debian package's copyright file",
            arch,
            &self.summary,
        );
        builder
            .using_config(
                BuildConfig::v4()
                    .source_date(self.time)
                    .compression(COMPRESSION)
                    .reserved_space(None),
            )
            .release(&self.evr.release)
            .description(&self.description)
            .vendor("imgbuild practice medium")
            .group("Unspecified")
            .build_host("practice.invalid");
        if self.evr.epoch != 0 {
            builder.epoch(self.evr.epoch);
        }
        for dependency in self.requires {
            builder.requires(dependency);
        }
        for dependency in self.provides {
            builder.provides(dependency);
        }
        for dependency in self.obsoletes {
            builder.obsoletes(dependency);
        }
        add_scripts(&mut builder, self.scripts);
        for item in self.items {
            add_item(&mut builder, item, self.time)?;
        }
        builder.build()
    }
}

fn add_scripts(builder: &mut rpm::PackageBuilder, scripts: Scripts) {
    let make = |text: String| Scriptlet::new(text).prog(vec!["/bin/sh"]);
    let filled = |text: &String| !text.is_empty();
    if filled(&scripts.pre) {
        builder.pre_install_script(make(scripts.pre));
    }
    if filled(&scripts.post) {
        builder.post_install_script(make(scripts.post));
    }
    if filled(&scripts.preun) {
        builder.pre_uninstall_script(make(scripts.preun));
    }
    if filled(&scripts.postun) {
        builder.post_uninstall_script(make(scripts.postun));
    }
    if filled(&scripts.posttrans) {
        builder.post_trans_script(make(scripts.posttrans));
    }
}

fn add_item(
    builder: &mut rpm::PackageBuilder,
    item: RpmItem,
    time: u32,
) -> std::result::Result<(), rpm::Error> {
    let mtime = item.mtime.min(time).into();
    let dress = |options: rpm::FileOptionsBuilder| {
        let options = options.user(item.user.clone()).group(item.group.clone()).modified_at(mtime);
        if item.config { options.config().noreplace() } else { options }
    };
    match item.kind {
        ItemKind::Dir => {
            let options = FileOptions::dir(&item.path).mode(FileMode::dir(item.mode));
            builder.with_dir_entry(dress(options))?;
        }
        ItemKind::Symlink(target) => {
            builder.with_symlink(dress(FileOptions::symlink(&item.path, target)))?;
        }
        ItemKind::Ghost => {
            let options = FileOptions::ghost(&item.path).mode(FileMode::regular(item.mode));
            builder.with_ghost(dress(options))?;
        }
        ItemKind::File(bytes) => {
            let mut options = FileOptions::new(&item.path).mode(FileMode::regular(item.mode));
            if let Some(caps) = item.caps {
                options = options.caps(caps)?;
            }
            builder.with_file_contents(bytes, dress(options))?;
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;
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
            evr: Evr { epoch: 1, version: "2.0~rc1".into(), release: "3.practice".into() },
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
            requires: vec![Dependency::greater_eq("glibc", "2.36-9"), Dependency::script_pre("b")],
            provides: vec![Dependency::any("libsample.so.1()(64bit)")],
            obsoletes: vec![Dependency::any("ancient")],
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
