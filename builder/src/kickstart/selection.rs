//! What `%packages` asks for, as values.

/// What `%packages` asks for. The groups' members are known to the repositories only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// `--nocore`: without the group `core`, which is installed otherwise.
    pub no_core: bool,
    /// `--ignoremissing`: what no repository has is left out.
    pub ignore_missing: bool,
    /// `--excludedocs`: files that packages mark as documentation are not installed.
    pub no_docs: bool,
    /// `--instLangs`: of files in a language only those of these, joined by colons.
    pub languages: Option<String>,
    /// `@^environment`.
    pub environment: Option<String>,
    /// `@group`, in order, without repeats.
    pub groups: Vec<PackageGroup>,
    /// Names and globs, in order, without repeats.
    pub names: Vec<String>,
    /// `-name`: names and globs, in order, without repeats.
    pub excluded: Vec<String>,
    /// `-@group`.
    pub excluded_groups: Vec<String>,
}

/// A group asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageGroup {
    /// Its id or its name as shown to users.
    pub name: String,
    /// Which of its packages.
    pub members: Members,
}

/// Which packages of a group; conditional ones follow yum's rule in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// `--nodefaults`: mandatory ones.
    Mandatory,
    /// Mandatory and default ones.
    Default,
    /// `--optional`: all.
    All,
}
