//! primary.xml: what each package is, provides and needs. And filelists.xml, for file
//! dependencies beyond what primary lists. Source: createrepo_c's metadata documentation.

pub use super::relation::{Compare, Relation};

use super::repomd::inside;
use super::unpack::Records;
use crate::base::malformed::Malformed;
use crate::base::xml::{self, Attributes, Token};
use crate::packages::checksum::Checksum;
use crate::packages::media::{is_absolute, path_on_disc};
use formats::digest::DigestKind;
use formats::rpmfile::Evr;
use std::collections::HashMap;
use std::io::Read;

/// A package of a repository.
#[derive(Clone, Debug)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Epoch, version, release.
    pub evr: Evr,
    /// Architecture.
    pub arch: String,
    /// Checksum of the RPM file.
    pub checksum: Checksum,
    /// Size of the RPM file in bytes.
    pub size: u64,
    /// Size of its files in bytes.
    pub installed: u64,
    /// When it was built, seconds since 1970.
    pub built: i64,
    /// Path of the RPM below the repository.
    pub location: String,
    /// Source package's file name.
    pub source: String,
    /// What it provides.
    pub provides: Vec<Relation>,
    /// What it requires.
    pub requires: Vec<Relation>,
    /// What it conflicts with.
    pub conflicts: Vec<Relation>,
    /// What it replaces.
    pub obsoletes: Vec<Relation>,
    /// The files that primary lists (in bin and etc directories).
    pub files: Vec<String>,
    /// Index of its repository in the catalog.
    pub repo: usize,
}

impl Package {
    /// `name-[epoch:]version-release.arch`.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr, self.arch)
    }

    /// The package with its checksum, by the kind and value that were read. One that cannot be
    /// named, fetched or checked is refused.
    ///
    /// # Errors
    /// What it lacks, or what is wrong with its checksum.
    pub(super) fn complete(mut self, (kind, value): (&str, &str)) -> Result<Self, Malformed> {
        let lacking = [
            (self.name.as_str(), "name"),
            (&self.arch, "architecture"),
            (&self.evr.version, "version"),
            (&self.location, "location"),
            (value, "checksum"),
        ];
        if let Some((_, what)) = lacking.iter().find(|(value, _)| value.is_empty()) {
            return Err(format!("the package `{}` lacks its {what}", self.nevra()).into());
        }
        let release = self.evr.release.as_deref().unwrap_or_default();
        let named = [self.name.as_str(), &self.arch, &self.evr.version, release];
        let fit = |c: char| !c.is_control() && !c.is_whitespace() && c != '/';
        if let Some(text) = named.iter().find(|text| !text.chars().all(fit)) {
            return Err(format!(
                "`{}` is not a name, version or architecture",
                text.escape_debug()
            )
            .into());
        }
        self.checksum = Checksum::parse(kind, value)
            .map_err(|e| format!("the package `{}`: {e}", self.nevra()))?;
        Ok(self)
    }

    /// A package of which nothing is known yet; it is one when it is [complete](Self::complete).
    pub(super) fn empty(repo: usize) -> Self {
        Self {
            name: String::new(),
            evr: Evr { epoch: 0, version: String::new(), release: Some(String::new()) },
            arch: String::new(),
            checksum: Checksum::of(DigestKind::Sha256, &[]),
            size: 0,
            installed: 0,
            built: 0,
            location: String::new(),
            source: String::new(),
            provides: Vec::new(),
            requires: Vec::new(),
            conflicts: Vec::new(),
            obsoletes: Vec::new(),
            files: Vec::new(),
            repo,
        }
    }
}

/// Reads primary.xml; every package gets `repo` as its repository.
///
/// # Errors
/// What is wrong with the XML and at which byte.
pub fn parse(bytes: &[u8], repo: usize) -> Result<Vec<Package>, Malformed> {
    read(bytes, repo)
}

/// As [`parse`], piece by piece.
pub(super) fn read(from: impl Read, repo: usize) -> Result<Vec<Package>, Malformed> {
    let mut packages = Vec::new();
    let mut records = Records::default();
    let mut current: Option<Package> = None;
    let mut list: Option<List> = None;
    let (mut kind, mut sum) = (String::new(), String::new());
    xml::parse(from, |token| {
        match token {
            Token::Start("package", _) => {
                current = Some(Package::empty(repo));
                sum.clear();
            }
            Token::End("package", _) => {
                if let Some(package) = current.take() {
                    records.add(1)?;
                    packages.push(package.complete((&kind, &sum))?);
                }
            }
            Token::Start(name, attributes) => {
                let Some(package) = &mut current else { return Ok(()) };
                match (name, list) {
                    ("checksum", _) => kind = attributes.get("type")?,
                    ("rpm:entry", Some(list)) => {
                        records.add(1)?;
                        list.of(package).push(relation(&attributes)?);
                    }
                    _ => match List::named(name) {
                        Some(named) => list = Some(named),
                        None => scalar(package, name, &attributes)?,
                    },
                }
            }
            Token::End(name, text) => {
                let Some(package) = &mut current else { return Ok(()) };
                match name {
                    "name" => text.clone_into(&mut package.name),
                    "arch" => text.clone_into(&mut package.arch),
                    "checksum" => text.clone_into(&mut sum),
                    "rpm:sourcerpm" => text.clone_into(&mut package.source),
                    "file" => {
                        records.add(1)?;
                        package.files.push(text.to_owned());
                    }
                    _ if List::named(name).is_some() => list = None,
                    _ => {}
                }
            }
        }
        Ok(())
    })?;
    Ok(packages)
}

/// One of a package's four lists of relations.
#[derive(Clone, Copy)]
enum List {
    Provides,
    Requires,
    Conflicts,
    Obsoletes,
}

impl List {
    fn named(element: &str) -> Option<Self> {
        Some(match element {
            "rpm:provides" => Self::Provides,
            "rpm:requires" => Self::Requires,
            "rpm:conflicts" => Self::Conflicts,
            "rpm:obsoletes" => Self::Obsoletes,
            _ => return None,
        })
    }

    fn of(self, package: &mut Package) -> &mut Vec<Relation> {
        match self {
            Self::Provides => &mut package.provides,
            Self::Requires => &mut package.requires,
            Self::Conflicts => &mut package.conflicts,
            Self::Obsoletes => &mut package.obsoletes,
        }
    }
}

fn scalar(package: &mut Package, name: &str, attributes: &Attributes) -> Result<(), Malformed> {
    match name {
        "version" => package.evr = evr(attributes)?.1,
        "location" => {
            package.location = located(&attributes.get("xml:base")?, &attributes.get("href")?)?;
        }
        "time" => package.built = number(&attributes.get("build")?)?,
        "size" => {
            package.size = number(&attributes.get("package")?)?;
            package.installed = number(&attributes.get("installed")?)?;
        }
        _ => {}
    }
    Ok(())
}

/// The path of a package within its repository, or on a disc of a set
/// (`xml:base="media://TIMESTAMP#NUMBER"`, as `createrepo --split` writes it), or its URL where
/// `xml:base` is one.
pub(super) fn located(base: &str, href: &str) -> Result<String, Malformed> {
    inside(href)?;
    if is_absolute(base) {
        inside(base.split_once("://").map_or("", |(_, rest)| rest))?;
        return Ok(format!("{}/{href}", base.trim_end_matches('/')));
    }
    let number = base.strip_prefix("media:").and_then(|rest| rest.rsplit_once('#'));
    Ok(match number.and_then(|(_, number)| number.parse().ok()) {
        Some(number) => path_on_disc(number, href),
        None => href.to_owned(),
    })
}

/// An attribute's number; 0 when the attribute is absent.
fn number<T: std::str::FromStr + Default>(text: &str) -> Result<T, Malformed> {
    if text.is_empty() {
        return Ok(T::default());
    }
    text.parse().map_err(|_| format!("`{text}` is not a number that fits").into())
}

/// The attributes of a version or an entry: name and flags, and what they are of.
fn evr(attributes: &Attributes) -> Result<((String, Option<Compare>), Evr), Malformed> {
    let (mut name, mut compare) = (String::new(), None);
    let mut evr = Evr { epoch: 0, version: String::new(), release: None };
    attributes.each(|key, value| {
        match key {
            "name" => value.clone_into(&mut name),
            "flags" => compare = Compare::of_flags(value),
            "epoch" => evr.epoch = number(value)?,
            "ver" => value.clone_into(&mut evr.version),
            "rel" => evr.release = Some(value.to_owned()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(((name, compare), evr))
}

fn relation(attributes: &Attributes) -> Result<Relation, Malformed> {
    let ((name, compare), evr) = evr(attributes)?;
    if name.is_empty() {
        return Err("a relation without a name".into());
    }
    Ok(Relation { name, version: compare.map(|compare| (compare, evr)) })
}

/// Which packages (by RPM checksum) own the files `wanted`, from filelists.xml.
///
/// # Errors
/// What is wrong with the XML and at which byte.
pub fn owners(
    from: impl Read,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<HashMap<String, Vec<String>>, Malformed> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    let mut package = String::new();
    xml::parse(from, |token| {
        match token {
            Token::Start("package", attributes) => {
                package = attributes.get("pkgid")?.to_ascii_lowercase();
            }
            Token::End("file", path) if wanted(path) => {
                found.entry(path.to_owned()).or_default().push(package.clone());
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(inside: &str) -> String {
        let text = format!("<metadata><package><name>a</name>{inside}</package></metadata>");
        parse(text.as_bytes(), 0).unwrap_err().to_string()
    }

    #[test]
    fn a_package_is_where_xml_base_says() {
        let at = |base: &str| located(base, "Packages/a.rpm").map_err(|e| e.to_string());
        assert_eq!(at("").unwrap(), "Packages/a.rpm");
        assert_eq!(at("http://192.0.2.1/pool/").unwrap(), "http://192.0.2.1/pool/Packages/a.rpm");
        assert!(at("http://192.0.2.1/a/../../b").unwrap_err().contains("not within"));
        assert_eq!(at("media://1.2#3").unwrap(), path_on_disc(3, "Packages/a.rpm"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_byte() {
        let rest = "<arch>x86_64</arch><version ver='1' rel='1'/><checksum type='md5'>00112233445566778899aabbccddeeff</checksum>";
        for (inside, message) in [
            ("<version epoch='x' ver='1'/>", "`x` is not a number that fits at byte 33"),
            ("<version epoch='4294967296' ver='1'/>", "`4294967296` is not a number that fits"),
            ("<size package='-1'/>", "`-1` is not a number that fits"),
            ("<rpm:requires><rpm:entry flags='EQ'/></rpm:requires>", "a relation without a name"),
            ("<version ver='1' ver='2'/>", "at byte 33"),
            ("<arch>&nothing;</arch>", "unknown entity &nothing; at byte 39"),
            ("", "`a--.` lacks"),
            (&format!("{rest}<location href='../../etc/passwd'/>"), "not within the repository"),
            (&format!("{rest}<location href='/etc/passwd'/>"), "not within the repository"),
            (&"<x>".repeat(70), "more than 64 elements"),
        ] {
            let said = error(inside);
            assert!(said.contains(message) && said.contains("at byte"), "{inside}: {said}");
        }
        assert!(
            parse(b"<metadata>\xff</metadata>", 0)
                .unwrap_err()
                .to_string()
                .contains("not UTF-8 at byte 10")
        );
    }
}
