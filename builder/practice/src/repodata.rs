//! Repository metadata as createrepo_c writes it for CentOS 7: repomd, primary,
//! filelists and other as gzipped XML under names with their SHA-256, and comps.

use crate::error::{Context, Result};
use crate::progress::Cancel;
use flate2::{Compression, write::GzEncoder};
use rayon::prelude::*;
use rpm::{Dependency, DependencyFlags, FileType, PackageMetadata};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// What the metadata says of one package.
#[derive(Clone, Debug)]
pub struct Record {
    /// The package's name.
    pub name: String,
    /// Names, sonames and paths it offers.
    pub provides: Vec<Dependency>,
    /// What it needs.
    pub requires: Vec<Dependency>,
    /// Every path in it.
    pub files: Vec<(String, bool)>,
    build_time: u64,
    primary: String,
    filelists: String,
    other: String,
}

/// Reads a package's header for the metadata; `href` is its place in the repository.
pub fn record(path: &Path, href: &str) -> Result<Record> {
    let what = || format!("cannot read {}", path.display());
    let bytes = fs::read(path).or_build(what)?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let header = PackageMetadata::parse(&mut bytes.as_slice()).or_build(what)?;
    build_record(&header, href, &digest, bytes.len() as u64).or_build(what)
}

fn build_record(
    header: &PackageMetadata,
    href: &str,
    digest: &str,
    size: u64,
) -> std::result::Result<Record, rpm::Error> {
    let files = header.get_file_entries()?;
    let mut record = Record {
        name: header.get_name()?.to_string(),
        provides: header.get_provides()?,
        requires: header.get_requires()?,
        files: Vec::new(),
        build_time: header.get_build_time()?,
        primary: String::new(),
        filelists: String::new(),
        other: String::new(),
    };
    let mut list = String::new();
    for entry in &files {
        let path = entry.path().to_string_lossy().into_owned();
        let dir = entry.mode().file_type() == FileType::Dir;
        let ghost = entry.flags().contains(rpm::FileFlags::GHOST);
        let kind = match (dir, ghost) {
            (true, _) => " type=\"dir\"",
            (false, true) => " type=\"ghost\"",
            _ => "",
        };
        let _ = writeln!(list, "  <file{kind}>{}</file>", escape(&path));
        record.files.push((path, dir));
    }
    let version = format!(
        "<version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>",
        header.get_epoch().unwrap_or(0),
        escape(header.get_version()?),
        escape(header.get_release()?)
    );
    let head = format!(
        "<package pkgid=\"{digest}\" name=\"{}\" arch=\"{}\">\n  {version}\n",
        escape(&record.name),
        header.get_arch()?
    );
    record.filelists = format!("{head}{list}</package>\n");
    record.other = format!("{head}</package>\n");
    record.primary = primary(header, &record, &version, href, digest, size)?;
    Ok(record)
}

fn primary(
    header: &PackageMetadata,
    record: &Record,
    version: &str,
    href: &str,
    digest: &str,
    size: u64,
) -> std::result::Result<String, rpm::Error> {
    let offsets = header.get_package_segment_offsets();
    let text =
        |value: std::result::Result<&str, rpm::Error>| value.map_or_else(|_| String::new(), escape);
    let mut out = format!(
        "<package type=\"rpm\">\n  <name>{}</name>\n  <arch>{}</arch>\n  {version}\n  \
         <checksum type=\"sha256\" pkgid=\"YES\">{digest}</checksum>\n  \
         <summary>{}</summary>\n  <description>{}</description>\n  <packager/>\n  <url/>\n  \
         <time file=\"{time}\" build=\"{time}\"/>\n  \
         <size package=\"{size}\" installed=\"{}\" archive=\"0\"/>\n  \
         <location href=\"{}\"/>\n  <format>\n    <rpm:license>{}</rpm:license>\n    \
         <rpm:vendor>{}</rpm:vendor>\n    <rpm:group>{}</rpm:group>\n    \
         <rpm:buildhost>{}</rpm:buildhost>\n    <rpm:sourcerpm>{}</rpm:sourcerpm>\n    \
         <rpm:header-range start=\"{}\" end=\"{}\"/>\n",
        escape(&record.name),
        header.get_arch()?,
        text(header.get_summary()),
        text(header.get_description()),
        header.get_installed_size().unwrap_or(0),
        escape(href),
        text(header.get_license()),
        text(header.get_vendor()),
        text(header.get_group()),
        text(header.get_build_host()),
        text(header.get_source_rpm()),
        offsets.header,
        offsets.payload,
        time = record.build_time,
    );
    // As createrepo_c: nothing that rpm itself or the package offers.
    let external = |need: &&Dependency| {
        let own = |offer: &Dependency| offer.name == need.name && offer.version == need.version;
        !need.name.starts_with("rpmlib(") && !record.provides.iter().any(own)
    };
    list(&mut out, "provides", record.provides.iter());
    list(&mut out, "requires", record.requires.iter().filter(external));
    list(&mut out, "obsoletes", header.get_obsoletes()?.iter());
    list(&mut out, "recommends", header.get_recommends()?.iter());
    for (path, dir) in record.files.iter().filter(|(path, _)| is_primary(path)) {
        let kind = if *dir { " type=\"dir\"" } else { "" };
        let _ = writeln!(out, "    <file{kind}>{}</file>", escape(path));
    }
    out.push_str("  </format>\n</package>\n");
    Ok(out)
}

/// Files that package requirements may name without filelists being read.
fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

fn list<'a>(out: &mut String, kind: &str, entries: impl Iterator<Item = &'a Dependency>) {
    let mut seen = BTreeSet::new();
    let mut body = String::new();
    for entry in entries {
        let line = entry_line(entry, kind == "requires");
        if seen.insert(line.clone()) {
            body.push_str(&line);
        }
    }
    if !body.is_empty() {
        let _ = write!(out, "    <rpm:{kind}>\n{body}    </rpm:{kind}>\n");
    }
}

fn entry_line(entry: &Dependency, requires: bool) -> String {
    let mut line = format!("      <rpm:entry name=\"{}\"", escape(&entry.name));
    let flags = match entry.flags.comparator_str() {
        "=" => "EQ",
        ">=" => "GE",
        "<=" => "LE",
        ">" => "GT",
        "<" => "LT",
        _ => "",
    };
    if !flags.is_empty() && !entry.version.is_empty() {
        let (epoch, rest) = entry.version.split_once(':').unwrap_or(("0", &entry.version));
        let (version, release) = rest.split_once('-').map_or((rest, None), |(v, r)| (v, Some(r)));
        let _ = write!(
            line,
            " flags=\"{flags}\" epoch=\"{}\" ver=\"{}\"",
            escape(epoch),
            escape(version)
        );
        if let Some(release) = release {
            let _ = write!(line, " rel=\"{}\"", escape(release));
        }
    }
    let before =
        DependencyFlags::SCRIPT_PRE | DependencyFlags::SCRIPT_POST | DependencyFlags::PREREQ;
    if requires && entry.flags.intersects(before) {
        line.push_str(" pre=\"1\"");
    }
    line.push_str("/>\n");
    line
}

/// Text for XML; characters XML cannot hold are dropped.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Reads every package of `folder`/Packages and writes `folder`/repodata.
pub fn write(folder: &Path, comps: Option<&str>, cancel: Cancel<'_>) -> Result<Vec<Record>> {
    let packages = folder.join("Packages");
    let what = || format!("cannot write the metadata of {}", folder.display());
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&packages).or_build(what)? {
        names.push(entry.or_build(what)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let records: Vec<Record> = names
        .par_iter()
        .map(|name| {
            cancel.check()?;
            record(&packages.join(name), &format!("Packages/{name}"))
        })
        .collect::<Result<_>>()?;
    let time = records.iter().map(|record| record.build_time).max().unwrap_or(0);
    let count = records.len();
    let repodata = folder.join("repodata");
    fs::create_dir_all(&repodata).or_build(what)?;
    let mut repomd = Repomd { folder: &repodata, time, body: String::new() };
    for (kind, root, namespace) in [
        ("primary", "metadata", "http://linux.duke.edu/metadata/common"),
        ("filelists", "filelists", "http://linux.duke.edu/metadata/filelists"),
        ("other", "otherdata", "http://linux.duke.edu/metadata/other"),
    ] {
        let rpm = " xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"";
        let rpm = if kind == "primary" { rpm } else { "" };
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{root} xmlns=\"{namespace}\"{rpm} packages=\"{count}\">\n"
        );
        for record in &records {
            text.push_str(match kind {
                "primary" => &record.primary,
                "filelists" => &record.filelists,
                _ => &record.other,
            });
        }
        let _ = writeln!(text, "</{root}>");
        repomd.add(kind, &format!("{kind}.xml.gz"), text.as_bytes(), true).or_build(what)?;
    }
    if let Some(comps) = comps {
        repomd.add("group", "c7-x86_64-comps.xml", comps.as_bytes(), false).or_build(what)?;
        repomd.add("group_gz", "c7-x86_64-comps.xml.gz", comps.as_bytes(), true).or_build(what)?;
    }
    repomd.finish().or_build(what)?;
    Ok(records)
}

struct Repomd<'a> {
    folder: &'a Path,
    time: u64,
    body: String,
}

impl Repomd<'_> {
    fn add(&mut self, kind: &str, name: &str, open: &[u8], packed: bool) -> std::io::Result<()> {
        let bytes = if packed {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            encoder.write_all(open)?;
            encoder.finish()?
        } else {
            open.to_vec()
        };
        let digest = hex::encode(Sha256::digest(&bytes));
        fs::write(self.folder.join(format!("{digest}-{name}")), &bytes)?;
        let _ = write!(
            self.body,
            "  <data type=\"{kind}\">\n    <checksum type=\"sha256\">{digest}</checksum>\n"
        );
        if packed {
            let open_digest = hex::encode(Sha256::digest(open));
            let _ = writeln!(
                self.body,
                "    <open-checksum type=\"sha256\">{open_digest}</open-checksum>"
            );
        }
        let _ = write!(
            self.body,
            "    <location href=\"repodata/{digest}-{name}\"/>\n    \
             <timestamp>{}</timestamp>\n    <size>{}</size>\n",
            self.time,
            bytes.len()
        );
        if packed {
            let _ = writeln!(self.body, "    <open-size>{}</open-size>", open.len());
        }
        self.body.push_str("  </data>\n");
        Ok(())
    }

    fn finish(self) -> std::io::Result<()> {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  \
             <revision>{}</revision>\n{}</repomd>\n",
            self.time, self.body
        );
        fs::write(self.folder.join("repomd.xml"), text)
    }
}

/// What `records` need that neither they nor `others` offer, as readable lines.
pub fn unmet(records: &[Record], others: &[&[Record]]) -> Vec<String> {
    let mut offered: BTreeSet<&str> = BTreeSet::new();
    for record in others.iter().copied().chain([records]).flatten() {
        offered.extend(record.provides.iter().map(|dep| dep.name.as_str()));
        offered.extend(record.files.iter().map(|(path, _)| path.as_str()));
    }
    let mut lines = Vec::new();
    for record in records {
        for need in &record.requires {
            if !need.name.starts_with("rpmlib(") && !offered.contains(need.name.as_str()) {
                lines.push(format!("{} needs {need}", record.name));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{comps, package};
    use super::*;
    use crate::progress::tests::NEVER;
    use std::path::PathBuf;
    use std::process::Command;

    /// A repository of two packages; its folder and its records.
    fn repository(root: &Path, comps: Option<&str>) -> Vec<Record> {
        fs::create_dir_all(root.join("Packages")).expect("folder");
        for name in ["probe", "second"] {
            package::tests::sample(name)
                .write(&root.join("Packages"), package::tests::signer())
                .expect("package");
        }
        write(root, comps, NEVER).expect("metadata")
    }

    /// What `dnf` prints about the repository at `root`.
    fn dnf(root: &Path, arguments: &[&str]) -> String {
        let private = tempfile::tempdir().expect("temporary folder");
        let option = |name: &str| format!("--setopt={name}={}", private.path().display());
        let out = Command::new("dnf")
            .args(["-q", "--releasever=7", "--repo=x"])
            .arg(format!("--repofrompath=x,file://{}", root.display()))
            .args([option("cachedir"), option("persistdir"), option("logdir")])
            .arg(format!("--installroot={}", private.path().display()))
            .args(arguments)
            .output()
            .expect("dnf of the Debian package dnf");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    #[test]
    fn dnf_sees_what_createrepo_c_would_show() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let ours = dir.path().join("ours");
        repository(&ours, None);
        let theirs: PathBuf = dir.path().join("theirs");
        fs::create_dir_all(theirs.join("Packages")).expect("folder");
        for entry in fs::read_dir(ours.join("Packages")).expect("folder") {
            let entry = entry.expect("entry");
            fs::copy(entry.path(), theirs.join("Packages").join(entry.file_name())).expect("copy");
        }
        let made = Command::new("createrepo_c").arg("-q").arg(&theirs).output();
        let made = made.expect("createrepo_c of the Debian package createrepo-c");
        assert!(made.status.success(), "{made:?}");
        let format = "%{name}|%{epoch}|%{version}|%{release}|%{arch}|%{summary}|%{installsize}|\
                      %{downloadsize}|%{buildtime}|%{license}|%{vendor}|%{location}|%{description}";
        for query in [
            &["--requires"][..],
            &["--provides"],
            &["--recommends"],
            &["--obsoletes"],
            &["-l"],
            &["--qf", format],
        ] {
            let arguments = [&["repoquery"], query, &["*"]].concat();
            let (a, b) = (dnf(&ours, &arguments), dnf(&theirs, &arguments));
            assert!(!b.is_empty(), "{query:?}");
            assert_eq!(a, b, "{query:?}");
        }
    }

    #[test]
    fn dnf_reads_the_groups() {
        let dir = tempfile::tempdir().expect("temporary folder");
        repository(dir.path(), Some(&comps::text()));
        let text =
            dnf(dir.path(), &["group", "info", "--hidden", "core", "virtualization-hypervisor"]);
        for line in ["Group: Core", "openssh-server", "qemu-kvm-ev", "qemu-img-ev"] {
            assert!(text.lines().any(|l| l.trim() == line), "{line} in {text}");
        }
        let text = dnf(dir.path(), &["group", "info", "minimal"]);
        assert!(text.contains("Environment Group: Minimal Install"), "{text}");
    }

    #[test]
    fn same_packages_same_metadata() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let read = |name: &str| {
            repository(&dir.path().join(name), Some(&comps::text()));
            fs::read(dir.path().join(name).join("repodata/repomd.xml")).expect("repomd")
        };
        assert_eq!(read("a"), read("b"));
    }

    #[test]
    fn finds_unmet_needs() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let records = repository(dir.path(), None);
        let lines = unmet(&records, &[]);
        let wanted = |line: &str| lines.iter().any(|l| l == line);
        assert!(wanted("probe needs glibc >= 2.36-9") && wanted("second needs b"), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("config(")), "{lines:?}");
        let mut other = records[0].clone();
        other.provides = ["glibc", "b", "/bin/sh"].map(Dependency::any).to_vec();
        assert_eq!(unmet(&records, &[&[other]]), Vec::<String>::new());
    }

    #[test]
    fn damaged_packages_are_named() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("broken.rpm");
        for bytes in [&b""[..], b"not an RPM at all, but long enough for a lead to be tried"] {
            fs::write(&path, bytes).expect("file");
            let error = record(&path, "broken.rpm").expect_err("damage");
            assert!(error.message.contains("broken.rpm"), "{error}");
        }
    }
}
