//! The user's terminal. Text from media, servers and packages is shown there, never obeyed.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use std::borrow::Cow;

/// The text with everything escaped that a terminal could take as a command or that changes how
/// the text around it is read; line ends and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_harmful(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Control characters (C0, DEL, C1), and marks that turn the direction of text.
fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether the terminal understands no control sequences.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether colours belong on `stream`: by what it is, `NO_COLOR` and `CLICOLOR_FORCE`
/// (no-color.org, bixense.com/clicolors).
pub fn has_colour(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// The text in a style, or as it is.
pub fn styled(text: &str, style: Style, coloured: bool) -> String {
    match coloured {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown() {
        assert_eq!(printable("a\tb\nü …"), "a\tb\nü …");
        assert_eq!(printable("\u{1b}]0;x\u{7}"), "\\u{1b}]0;x\\u{7}");
        assert_eq!(printable("50%\rdone\u{9b}2J\u{202e}"), "50%\\rdone\\u{9b}2J\\u{202e}");
    }
}
