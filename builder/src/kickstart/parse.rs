//! From text to [`Kickstart`].

use super::dialect::{Arguments, COMMANDS, Command, FOREIGN, Image, SECTIONS};
use super::merging::Merging;
use super::model::{Kickstart, Script};
use super::options::{self, Parsed};
use super::report::{Fate, Line};
use super::sections::{KickstartItem, split_items};
use super::state::{Repeat, State, Text};
use super::{accounts, commands, first_start, packages, rules, zones};
use crate::base::diagnostic::Diagnostic;
use crate::base::interrupt;
use crate::base::nearest::nearest;
use crate::layout::find_violations;
use std::collections::HashMap;

/// Parses a kickstart.
///
/// # Errors
/// Everything that the RHEL 7 dialect does not allow, in the order of lines. What an
/// image cannot honour is not an error here but [`Fate::Refused`] in the report.
pub fn parse(source: &Text<'_>) -> Result<Kickstart, Vec<Diagnostic>> {
    let mut state = State::new(source);
    let (items, errors) = split_items(source.text);
    for error in errors {
        state.push_error(error.place.line, error);
    }
    for item in &items {
        if interrupt::requested() {
            return Err(vec![Diagnostic::of_file(source.file, "interrupted")]);
        }
        parse_item(&mut state, item);
    }
    state.explain_missing();
    let State { mut kickstart, mut errors, repeated, entries, .. } = state;
    entries.write_to(&mut kickstart.packages);
    note_repeats(&mut kickstart.report, &repeated);
    refuse_storage(&mut kickstart);
    zones::refuse_unknown(&mut kickstart);
    first_start::note_skipped(&mut kickstart);
    accounts::note_groups(&mut kickstart);
    errors.sort_by_key(Diagnostic::position);
    if errors.is_empty() { Ok(kickstart) } else { Err(errors) }
}

/// What became of a `%pre` that has run.
const PRE_HAS_RUN: &str = "has run before the files that it writes were included, as --run-pre \
                           asks: in the sandbox, without network, for the disks of the profile";

/// What an installer takes from a kickstart before it reads its commands.
#[derive(Clone, Debug, Default)]
pub struct FirstPass {
    /// The `%pre` scripts.
    pub scripts: Vec<Script>,
    /// Where the packages are, as far as the text says.
    pub kickstart: Kickstart,
}

/// Reads `%pre`, `url` and `repo` alone, as an installer does first: all other lines, wrong ones
/// too, are for later, when the files that `%pre` writes are in their places.
pub fn first_pass(source: &Text<'_>) -> FirstPass {
    let mut state = State::new(source);
    let (items, _) = split_items(source.text);
    let wanted = |item: &&KickstartItem<'_>| {
        let name = item.words.first().map_or("", |word| word.text.as_str());
        ["%pre", "url", "repo"].contains(&name)
    };
    items.iter().filter(wanted).for_each(|item| parse_item(&mut state, item));
    FirstPass { scripts: state.pre, kickstart: state.kickstart }
}

/// Refuses in the report what no layout can hold.
fn refuse_storage(kickstart: &mut Kickstart) {
    let violations = find_violations(&kickstart.storage);
    let mut lines: HashMap<(usize, String), &mut Line> = HashMap::new();
    for line in kickstart.report.iter_mut().filter(|line| line.is_storage()) {
        lines.entry((line.place.line, line.place.file.clone())).or_insert(line);
    }
    for Diagnostic { place, message, .. } in violations {
        if let Some(entry) = lines.get_mut(&(place.line, place.file)) {
            (entry.fate, entry.why) = (Fate::Refused, message);
        }
    }
}

fn parse_item<'a>(state: &mut State<'a>, item: &'a KickstartItem<'a>) {
    let Some((name, rest)) = item.words.split_first() else { return };
    if name.text.starts_with('%') && item.body.is_none() {
        let words: Vec<&str> = item.words.iter().map(|w| w.text.as_str()).collect();
        state.kickstart.document.include(&words);
        return state.refuse_inclusion(item.line, name.column, &words.join(" "));
    }
    let table = if item.body.is_some() { SECTIONS } else { COMMANDS };
    let Some(command) = table.iter().find(|c| c.name == name.text) else {
        return refuse_unknown(state, item, table);
    };
    match options::parse(command, name, rest) {
        Ok(parsed) => apply(state, item, command, parsed),
        Err(errors) => {
            for error in errors {
                state.push_error(item.line, error);
            }
        }
    }
    state.seen.commands.insert(command.name);
}

/// What the line means together with earlier ones of the same command, in whose report the
/// later line is named.
fn merge_repeated<'a>(
    state: &mut State<'a>,
    item: &KickstartItem<'_>,
    command: &Command,
    parsed: Parsed<'a>,
) -> Parsed<'a> {
    if command.repeats() || item.body.is_some() {
        return parsed;
    }
    let name = command.canonical();
    let Some(earlier) = state.once.get(name) else {
        state.once.insert(name, parsed.clone());
        return parsed;
    };
    let count = parsed.options.len();
    let whole = match command.arguments {
        Arguments::Free => parsed,
        _ => parsed.after(earlier, &Merging::of(name)),
    };
    let place = state.place_of(item);
    let place = format!("{}:{}", place.file, place.line);
    let kept = whole.options.iter().skip(count).map(|(name, _)| *name).collect();
    state.repeated.insert(name, Repeat { place, before: state.kickstart.report.len(), kept });
    state.once.insert(name, whole.clone());
    whole
}

/// Says of every line before a command's last use what that one leaves of it.
fn note_repeats(report: &mut [Line], repeated: &HashMap<&'static str, Repeat>) {
    for (index, entry) in report.iter_mut().enumerate() {
        let Some(command) = COMMANDS.iter().find(|c| c.name == entry.command) else { continue };
        let name = command.canonical();
        let again = repeated.get(name).filter(|repeat| index < repeat.before);
        let Some(Repeat { place, kept, .. }) = again else { continue };
        if [Fate::Honoured, Fate::Translated].contains(&entry.fate) {
            entry.fate = Fate::Translated;
            entry.why = match kept.is_empty() {
                true => format!("{place} has {name} again, which counts instead"),
                false => format!(
                    "{place} has {name} again; of what was given before, {} counts as well",
                    kept.join(" ")
                ),
            };
        }
    }
}

fn refuse_unknown(state: &mut State<'_>, item: &KickstartItem<'_>, table: &[Command]) {
    let word = &item.words[0];
    let hint = match FOREIGN.iter().find(|(name, _)| *name == word.text) {
        Some((_, hint)) => (*hint).to_owned(),
        None => match nearest(&word.text, table.iter().map(|c| c.name)) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => {
                let names: Vec<&str> = table.iter().map(|c| c.name).collect();
                format!("commands: {}", names.join(" "))
            }
        },
    };
    state.error(item.line, word.column, format!("RHEL 7 has no command `{}`", word.text), hint);
}

fn apply<'a>(
    state: &mut State<'a>,
    item: &KickstartItem<'_>,
    command: &Command,
    parsed: Parsed<'a>,
) {
    if let Some((message, hint)) = rules::find_violation(item, &parsed, &state.seen) {
        return state.error(item.line, item.words[0].column, message, hint);
    }
    if command.name == "snapshot" {
        state.seen.snapshots.extend(parsed.text("--name"));
    }
    let merged = merge_repeated(state, item, command, parsed.clone());
    // Of these, what earlier lines give counts in their rule as well.
    if ["harddrive", "ignoredisk"].contains(&command.name)
        && let Some((message, hint)) = rules::find_violation(item, &merged, &state.seen)
    {
        return state.error(item.line, item.words[0].column, message, hint);
    }
    state.kickstart.document.add(command, item, &parsed);
    let parsed = &merged;
    match command.image {
        Image::Honoured if command.name == "%packages" => packages::apply(state, item, parsed),
        Image::Honoured => commands::apply(state, item, parsed),
        Image::NotApplicable(why) => {
            if command.name == "%pre" {
                state.push_pre(item, parsed);
                if state.source.pre_has_run {
                    return state.report(item, Fate::Translated, PRE_HAS_RUN);
                }
            }
            state.report(item, Fate::NotApplicable, why);
        }
        Image::LeftOut(why) => state.report(item, Fate::LeftOut, why),
        Image::Refused(why) => state.report(item, Fate::Refused, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cpu_time;
    use crate::kickstart::{SourceMap, SourceText, expand_includes};
    use std::time::Duration;

    #[test]
    fn repeated_commands_take_linear_time() {
        let text = "lang cs_CZ.UTF-8\n".repeat(50_000);
        let lines = SourceMap::of_file("x.ks", &text);
        let began = cpu_time::of_this_thread();
        let text = Text::new("x.ks", &text, &lines, "lab");
        let report = parse(&text).unwrap().report;
        // Quadratic time was minutes.
        let used = cpu_time::of_this_thread() - began;
        assert!(used < Duration::from_secs(30), "{used:?}");
        assert_eq!((report.len(), report[49_999].fate), (50_000, Fate::Honoured));
        for (entry, line) in report[..49_999].iter().zip(1..) {
            assert_eq!((entry.place.line, entry.fate), (line, Fate::Translated));
            assert_eq!(entry.why, "x.ks:50000 has lang again, which counts instead");
        }
    }

    #[test]
    fn many_volumes_take_linear_time() {
        let volume = |n| format!("logvol /p{n} --vgname=v --name=n{n} --size=1\n");
        let text: String = (0..30_000).map(volume).collect();
        let lines = SourceMap::of_file("x.ks", &text);
        let began = cpu_time::of_this_thread();
        let text = Text::new("x.ks", &text, &lines, "lab");
        let report = parse(&text).unwrap().report;
        let used = cpu_time::of_this_thread() - began;
        assert!(used < Duration::from_secs(20), "{used:?}");
        assert!(report.iter().all(|line| line.fate == Fate::Refused));
    }

    #[test]
    fn many_packages_take_linear_time() {
        let body: String = (0..200_000).map(|n| format!("p{n}\n-q{n}\n")).collect();
        let text = format!("%packages\n{body}-p7\nq7\n%end\n");
        let lines = SourceMap::of_file("x.ks", &text);
        let began = cpu_time::of_this_thread();
        let text = Text::new("x.ks", &text, &lines, "lab");
        let packages = parse(&text).unwrap().packages;
        let used = cpu_time::of_this_thread() - began;
        assert!(used < Duration::from_secs(30), "{used:?}");
        assert_eq!((packages.names.len(), packages.excluded.len()), (200_000, 200_000));
        let ends = |list: &[String]| (list[0].clone(), list[199_999].clone());
        assert_eq!(ends(&packages.names), ("p0".into(), "q7".into()));
        assert_eq!(ends(&packages.excluded), ("q0".into(), "p7".into()));
    }

    /// Two files may have a storage line of the same number.
    #[test]
    fn a_refusal_is_at_the_line_of_the_file_that_holds_it() {
        let source = |name: &str, text: &str| SourceText {
            name: name.into(),
            text: text.into(),
            lines: SourceMap::of_file(name, text),
        };
        let main = source("main.ks", "part / --size=999\n%include disk.ks\n");
        let (expanded, _) = expand_includes(&main, &mut |path, _| {
            Ok((path == "disk.ks").then(|| source("disk.ks", "part raid.1 --size=9\n")))
        });
        let text = Text::new("main.ks", &expanded.text, &expanded.lines, "");
        let report = parse(&text).unwrap().report;
        let found: Vec<_> =
            report.iter().map(|l| (l.place.file.as_str(), l.place.line, l.fate)).collect();
        assert_eq!(found, [("main.ks", 1, Fate::Honoured), ("disk.ks", 1, Fate::Refused)]);
    }
}
