//! The `%packages` section.

use super::options::Parsed;
use super::report::Fate;
use super::sections::KickstartItem;
use super::selection::Members;
use super::state::State;

/// What options change, in words.
const MORE: [(&[&str], &str); 4] = [
    (&["--ignoremissing"], "names that no repository has are left out and reported"),
    (&["--excludedocs"], "without files that they mark as documentation"),
    (&["--instLangs"], "of files for a language only those of --instLangs"),
    (&["--timeout", "--retries"], "--timeout and --retries are the installer's"),
];
/// Options that an image cannot honour.
const REFUSED: [(&str, &str); 2] = [
    ("--default", "the medium decides which environment is the default: name it, as in @^minimal"),
    ("--multilib", "nodes have one architecture: name 32-bit packages, as in glibc.i686"),
];

/// Takes the section into the kickstart. The entries of several sections add up; of their
/// flags the last section's count.
pub fn apply(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let packages = &mut state.kickstart.packages;
    packages.no_core = parsed.has("--nocore");
    packages.ignore_missing = parsed.has("--ignoremissing");
    packages.no_docs = parsed.has("--excludedocs");
    // rpm parts them by colons.
    let languages = parsed.text("--instLangs").map(|l| l.replace(',', ":"));
    let word = |l: &String| l.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@-:".contains(&b));
    packages.languages = languages.clone().filter(|l| !l.is_empty() && word(l));
    for both in ["--nobase", "--nocore"] {
        if parsed.has("--default") && parsed.has(both) {
            let hint = format!("--default means the default environment; leave out {both} or it");
            state.error(
                item.line,
                item.words[0].column,
                format!("--default and {both} exclude each other"),
                hint,
            );
        }
    }
    if parsed.has("--nobase") {
        let message = "--nobase has no effect since RHEL 7".to_owned();
        state.warning(item.line, item.words[0].column, message, "leave it out");
    }
    for (number, line) in item.body.iter().flatten() {
        // Comments may follow a name.
        let text = line.split('#').next().unwrap_or("").trim();
        if !text.is_empty() {
            let column = line.chars().take_while(|c| c.is_whitespace()).count() + 1;
            entry(state, *number, column, text);
        }
    }
    if languages.is_some() && state.kickstart.packages.languages.is_none() {
        let why = "--instLangs takes locales, as in --instLangs=en_US:cs";
        return state.report(item, Fate::Refused, why);
    }
    if let Some((option, why)) = REFUSED.into_iter().find(|(o, _)| parsed.has(o)) {
        return state.report(item, Fate::Refused, format!("{option}: {why}"));
    }
    let mut why = "the packages are installed".to_owned();
    for (options, more) in MORE {
        if options.iter().any(|o| parsed.has(o)) {
            why = format!("{why}; {more}");
        }
    }
    state.report(item, Fate::Honoured, why);
}

fn entry(state: &mut State<'_>, line: usize, column: usize, text: &str) {
    let packages = &mut state.kickstart.packages;
    let name = text.trim_start_matches(['-', '@', '^']);
    if text.starts_with("%include") || text.starts_with("%ksappend") {
        state.kickstart.document.include_packages(text);
        state.refuse_inclusion(line, column, text);
    } else if name.is_empty() {
        let hint = "allowed: name, -name, @group, -@group, @^environment";
        state.error(line, column, format!("`{text}` names no package"), hint);
    } else if let Some(environment) = text.strip_prefix("@^") {
        packages.environment = Some(environment.trim().to_owned());
    } else if let Some(group) = text.strip_prefix('@') {
        add_group(state, line, column, group);
    } else if let Some(environment) = text.strip_prefix("-@^") {
        if packages.environment.as_deref() == Some(environment.trim()) {
            packages.environment = None;
        }
    } else if let Some(group) = text.strip_prefix("-@") {
        state.entries.exclude_group(group);
    } else if let Some(excluded) = text.strip_prefix('-') {
        state.entries.set_name(excluded, false);
    } else {
        state.entries.set_name(text, true);
    }
}

fn add_group(state: &mut State<'_>, line: usize, column: usize, text: &str) {
    let (options, name): (Vec<&str>, Vec<&str>) =
        text.split_ascii_whitespace().partition(|w| w.starts_with("--"));
    let members = match options[..] {
        [] => Members::Default,
        ["--nodefaults"] => Members::Mandatory,
        ["--optional"] => Members::All,
        _ => {
            let message = format!("a group does not take {}", options.join(" "));
            return state.error(line, column, message, "allowed: --nodefaults or --optional");
        }
    };
    state.entries.add_group(&name.join(" "), members);
}
