//! A kickstart in normal form: every command and section once, as it takes effect,
//! with the dialect's own names and in a fixed order.

use super::dialect::{Arguments, COMMANDS, Command};
use super::merging::Merging;
use super::options::{Parsed, boolean, option_names, required_names};
use super::sections::KickstartItem;
use std::fmt;

/// The whole file. [`fmt::Display`] writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Commands, ordered as they are written.
    pub(super) statements: Vec<Statement>,
    /// Sections except `%packages`, in the order of the file.
    pub(super) sections: Vec<Section>,
    /// Header of `%packages`, if there is one.
    pub(super) packages: Option<Statement>,
    /// `%include` lines within `%packages`.
    pub(super) package_includes: Vec<String>,
}

/// A command, or a section's header.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    /// The command's name, of several the first.
    pub name: &'static str,
    /// Options in the dialect's order; `None` for a flag.
    pub options: Vec<(&'static str, Option<String>)>,
    /// Arguments, or every word after a command whose options are an outside program's.
    pub arguments: Vec<String>,
}

impl fmt::Debug for Statement {
    /// Without values: they may be passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(...)", self.name)
    }
}

/// A section with its lines as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// Its header.
    pub header: Statement,
    /// The text between header and `%end`.
    pub body: String,
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.header.fmt(f)
    }
}

/// Commands of which the last one counts, whichever it is.
const ALTERNATIVES: [&[&str]; 3] =
    [&["cmdline", "graphical", "text"], &["halt", "poweroff", "reboot"], &["install", "upgrade"]];

/// Options that replace each other: the last one counts.
const CHOICES: [&[&str]; 5] = [
    &["--iscrypted", "--plaintext"],
    &["--all", "--linux", "--none"],
    &["--disabled", "--enforcing", "--permissive"],
    &["--disabled", "--enabled", "--reconfig"],
    &["--nolvm", "--type"],
];

impl Document {
    /// Takes a command or section in.
    pub(super) fn add(&mut self, command: &Command, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
        let statement = statement(command, parsed);
        let Some(body) = &item.body else {
            return self.command(command, statement);
        };
        if command.name == "%packages" {
            self.packages = Some(merged(self.packages.take(), statement, command));
            return;
        }
        let body: String = body.iter().map(|(_, line)| format!("{line}\n")).collect();
        let script = command.arguments != Arguments::Free;
        if !(script && body.trim().is_empty()) {
            self.sections.push(Section { header: statement, body });
        }
    }

    fn command(&mut self, command: &Command, statement: Statement) {
        let name = statement.name;
        if command.repeats() {
            return self.statements.push(statement);
        }
        let rivals = ALTERNATIVES.iter().find(|group| group.contains(&name));
        self.statements.retain(|s| s.name == name || !rivals.is_some_and(|g| g.contains(&s.name)));
        match self.statements.iter().position(|s| s.name == name) {
            Some(index) => {
                let before = self.statements.remove(index);
                self.statements.push(merged(Some(before), statement, command));
            }
            None => self.statements.push(statement),
        }
    }

    /// Adds a `%include` line that is outside every section.
    pub(super) fn include(&mut self, words: &[&str]) {
        let arguments = words.iter().skip(1).map(|w| (*w).to_owned()).collect();
        let name = if words.first() == Some(&"%ksappend") { "%ksappend" } else { "%include" };
        self.statements.push(Statement { name, options: Vec::new(), arguments });
    }

    /// Takes a `%include` line of `%packages` in.
    pub(super) fn include_packages(&mut self, line: &str) {
        self.package_includes.push(line.to_owned());
    }
}

impl Statement {
    /// Whether the option is present, with a value that is not empty if it takes one.
    fn says(&self, name: &str) -> bool {
        self.options.iter().any(|(n, v)| *n == name && v.as_deref() != Some(""))
    }

    pub(super) fn set(&mut self, name: &'static str, value: Option<&str>) {
        self.options.retain(|(n, _)| *n != name);
        self.options.push((name, value.map(str::to_owned)));
    }

    /// With defaults that are easily overlooked written out, and newer spellings in the
    /// place of older ones.
    pub(super) fn explicit(&self) -> Self {
        let mut full = self.clone();
        let command = COMMANDS.iter().find(|c| c.name == self.name);
        let needed = command.map(required_names).unwrap_or_default();
        full.options.retain(|(name, value)| value.as_deref() != Some("") || needed.contains(name));
        let crypted = self.says("--iscrypted") || self.says("--plaintext");
        match self.name {
            "rootpw" | "sshpw" if !self.arguments.is_empty() && !crypted => {
                full.set("--plaintext", None);
            }
            "user" if self.says("--password") && !crypted => full.set("--plaintext", None),
            "keyboard" if self.says("--vckeymap") => full.arguments.clear(),
            "bootloader" if !self.says("--location") && !self.says("--disabled") => {
                full.set("--location", Some("mbr"));
            }
            "autopart" => scheme(&mut full),
            // Of two lines the address counts, whichever is later, as in pykickstart.
            "url" if self.says("--url") => full.options.retain(|(n, _)| *n != "--mirrorlist"),
            "firewall" => firewall(&mut full),
            "network" => network(&mut full),
            _ => {}
        }
        if let Some(command) = command {
            in_order(command, &mut full.options);
        }
        full
    }
}

/// `--nolvm` and `--type=partition` are `--type=plain`.
fn scheme(autopart: &mut Statement) {
    let plain = autopart.says("--nolvm");
    autopart.options.retain(|(name, _)| *name != "--nolvm");
    let given = autopart.options.iter().find(|(name, _)| *name == "--type");
    let given = given.and_then(|(_, v)| v.as_deref()).map(str::to_ascii_lowercase);
    match given.as_deref() {
        Some("partition") => autopart.set("--type", Some("plain")),
        Some(kind) => autopart.set("--type", Some(kind)),
        None if plain => autopart.set("--type", Some("plain")),
        None => {}
    }
}

/// One list of each; `--ssh` and its like are services.
fn firewall(firewall: &mut Statement) {
    if firewall.says("--disabled") {
        return;
    }
    firewall.set("--enabled", None);
    let old = ["--ftp", "--http", "--smtp", "--ssh"];
    let flags: Vec<&str> =
        old.into_iter().filter(|o| firewall.says(o)).map(|o| o.trim_start_matches('-')).collect();
    firewall.options.retain(|(name, _)| !old.contains(name));
    for name in ["--port", "--service", "--remove-service"] {
        let given = firewall.options.iter().filter(|(n, _)| *n == name);
        let mut all: Vec<String> = given.filter_map(|(_, value)| value.clone()).collect();
        if name == "--service" {
            all.extend(flags.iter().map(|f| (*f).to_owned()));
        }
        if !all.is_empty() {
            firewall.set(name, Some(&all.join(",")));
        }
    }
}

/// Interfaces start at boot, and by DHCP, unless the line says otherwise. A line that is
/// only a host name is not an interface's.
fn network(network: &mut Statement) {
    let given = network.options.iter().find(|(name, _)| *name == "--onboot");
    match given.and_then(|(_, value)| boolean(value.as_deref()?)) {
        Some(true) => network.options.retain(|(name, _)| *name != "--onboot"),
        Some(false) => network.set("--onboot", Some("off")),
        None => {}
    }
    let bare = matches!(network.options[..], [("--hostname", _)]);
    if !bare && !network.says("--bootproto") {
        network.set("--bootproto", Some("dhcp"));
    }
}

fn statement(command: &Command, parsed: &Parsed<'_>) -> Statement {
    let mut options = Vec::new();
    // `services` has lists of both.
    let choices = CHOICES.iter().filter(|_| command.name != "services");
    let replaced = |name: &str| {
        let group = choices.clone().find(|group| group.contains(&name));
        let mut given = parsed.options.iter().rev().map(|(n, _)| *n);
        group.is_some_and(|g| given.find(|n| g.contains(n)) != Some(name))
    };
    for (name, flag) in option_names(command).into_iter().filter(|(name, _)| !replaced(name)) {
        for (_, value) in parsed.options.iter().filter(|(n, _)| *n == name) {
            options.push((name, (!flag).then(|| value.text.to_owned())));
        }
    }
    let arguments = parsed.arguments.iter().map(|w| w.text.clone()).collect();
    Statement { name: command.canonical(), options, arguments }
}

/// Puts options into the dialect's order.
fn in_order(command: &Command, options: &mut [(&'static str, Option<String>)]) {
    let order = option_names(command);
    options.sort_by_key(|(name, _)| order.iter().position(|(n, _)| n == name));
}

/// What two uses of a command mean together.
fn merged(before: Option<Statement>, mut last: Statement, command: &Command) -> Statement {
    let Some(before) = before.filter(|_| command.arguments != Arguments::Free) else { return last };
    let merging = Merging::of(command.canonical());
    let given: Vec<&str> = last.options.iter().map(|(name, _)| *name).collect();
    let stays = |name: &str, value: &Option<String>| {
        !given.contains(&name) && merging.stays(name, value.is_none(), &given)
    };
    let kept: Vec<_> = before.options.into_iter().filter(|(n, v)| stays(n, v)).collect();
    last.options.extend(kept);
    in_order(command, &mut last.options);
    if last.arguments.is_empty() && !merging.resets_arguments {
        last.arguments = before.arguments;
    }
    last
}
