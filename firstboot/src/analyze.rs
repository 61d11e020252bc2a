//! `firstboot analyze`: where the time of this boot's run went.

use crate::state::RunState;
use contract::status::{Outcome, StepState};
use std::fmt::Write;

/// Width of the bars in characters.
const BAR: f64 = 40.0;
/// Sizes of the drawing, in its own units: the names' column, the time's, one row.
const LEFT: f64 = 130.0;
const WIDTH: f64 = 800.0;
const ROW: f64 = 24.0;

/// A step that began so many seconds after the one before had ended was done again later.
const PAUSE: f64 = 5.0;

/// The steps that this boot's run did, without those that were done again later.
fn list_steps(state: &RunState) -> Vec<&StepState> {
    let mut end: f64 = 0.0;
    let mut found = Vec::new();
    for step in state.steps.iter().filter(|step| step.outcome != Outcome::Pending) {
        if step.at <= end + PAUSE {
            end = end.max(step.at + step.seconds);
            found.push(step);
        }
    }
    found
}

/// The moment, in seconds after the run's begin, at which the last step ended.
fn end(state: &RunState) -> f64 {
    list_steps(state).iter().map(|step| step.at + step.seconds).fold(0.0, f64::max)
}

/// As text: when each step began, how long it took, a bar, and the longest ones first.
pub fn draw_text(state: &RunState) -> String {
    let total = end(state);
    let mut out = String::new();
    // Writing to a String cannot fail.
    if let Some(before) = state.uptime {
        let _ = writeln!(out, "{before:8.1} s  from power-on until firstboot began");
    }
    let _ = writeln!(out, "{total:8.1} s  firstboot on {} ({})\n", state.node, state.role.as_str());
    let steps = list_steps(state);
    for step in &state.steps {
        let scale =
            |seconds: f64| if total > 0.0 { (seconds / total * BAR).round() as usize } else { 0 };
        let (from, width) = (scale(step.at), scale(step.seconds));
        let bar = format!("{}{}", " ".repeat(from), "#".repeat(width.max(1)));
        let bar = match (steps.contains(&step), step.outcome) {
            (true, _) => bar,
            (false, Outcome::Pending) => String::new(),
            (false, _) => "(done again later)".to_owned(),
        };
        let (name, outcome) = (&step.name, step.outcome.as_str());
        let _ = writeln!(out, "{:8.1} s  {name:<12} {outcome:<10} {bar}", step.seconds);
    }
    let mut longest: Vec<_> = steps.into_iter().filter(|step| step.seconds >= 1.0).collect();
    longest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    for step in longest.iter().take(3) {
        let share = step.seconds / total * 100.0;
        let _ = write!(out, "\n{} took {share:.0} % of the time: {}", step.name, step.message);
    }
    out.trim_end().to_owned() + "\n"
}

/// As an SVG drawing: a bar for each step over the time since power-on.
pub fn draw_svg(state: &RunState) -> String {
    let before = state.uptime.unwrap_or_default();
    let total = (before + end(state)).max(1.0);
    let x = |seconds: f64| LEFT + seconds / total * WIDTH;
    let height = 60.0 + ROW * (state.steps.len() + 1) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>{}: {:.1} s</title>\n",
        LEFT + WIDTH + 60.0,
        escaped(&state.node),
        total
    );
    // Some eight lines, at round numbers of seconds.
    let unit = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    let unit = unit.into_iter().find(|unit| total / unit <= 8.0).unwrap_or(7200.0);
    let mut mark = 0.0;
    while mark <= total {
        let _ = writeln!(
            out,
            "<path d=\"M{0:.1} 30V{1:.1}\" stroke=\"#ccc\"/><text x=\"{0:.1}\" y=\"24\" \
             text-anchor=\"middle\">{mark:.0} s</text>",
            x(mark),
            height - 10.0
        );
        mark += unit;
    }
    let start = Bar {
        name: "before",
        from: 0.0,
        seconds: before,
        colour: "#bbb",
        title: "power-on, kernel, units",
    };
    start.draw(&mut out, 0, &x);
    for (index, step) in list_steps(state).into_iter().enumerate() {
        let colour = match step.outcome {
            Outcome::Unchanged => "#7aa6c2",
            Outcome::Changed => "#5b9f5b",
            Outcome::Failed | Outcome::Blocked => "#c25b5b",
            _ => "#c9a94e",
        };
        let (name, title) = (&step.name, &step.message);
        let from = before + step.at;
        Bar { name, from, seconds: step.seconds, colour, title }.draw(&mut out, index + 1, &x);
    }
    out + "</svg>\n"
}

/// One bar of the drawing.
struct Bar<'a> {
    name: &'a str,
    from: f64,
    seconds: f64,
    colour: &'a str,
    title: &'a str,
}

impl Bar<'_> {
    /// Draws it in row `index`; `x` is where a second is.
    fn draw(&self, out: &mut String, index: usize, x: &dyn Fn(f64) -> f64) {
        let y = 36.0 + ROW * index as f64;
        let (start, end) = (x(self.from), x(self.from + self.seconds));
        let _ = writeln!(
            out,
            "<g><title>{}</title><text x=\"120\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{start:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"18\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.1} s</text></g>",
            escaped(self.title),
            y + 13.0,
            escaped(self.name),
            (end - start).max(1.0),
            self.colour,
            end + 4.0,
            y + 13.0,
            self.seconds,
        );
    }
}

/// Text within XML; control characters, which it cannot hold, become blanks.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
