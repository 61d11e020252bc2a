//! primary.xml: what each package is, provides and needs. And filelists.xml, for file
//! dependencies beyond what primary lists. Source: createrepo_c's metadata documentation.

use super::version::Evr;
use super::xml::{self, Attributes, Token};
use crate::media::path_on_disc;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

/// How a dependency compares versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterEqual,
    /// `>`
    Greater,
}

/// A dependency or capability: a name, perhaps with a version condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Package name, file path, soname or other capability.
    pub name: String,
    /// The condition.
    pub version: Option<(Compare, Evr)>,
}

impl Relation {
    /// Reads `NAME` or `NAME SIGN [EPOCH:]VERSION[-RELEASE]`, as a user writes it.
    pub fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let bare = || Self { name: text.to_owned(), version: None };
        let [name, sign, version] = words[..] else { return bare() };
        let compare = match sign {
            "<" => Compare::Less,
            "<=" => Compare::LessEqual,
            "=" | "==" => Compare::Equal,
            ">=" => Compare::GreaterEqual,
            ">" => Compare::Greater,
            _ => return bare(),
        };
        Self { name: name.to_owned(), version: Some((compare, Evr::parse(version))) }
    }

    /// Whether `provided` meets this requirement, as rpm judges (`rpmdsCompare`): ranges have to
    /// overlap, and a capability without version meets any condition.
    pub fn met_by(&self, provided: &Relation) -> bool {
        if self.name != provided.name {
            return false;
        }
        let (Some((need, wanted)), Some((have, offered))) = (&self.version, &provided.version)
        else {
            return true;
        };
        let up = |c: Compare| matches!(c, Compare::Greater | Compare::GreaterEqual);
        let down = |c: Compare| matches!(c, Compare::Less | Compare::LessEqual);
        let exact =
            |c: Compare| matches!(c, Compare::Equal | Compare::GreaterEqual | Compare::LessEqual);
        match offered.compare(wanted) {
            Ordering::Less => up(*have) || down(*need),
            Ordering::Greater => down(*have) || up(*need),
            Ordering::Equal => {
                (exact(*have) && exact(*need))
                    || (up(*have) && up(*need))
                    || (down(*have) && down(*need))
            }
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let Some((compare, evr)) = &self.version else { return Ok(()) };
        let sign = match compare {
            Compare::Less => "<",
            Compare::LessEqual => "<=",
            Compare::Equal => "=",
            Compare::GreaterEqual => ">=",
            Compare::Greater => ">",
        };
        write!(f, " {sign} {evr}")
    }
}

/// A package of a repository.
#[derive(Clone, Debug)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Epoch, version, release.
    pub evr: Evr,
    /// Architecture.
    pub arch: String,
    /// Checksum kind and lower-case hexadecimal value of the RPM file.
    pub checksum: (String, String),
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
    /// The files that primary lists (in bin and etc folders).
    pub files: Vec<String>,
    /// Index of its repository in the catalog.
    pub repo: usize,
}

impl Package {
    /// `name-[epoch:]version-release.arch`.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr, self.arch)
    }

    fn empty(repo: usize) -> Self {
        Self {
            name: String::new(),
            evr: Evr { epoch: 0, version: String::new(), release: Some(String::new()) },
            arch: String::new(),
            checksum: (String::new(), String::new()),
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
/// What is wrong with the XML and where.
pub fn parse(bytes: &[u8], repo: usize) -> Result<Vec<Package>, String> {
    let mut packages = Vec::new();
    let mut current: Option<Package> = None;
    let mut list: Option<&'static str> = None;
    xml::parse(bytes, |token| match token {
        Token::Start("package", _) => current = Some(Package::empty(repo)),
        Token::End("package", _) => packages.extend(current.take()),
        Token::Start(name, attributes) => {
            let Some(package) = &mut current else { return };
            match name {
                "rpm:provides" | "rpm:requires" | "rpm:conflicts" | "rpm:obsoletes" => {
                    list = ["provides", "requires", "conflicts", "obsoletes"]
                        .into_iter()
                        .find(|l| name.ends_with(l));
                }
                "rpm:entry" => {
                    let Some(relation) = relation(&attributes) else { return };
                    match list {
                        Some("provides") => package.provides.push(relation),
                        Some("requires") if !package.requires.contains(&relation) => {
                            package.requires.push(relation)
                        }
                        Some("conflicts") => package.conflicts.push(relation),
                        Some("obsoletes") => package.obsoletes.push(relation),
                        _ => {}
                    }
                }
                _ => scalar(package, name, &attributes),
            }
        }
        Token::End(name, text) => {
            let Some(package) = &mut current else { return };
            match name {
                "name" => text.clone_into(&mut package.name),
                "arch" => text.clone_into(&mut package.arch),
                "checksum" => text.clone_into(&mut package.checksum.1),
                "rpm:sourcerpm" => text.clone_into(&mut package.source),
                "file" => package.files.push(text.to_owned()),
                "rpm:provides" | "rpm:requires" | "rpm:conflicts" | "rpm:obsoletes" => list = None,
                _ => {}
            }
        }
    })?;
    match packages
        .iter()
        .find(|p| p.name.is_empty() || p.location.is_empty() || p.checksum.1.is_empty())
    {
        Some(p) => Err(format!("the package `{}` lacks a name, location or checksum", p.nevra())),
        None => Ok(packages),
    }
}

fn scalar(package: &mut Package, name: &str, attributes: &Attributes) {
    let number = |key: &str| attributes.get(key).and_then(|v| v.parse().ok()).unwrap_or(0);
    match name {
        "version" => {
            package.evr = Evr {
                epoch: number("epoch") as u32,
                version: attributes.get("ver").unwrap_or_default(),
                release: Some(attributes.get("rel").unwrap_or_default()),
            };
        }
        "checksum" => package.checksum.0 = attributes.get("type").unwrap_or_default(),
        "time" => package.built = number("build") as i64,
        "size" => (package.size, package.installed) = (number("package"), number("installed")),
        "location" => {
            let href = attributes.get("href").unwrap_or_default();
            package.location = match attributes.get("xml:base").as_deref().and_then(disc) {
                Some(number) => path_on_disc(number, &href),
                None => href,
            };
        }
        _ => {}
    }
}

/// The disc of a set that `xml:base="media://TIMESTAMP#NUMBER"` names, as `createrepo --split`
/// writes it.
fn disc(base: &str) -> Option<u32> {
    base.strip_prefix("media:")?.rsplit_once('#')?.1.parse().ok()
}

fn relation(attributes: &Attributes) -> Option<Relation> {
    let name = attributes.get("name")?;
    let compare = match attributes.get("flags").as_deref() {
        Some("LT") => Compare::Less,
        Some("LE") => Compare::LessEqual,
        Some("EQ") => Compare::Equal,
        Some("GE") => Compare::GreaterEqual,
        Some("GT") => Compare::Greater,
        _ => return Some(Relation { name, version: None }),
    };
    let evr = Evr {
        epoch: attributes.get("epoch").and_then(|e| e.parse().ok()).unwrap_or(0),
        version: attributes.get("ver")?,
        release: attributes.get("rel"),
    };
    Some(Relation { name, version: Some((compare, evr)) })
}

/// Which packages (by RPM checksum) own the files `wanted`, from filelists.xml.
///
/// # Errors
/// What is wrong with the XML and where.
pub fn owners(
    bytes: &[u8],
    wanted: &dyn Fn(&str) -> bool,
) -> Result<HashMap<String, Vec<String>>, String> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    let mut package = String::new();
    xml::parse(bytes, |token| match token {
        Token::Start("package", attributes) => {
            package = attributes.get("pkgid").unwrap_or_default()
        }
        Token::End("file", path) if wanted(path) => {
            found.entry(path.to_owned()).or_default().push(package.clone());
        }
        _ => {}
    })?;
    Ok(found)
}
