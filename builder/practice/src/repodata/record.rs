//! What the metadata says of one package, as XML.

use crate::error::{Context, Result};
use formats::file_type::DIRECTORY;
use formats::rpmfile::{Dependency, PackagedFile, RpmFile, flag, sense};
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
    let rpm = RpmFile::read(bytes.as_slice()).or_build(what)?;
    let package = &rpm.package;
    let file = |file: &PackagedFile| {
        (String::from_utf8_lossy(&file.path).into_owned(), file.kind() == DIRECTORY)
    };
    let mut list = String::new();
    let files: Vec<(String, bool)> = package.files.iter().map(file).collect();
    for ((path, directory), file) in files.iter().zip(&package.files) {
        let kind = match (directory, file.is(flag::GHOST)) {
            (true, _) => " type=\"dir\"",
            (false, true) => " type=\"ghost\"",
            _ => "",
        };
        let _ = writeln!(list, "  <file{kind}>{}</file>", escape(path));
    }
    let version = format!(
        "<version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>",
        package.epoch.unwrap_or(0),
        escape(&package.version),
        escape(&package.release)
    );
    let head = format!(
        "<package pkgid=\"{digest}\" name=\"{}\" arch=\"{}\">\n  {version}\n",
        escape(&package.name),
        package.arch
    );
    let about = About { version, href, digest, size: bytes.len() as u64 };
    Ok(PackageRecord {
        primary: primary(&rpm, &files, &about),
        filelists: format!("{head}{list}</package>\n"),
        other: format!("{head}</package>\n"),
        name: package.name.clone(),
        provides: package.provides.clone(),
        requires: package.requires.clone(),
        files,
        build_time: package.build_time,
    })
}

/// What the metadata says of a package that is not in its header.
struct About<'a> {
    version: String,
    href: &'a str,
    digest: String,
    size: u64,
}

fn primary<R>(rpm: &RpmFile<R>, files: &[(String, bool)], about: &About<'_>) -> String {
    let package = &rpm.package;
    let mut out = format!(
        "<package type=\"rpm\">\n  <name>{}</name>\n  <arch>{}</arch>\n  {}\n  \
         <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n  \
         <summary>{}</summary>\n  <description>{}</description>\n  <packager/>\n  <url/>\n  \
         <time file=\"{time}\" build=\"{time}\"/>\n  \
         <size package=\"{}\" installed=\"{}\" archive=\"0\"/>\n  \
         <location href=\"{}\"/>\n  <format>\n    <rpm:license>{}</rpm:license>\n    \
         <rpm:vendor>{}</rpm:vendor>\n    <rpm:group>{}</rpm:group>\n    \
         <rpm:buildhost>{}</rpm:buildhost>\n    <rpm:sourcerpm>{}</rpm:sourcerpm>\n    \
         <rpm:header-range start=\"{}\" end=\"{}\"/>\n",
        escape(&package.name),
        package.arch,
        about.version,
        about.digest,
        escape(&package.summary),
        escape(&package.description),
        about.size,
        package.size,
        escape(about.href),
        escape(&package.license),
        escape(&package.vendor),
        escape(&package.group),
        escape(&package.build_host),
        escape(&package.source),
        rpm.header_at,
        rpm.header_at + rpm.header.bytes().len() as u64,
        time = package.build_time,
    );
    // As createrepo_c: nothing that rpm itself or the package offers.
    let external = |need: &&Dependency| {
        let own = |offer: &Dependency| offer.name == need.name && offer.version == need.version;
        !need.name.starts_with("rpmlib(") && !package.provides.iter().any(own)
    };
    list(&mut out, "provides", package.provides.iter());
    list(&mut out, "requires", package.requires.iter().filter(external));
    list(&mut out, "obsoletes", package.obsoletes.iter());
    list(&mut out, "recommends", package.recommends.iter());
    for (path, directory) in files.iter().filter(|(path, _)| is_primary(path)) {
        let kind = if *directory { " type=\"dir\"" } else { "" };
        let _ = writeln!(out, "    <file{kind}>{}</file>", escape(path));
    }
    out.push_str("  </format>\n</package>\n");
    out
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
    let flags = match entry.relation() {
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
    let before = sense::SCRIPT_PRE | sense::SCRIPT_POST | sense::PREREQ;
    if requires && entry.flags & before != 0 {
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
