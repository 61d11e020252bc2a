//! A request for packages.

use std::collections::BTreeSet;

/// A request in the words of a kickstart's `%packages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `NAME`, `NAME.ARCH`, a NEVRA, `@group`, `@^environment`, `/path`, a capability (with a
    /// version: `NAME >= 1`), or a glob of these.
    pub install: Vec<String>,
    /// What is taken back from the groups and names above, as `-NAME` of a kickstart: names or
    /// globs. What another package requires is installed all the same.
    pub deselect: Vec<String>,
    /// Groups that the environments are to go without, by id.
    pub without_groups: Vec<String>,
    /// Packages that are not to be used at all, as if no repository had them: names or globs.
    pub exclude: Vec<String>,
    /// Wanted where the media have them.
    pub if_available: Vec<String>,
    /// Groups without their default members (`--nodefaults`), by id.
    pub without_defaults: BTreeSet<String>,
    /// Groups with their optional members (`--optional`), by id.
    pub with_optional: BTreeSet<String>,
    /// Whether what no repository has of `install` is only noted (`--ignoremissing`).
    pub ignore_missing: bool,
    /// Installed in any case: it is an error that no repository has one of them.
    pub required: Vec<String>,
}

impl Request {
    /// Reads words as lines of `%packages`: `-NAME`, `-@GROUP`, `@GROUP --nodefaults` or
    /// `--optional` too.
    pub fn of_words(install: &[String], exclude: &[String]) -> Self {
        let mut request = Self { exclude: exclude.to_vec(), ..Self::default() };
        for word in install {
            let word = word.trim();
            if let Some(group) = word.strip_prefix("-@") {
                request.without_groups.push(group.to_owned());
                request.install.retain(|other| other.strip_prefix('@') != Some(group));
            } else if let Some(name) = word.strip_prefix('-') {
                request.deselect.push(name.to_owned());
            } else if let Some(group) = word.strip_suffix(" --nodefaults") {
                request.without_defaults.insert(group.trim_start_matches('@').to_owned());
                request.install.push(group.to_owned());
            } else if let Some(group) = word.strip_suffix(" --optional") {
                request.with_optional.insert(group.trim_start_matches('@').to_owned());
                request.install.push(group.to_owned());
            } else {
                request.install.push(word.to_owned());
            }
        }
        request
    }
}
