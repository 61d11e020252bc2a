//! What a package's header says, as one value.

use super::dependency::Dependency;
use super::error::Malformed;
use super::files::{PackagedFile, files};
use super::header::Header;
use super::tag;
use crate::digest::DigestKind;

/// A package's header, typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpmPackage {
    /// Name.
    pub name: String,
    /// Epoch, `None` when the package states none.
    pub epoch: Option<u32>,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Architecture.
    pub arch: String,
    /// One line about it, untranslated.
    pub summary: String,
    /// Several lines about it, untranslated.
    pub description: String,
    /// Group, untranslated.
    pub group: String,
    /// Licence.
    pub license: String,
    /// Home page, else empty.
    pub url: String,
    /// Who distributes it, else empty.
    pub vendor: String,
    /// Who packaged it, else empty.
    pub packager: String,
    /// When it was built, seconds since 1970.
    pub build_time: u64,
    /// Where it was built.
    pub build_host: String,
    /// File name of the source package.
    pub source: String,
    /// Bytes that its files have together.
    pub size: u64,
    /// Directories that it can be moved from.
    pub prefixes: Vec<String>,
    /// Files in the header's order.
    pub files: Vec<PackagedFile>,
    /// How the files' digests are made.
    pub digest: DigestKind,
    /// Scriptlets.
    pub scriptlets: Vec<Scriptlet>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
    /// What it needs.
    pub requires: Vec<Dependency>,
    /// What it offers.
    pub provides: Vec<Dependency>,
    /// What it cannot be with.
    pub conflicts: Vec<Dependency>,
    /// What it takes the place of.
    pub obsoletes: Vec<Dependency>,
    /// What it is better with.
    pub recommends: Vec<Dependency>,
}

/// When a scriptlet runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// `%pretrans`
    Pretrans,
    /// `%pre`
    Pre,
    /// `%post`
    Post,
    /// `%preun`
    Preun,
    /// `%postun`
    Postun,
    /// `%posttrans`
    Posttrans,
    /// `%verifyscript`
    Verify,
}

/// A scriptlet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scriptlet {
    /// When it runs.
    pub when: When,
    /// Interpreter with arguments; `<lua>` is rpm's own.
    pub program: Vec<String>,
    /// Its text; `None` runs the interpreter alone (`-p /sbin/ldconfig`).
    pub text: Option<String>,
}

/// A script run when another package comes or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Interpreter.
    pub program: String,
    /// Its text.
    pub text: String,
    /// The packages whose coming or going runs it, each with its sense: `flags` has 1 << 16
    /// (`%triggerin`), 1 << 17 (`%triggerun`), 1 << 18 (`%triggerpostun`), 1 << 25 (`%triggerprein`).
    pub on: Vec<Dependency>,
}

/// A list of dependencies of a package.
type DependencyList = fn(&RpmPackage) -> &[Dependency];

/// The tags of each list of dependencies.
pub(super) const DEPENDENCIES: [([u32; 3], DependencyList); 5] = [
    (tag::REQUIRES, |package| &package.requires),
    (tag::PROVIDES, |package| &package.provides),
    (tag::CONFLICTS, |package| &package.conflicts),
    (tag::OBSOLETES, |package| &package.obsoletes),
    (tag::RECOMMENDS, |package| &package.recommends),
];

/// The tags of each scriptlet's text and program.
pub(super) const SCRIPTLETS: [(When, u32, u32); 7] = [
    (When::Pretrans, tag::PRETRANS, tag::PRETRANS_PROGRAM),
    (When::Pre, tag::PRE, tag::PRE_PROGRAM),
    (When::Post, tag::POST, tag::POST_PROGRAM),
    (When::Preun, tag::PREUN, tag::PREUN_PROGRAM),
    (When::Postun, tag::POSTUN, tag::POSTUN_PROGRAM),
    (When::Posttrans, tag::POSTTRANS, tag::POSTTRANS_PROGRAM),
    (When::Verify, tag::VERIFY_SCRIPT, tag::VERIFY_PROGRAM),
];

impl RpmPackage {
    /// Types the main header.
    ///
    /// # Errors
    /// When it has no name, version, release or architecture, or lists that belong together
    /// differ in length.
    pub fn new(header: &Header) -> Result<Self, Malformed> {
        let text = |tag| header.text(tag).unwrap_or_default();
        let need = |tag, what: &str| {
            header
                .text(tag)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Malformed::header(format!("it has no {what}")))
        };
        let digest = match header.number(tag::FILE_DIGEST_ALGORITHM) {
            None => DigestKind::default(),
            Some(number) => DigestKind::from_number(number).ok_or_else(|| {
                Malformed::header(format!("file digest algorithm {number} is not known"))
            })?,
        };
        let size = header.number(tag::LONG_SIZE).or_else(|| header.number(tag::SIZE));
        Ok(Self {
            name: need(tag::NAME, "name")?,
            epoch: header.number(tag::EPOCH).map(|epoch| epoch as u32),
            version: need(tag::VERSION, "version")?,
            release: need(tag::RELEASE, "release")?,
            arch: need(tag::ARCH, "architecture")?,
            summary: text(tag::SUMMARY),
            description: text(tag::DESCRIPTION),
            group: text(tag::GROUP),
            license: text(tag::LICENSE),
            url: text(tag::URL),
            vendor: text(tag::VENDOR),
            packager: text(tag::PACKAGER),
            build_time: header.number(tag::BUILD_TIME).unwrap_or(0),
            build_host: text(tag::BUILD_HOST),
            source: text(tag::SOURCE_RPM),
            size: size.unwrap_or(0),
            prefixes: header.texts(tag::PREFIXES),
            files: files(header)?,
            digest,
            scriptlets: scriptlets(header),
            triggers: triggers(header)?,
            requires: dependencies(header, tag::REQUIRES)?,
            provides: dependencies(header, tag::PROVIDES)?,
            conflicts: dependencies(header, tag::CONFLICTS)?,
            obsoletes: dependencies(header, tag::OBSOLETES)?,
            recommends: dependencies(header, tag::RECOMMENDS)?,
        })
    }

    /// `name-[epoch:]version-release.arch`.
    pub fn nevra(&self) -> String {
        let epoch = self.epoch.filter(|&e| e != 0).map_or_else(String::new, |e| format!("{e}:"));
        format!("{}-{epoch}{}-{}.{}", self.name, self.version, self.release, self.arch)
    }
}

fn scriptlets(header: &Header) -> Vec<Scriptlet> {
    let present = |&(when, script, program): &(When, u32, u32)| {
        if !header.has(script) && !header.has(program) {
            return None;
        }
        let program = match header.texts(program) {
            none if none.is_empty() => vec!["/bin/sh".to_owned()],
            program => program,
        };
        Some(Scriptlet { when, program, text: header.text(script) })
    };
    SCRIPTLETS.iter().filter_map(present).collect()
}

/// More dependencies of one kind than any package has.
const MAX_DEPENDENCIES: usize = 1_000_000;

fn dependencies(header: &Header, tags: [u32; 3]) -> Result<Vec<Dependency>, Malformed> {
    let [names, flags, versions] = tags;
    let counts = tags.map(|tag| header.count(tag));
    if counts.iter().any(|&count| count != counts[0] || count > MAX_DEPENDENCIES) {
        let [names_, flags, versions] = counts;
        let what = format!("tag {names}: {names_} names, {flags} flags, {versions} versions");
        return Err(Malformed::header(what));
    }
    let make = |((name, flags), version)| Dependency { name, flags: flags as u32, version };
    let all = header.texts(names).into_iter().zip(header.numbers(flags));
    Ok(all.zip(header.texts(versions)).map(make).collect())
}

fn triggers(header: &Header) -> Result<Vec<Trigger>, Malformed> {
    let texts = header.texts(tag::TRIGGER_SCRIPTS);
    let programs = header.texts(tag::TRIGGER_PROGRAMS);
    if !programs.is_empty() && programs.len() != texts.len() {
        let what = format!("{} triggers, {} interpreters", texts.len(), programs.len());
        return Err(Malformed::header(what));
    }
    let program = |n: usize| programs.get(n).cloned().unwrap_or_else(|| "/bin/sh".to_owned());
    let mut triggers: Vec<Trigger> = texts
        .into_iter()
        .enumerate()
        .map(|(n, text)| Trigger { program: program(n), text, on: Vec::new() })
        .collect();
    let on = dependencies(header, tag::TRIGGERS)?;
    let indexes = header.count(tag::TRIGGER_INDEX);
    if indexes != on.len() {
        let what = format!("{} trigger conditions, {indexes} indexes", on.len());
        return Err(Malformed::header(what));
    }
    for (condition, index) in on.into_iter().zip(header.numbers(tag::TRIGGER_INDEX)) {
        let trigger = triggers
            .get_mut(index as usize)
            .ok_or_else(|| Malformed::header(format!("trigger {index} is named, not there")))?;
        trigger.on.push(condition);
    }
    Ok(triggers)
}
