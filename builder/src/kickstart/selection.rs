//! What `%packages` asks for, as values.

use std::collections::HashMap;

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

/// The entries of `%packages` while it is read, found by their name, however many there are.
#[derive(Debug, Default)]
pub struct Entries {
    /// Names and globs: whether each is asked for, by the last entry, and that entry's number.
    names: HashMap<String, (bool, usize)>,
    groups: HashMap<String, (Members, usize)>,
    excluded_groups: HashMap<String, usize>,
    /// How many entries there were.
    count: usize,
}

impl Entries {
    /// A name or glob, asked for or left out.
    pub fn set_name(&mut self, name: &str, included: bool) {
        self.count += 1;
        let entry = self.names.entry(name.to_owned()).or_insert((included, self.count));
        if entry.0 != included {
            *entry = (included, self.count);
        }
    }

    /// A group asked for; of several entries the first one says which of its packages.
    pub fn add_group(&mut self, name: &str, members: Members) {
        self.count += 1;
        self.groups.entry(name.to_owned()).or_insert((members, self.count));
    }

    /// A group left out.
    pub fn exclude_group(&mut self, name: &str) {
        self.count += 1;
        self.groups.remove(name);
        self.excluded_groups.entry(name.to_owned()).or_insert(self.count);
    }

    /// Puts all of them into `packages`, in the order of the file.
    pub fn write_to(&self, packages: &mut Packages) {
        let named = |included: bool| {
            let names = self.names.iter().filter(|(_, (is, _))| *is == included);
            in_order(names.map(|(name, (_, number))| (*number, name.clone())))
        };
        (packages.names, packages.excluded) = (named(true), named(false));
        packages.excluded_groups =
            in_order(self.excluded_groups.iter().map(|(name, number)| (*number, name.clone())));
        packages.groups = in_order(self.groups.iter().map(|(name, (members, number))| {
            (*number, PackageGroup { name: name.clone(), members: *members })
        }));
    }
}

/// The items by their numbers.
fn in_order<T>(numbered: impl Iterator<Item = (usize, T)>) -> Vec<T> {
    let mut items: Vec<(usize, T)> = numbered.collect();
    items.sort_unstable_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, item)| item).collect()
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
