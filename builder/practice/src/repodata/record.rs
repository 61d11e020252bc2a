//! What the metadata says of one package, as XML.

use crate::error::{Context, Result};
use rpm::{Dependency, DependencyFlags, FileType, PackageMetadata};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What the metadata says of one package.
#[derive(Clone, Debug)]
pub struct PackageRecord {
    /// The package's name.
    pub name: String,
    /// Names, sonames and paths it offers.
    pub provides: Vec<Dependency>,
    /// What it needs.
    pub requires: Vec<Dependency>,
    /// Every path in it.
    pub files: Vec<(String, bool)>,
    /// When it was built, seconds since 1970.
    pub build_time: u64,
    /// Its element of the primary metadata.
    pub primary: String,
    /// Its element of the lists of files.
    pub filelists: String,
    /// Its element of the rest.
    pub other: String,
}

/// Reads a package's header for the metadata; `href` is its place in the repository.
pub fn record(path: &Path, href: &str) -> Result<PackageRecord> {
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
) -> std::result::Result<PackageRecord, rpm::Error> {
    let files = header.get_file_entries()?;
    let mut record = PackageRecord {
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
    record: &PackageRecord,
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
