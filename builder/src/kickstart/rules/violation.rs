//! A violated rule, and the kinds of rules that several commands have.

use crate::kickstart::options::Parsed;

/// A violated rule: message and what is allowed.
pub type Violation = (String, &'static str);

/// That exactly one of `options` is given.
pub fn check_one_of(parsed: &Parsed<'_>, options: &[&str]) -> Option<Violation> {
    match options.iter().filter(|o| parsed.filled(o) || parsed.flag(o)).count() {
        1 => None,
        _ => Some((format!("exactly one of {} is needed", options.join(", ")), "give one of them")),
    }
}

/// That not both options are given.
pub fn check_excluding(parsed: &Parsed<'_>, one: &str, other: &str) -> Option<Violation> {
    let both = parsed.has(one) && parsed.has(other);
    both.then(|| (format!("{one} and {other} exclude each other"), "leave one of them out"))
}
