//! Writing a kickstart in normal form.

use super::document::{Document, Section, Statement};
use super::model::Kickstart;
use super::selection::{Members, Packages};
use std::fmt;

/// Commands about storage come last, in the order in which they build on each other.
pub(super) const STORAGE: [&str; 15] = [
    "bootloader",
    "zerombr",
    "ignoredisk",
    "clearpart",
    "autopart",
    "reqpart",
    "part",
    "raid",
    "btrfs",
    "volgroup",
    "logvol",
    "snapshot",
    "nvdimm",
    "%include",
    "%ksappend",
];

impl Kickstart {
    /// The kickstart in normal form: it parses to the same value. Passwords are in it as
    /// they were written.
    pub fn normalized(&self) -> String {
        let mut text = String::from("#version=RHEL7\n");
        text.push_str(&self.document.to_string());
        if let Some(header) = &self.document.packages {
            text.push('\n');
            text.push_str(&packages_section(self, header));
        }
        for section in &self.document.sections {
            text.push_str(&format!("\n{section}"));
        }
        text
    }
}

impl fmt::Display for Document {
    /// The commands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut statements: Vec<&Statement> = self.statements.iter().collect();
        let rank = |s: &&Statement| {
            let storage = STORAGE.iter().position(|name| *name == s.name);
            (storage.map_or(0, |n| n + 1), if storage.is_some() { "" } else { s.name })
        };
        statements.sort_by_key(rank);
        statements.into_iter().try_for_each(|statement| writeln!(f, "{}", statement.explicit()))
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        // A lone argument and a target that members follow come before the options.
        let leading = match self.arguments.len() {
            2.. if !["raid", "btrfs", "volgroup"].contains(&self.name) => 0,
            count => count.min(1),
        };
        let (first, rest) = self.arguments.split_at(leading);
        first.iter().try_for_each(|word| write!(f, " {}", quoted(word)))?;
        for (name, value) in &self.options {
            match value {
                Some(value) => write!(f, " {name}={}", quoted(value))?,
                None => write!(f, " {name}")?,
            }
        }
        rest.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}%end\n", self.header, self.body)
    }
}

/// The word as the lexer reads it back.
fn quoted(word: &str) -> String {
    let special = |c: char| c.is_whitespace() || ['"', '\'', '\\', '#'].contains(&c);
    if !word.is_empty() && !word.contains(special) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `%packages` with its header.
pub(super) fn packages_section(kickstart: &Kickstart, header: &Statement) -> String {
    let lines = packages(&kickstart.packages, &kickstart.document.package_includes);
    format!("{header}\n{lines}%end\n")
}

fn packages(packages: &Packages, includes: &[String]) -> String {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    let mut lines = includes.to_vec();
    lines.extend(packages.environment.iter().map(|e| format!("@^{e}")));
    let mut groups = packages.groups.clone();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    lines.extend(groups.iter().map(|group| {
        let members = match group.members {
            Members::Mandatory => " --nodefaults",
            Members::Default => "",
            Members::All => " --optional",
        };
        format!("@{}{members}", group.name)
    }));
    lines.extend(sorted(&packages.names));
    lines.extend(sorted(&packages.excluded_groups).iter().map(|g| format!("-@{g}")));
    lines.extend(sorted(&packages.excluded).iter().map(|p| format!("-{p}")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
