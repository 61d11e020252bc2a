//! A status as text, for people: it fits a screen of 24 lines, whatever is wrong. What is as it
//! should be takes a line, equal faults are one, and `--json` has everything.

use super::Status;
use contract::status::{Outcome, ServiceState, StepState};
use std::fmt::Write;

/// Columns before the text of a row.
const BEFORE: usize = 37;
/// A fault's text takes at most so many lines on a terminal.
const MAX_LINES: usize = 4;
/// The same of a service's.
const SERVICE_LINES: usize = 3;

/// A row of the table.
struct Row<'a> {
    name: &'a str,
    outcome: &'a str,
    seconds: String,
    text: String,
    /// Lines that the text may take on a terminal.
    lines: usize,
}

/// Things of one kind with the same text, in the order of their first.
struct Group<'a> {
    names: Vec<&'a str>,
    text: &'a str,
}

/// Puts those with the same text together.
fn group<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group> = Vec::new();
    for (name, text) in all {
        match groups.iter_mut().find(|group| group.text == text) {
            Some(group) => group.names.push(name),
            None => groups.push(Group { names: vec![name], text }),
        }
    }
    groups
}

impl Group<'_> {
    /// What stands in the first column: the name, or how many there are.
    fn title(&self, kind: &str) -> String {
        match self.names[..] {
            [name] => name.to_owned(),
            _ => format!("{} {kind}", self.names.len()),
        }
    }

    /// The text, with the names before it where there are several.
    fn describe(&self) -> String {
        match (self.names.len(), self.text) {
            (1, text) => text.to_owned(),
            (_, "") => self.names.join(", "),
            (_, text) => format!("{}: {text}", self.names.join(", ")),
        }
    }
}

/// The text in lines of at most `width` characters, at most `max` of them; words that are longer
/// stay whole.
fn wrap(text: &str, width: usize, max: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = |line: &String| line.chars().count() + 1 + word.chars().count() <= width;
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits(line) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.len() > max {
        lines.truncate(max);
        if let Some(last) = lines.last_mut() {
            while last.chars().count() + 2 > width
                && let Some(end) = last.rfind(' ')
            {
                last.truncate(end);
            }
            last.push_str(" …");
        }
    }
    lines
}

impl Row<'_> {
    /// Writes it; its text goes on below itself on a terminal of `width` columns.
    fn write(&self, out: &mut String, width: Option<usize>) {
        let Row { name, outcome, seconds, .. } = self;
        let lines = match width {
            Some(width) => wrap(&self.text, width.saturating_sub(BEFORE + 1).max(20), self.lines),
            None => vec![self.text.clone()],
        };
        let mut columns = format!("  {name:<12} {outcome:<10} {seconds:>9}  ");
        for line in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", format!("{columns}{line}").trim_end());
            columns = format!("{:w$}", "", w = columns.chars().count());
        }
    }
}

/// The rows written so far.
struct StatusTable {
    out: String,
    width: Option<usize>,
}

impl StatusTable {
    fn push(&mut self, row: &Row) {
        row.write(&mut self.out, self.width);
    }

    /// A step, and what to do about it.
    fn push_step(&mut self, step: &StepState) {
        let (name, outcome, text) = (&*step.name, step.outcome.as_str(), step.message.clone());
        let lines = if step.outcome.is_met() { 1 } else { MAX_LINES };
        self.push(&Row { name, outcome, seconds: format!("{:.1} s", step.seconds), text, lines });
        if let Some(hint) = &step.hint {
            let (text, seconds) = (format!("hint: {hint}"), String::new());
            self.push(&Row { name: "", outcome: "", seconds, text, lines: MAX_LINES });
        }
    }

    /// The steps of these outcomes as `outcome`, those with the same text in one row.
    fn push_steps(&mut self, steps: &[&StepState], outcome: &str, with_text: bool) {
        let named = steps
            .iter()
            .map(|step| (step.name.as_str(), if with_text { step.message.as_str() } else { "" }));
        for group in group(named) {
            let (name, text) = (group.title("steps"), group.describe());
            self.push(&Row {
                name: &name,
                outcome,
                seconds: String::new(),
                text,
                lines: MAX_LINES,
            });
        }
    }

    /// Services that answer in one row, and each fault of the others.
    fn push_services(&mut self, services: &[ServiceState]) {
        for ok in [true, false] {
            let of_kind = services.iter().filter(|service| service.ok == ok);
            let named = of_kind.map(|service| {
                (service.name.as_str(), if ok { "" } else { service.evidence.as_str() })
            });
            for group in group(named) {
                let outcome = match (ok, group.names.len()) {
                    (true, 1) => "answers",
                    (true, _) => "answer",
                    (false, 1) => "FAILS",
                    (false, _) => "FAIL",
                };
                let (name, text) = (group.title("services"), group.describe());
                let (seconds, lines) = (String::new(), SERVICE_LINES);
                self.push(&Row { name: &name, outcome, seconds, text, lines });
            }
        }
    }
}

impl Status {
    /// For people, on a terminal of `width` columns or, without that, in long lines.
    pub fn to_text(&self, width: Option<usize>) -> String {
        let out = format!("{} ({}): {}\n", self.node, self.role, self.state.as_str());
        let mut table = StatusTable { out, width };
        let of = |wanted: &dyn Fn(Outcome) -> bool| -> Vec<&StepState> {
            self.steps.iter().filter(|step| wanted(step.outcome)).collect()
        };
        let is_wrong = |outcome: Outcome| outcome.is_bad() || outcome == Outcome::Waiting;
        // Where there is more to say, what is done is one row.
        let brief = !of(&is_wrong).is_empty() || self.services.iter().any(|service| !service.ok);
        if brief {
            table.push_steps(&of(&Outcome::is_met), "done", false);
        }
        for step in &self.steps {
            let done_apart = brief && step.outcome.is_met();
            if !done_apart && !matches!(step.outcome, Outcome::Blocked | Outcome::Pending) {
                table.push_step(step);
            }
        }
        for outcome in [Outcome::Blocked, Outcome::Pending] {
            table.push_steps(&of(&|one| one == outcome), outcome.as_str(), true);
        }
        table.push_services(&self.services);
        let mut out = table.out;
        if let Some(cloud) = self.cloud {
            let _ = writeln!(out, "{}", cloud.describe());
        }
        if let Some(note) = &self.note {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}
