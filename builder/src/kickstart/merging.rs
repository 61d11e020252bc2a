//! What two uses of a command mean together, where the last one counts.

/// What a later use of a command makes of an earlier one, where it is not the rule: values stay
/// until they are given again, flags do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Merging {
    /// Flags that a later use without them does not take back.
    pub lasting: &'static [&'static str],
    /// Options whose value a later use without them takes back.
    pub reset: &'static [&'static str],
    /// Options that exclude each other: the later use's replaces the other.
    pub exclusive: &'static [&'static str],
    /// Whether a later use without arguments takes them back.
    pub resets_arguments: bool,
}

/// By the command's name; what pykickstart's RHEL 7 handler has as default values of options.
const MERGING: [(&str, Merging); 9] = [
    ("%packages", merging(&["--default"], &[], &[])),
    ("autopart", merging(&["--nolvm"], &[], &["--nolvm", "--type"])),
    ("bootloader", merging(&[], &["--boot-drive", "--location", "--password"], &[])),
    ("clearpart", merging(&["--all", "--linux", "--none"], &["--disklabel"], &[])),
    ("firewall", merging(&["--ftp", "--http", "--smtp", "--ssh"], &[], &[])),
    ("keyboard", merging(&[], &["--vckeymap"], &[])),
    ("logging", merging(&[], &["--level"], &[])),
    ("selinux", merging(&["--disabled", "--enforcing", "--permissive"], &[], &[])),
    (
        "timezone",
        Merging { resets_arguments: true, ..merging(&[], &[], &["--nontp", "--ntpservers"]) },
    ),
];

const fn merging(
    lasting: &'static [&'static str],
    reset: &'static [&'static str],
    exclusive: &'static [&'static str],
) -> Merging {
    Merging { lasting, reset, exclusive, resets_arguments: false }
}

impl Merging {
    /// That of a command.
    pub fn of(name: &str) -> Self {
        MERGING.iter().find(|(n, _)| *n == name).map(|(_, m)| *m).unwrap_or_default()
    }

    /// Whether an earlier use's option counts after a later use that lacks it and has `later`.
    pub fn stays(&self, option: &str, is_flag: bool, later: &[&str]) -> bool {
        let has = |options: &[&str]| later.iter().any(|name| options.contains(name));
        if self.exclusive.contains(&option) && has(self.exclusive) {
            return false;
        }
        match self.lasting.contains(&option) {
            true => !has(self.lasting),
            false => !is_flag && !self.reset.contains(&option),
        }
    }
}
