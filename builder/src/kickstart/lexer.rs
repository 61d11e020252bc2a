//! Splitting a line into words like the shell (POSIX quoting, `#` comments), as
//! Python's `shlex.split(line, comments=True)` does, which pykickstart uses.

/// A word and the column (from 1, in characters) of its first character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word without its quotes.
    pub text: String,
    /// Where it starts.
    pub column: usize,
}

/// A quote or backslash without its partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbalanced {
    /// Where the quote is.
    pub column: usize,
    /// The quote or backslash.
    pub quote: char,
}

/// Splits one line. A `#` starts a comment anywhere outside quotes, if `comments`.
///
/// # Errors
/// When a quote is not closed, or a backslash ends the line.
pub fn split(line: &str, comments: bool) -> Result<Vec<Word>, Unbalanced> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = line.chars().zip(1..);
    while let Some((c, column)) = chars.next() {
        if c.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        if comments && c == '#' {
            break;
        }
        let text = &mut word.get_or_insert_with(|| Word { text: String::new(), column }).text;
        let unbalanced = Unbalanced { column, quote: c };
        match c {
            '\\' => text.push(chars.next().ok_or(unbalanced)?.0),
            '\'' | '"' => loop {
                match chars.next().ok_or(unbalanced)?.0 {
                    end if end == c => break,
                    '\\' if c == '"' => {
                        let escaped = chars.next().ok_or(unbalanced)?.0;
                        if escaped != '"' && escaped != '\\' {
                            text.push('\\');
                        }
                        text.push(escaped);
                    }
                    other => text.push(other),
                }
            },
            other => text.push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line, true).unwrap().into_iter().map(|w| w.text).collect()
    }

    #[test]
    fn words_quotes_and_comments() {
        assert_eq!(texts("part / --size=1 # root"), ["part", "/", "--size=1"]);
        assert_eq!(
            texts(r#"a "b c" 'd "e' f\ g "" "\"\\\n""#),
            ["a", "b c", "d \"e", "f g", "", "\"\\\\n"]
        );
        assert_eq!(texts(r#"--append="x y=1"z"#), ["--append=x y=1z"]);
        assert_eq!(texts("a#b c"), ["a"]);
        assert_eq!(texts("'a#b' c"), ["a#b", "c"]);
        assert!(texts("  \t ").is_empty());
    }

    #[test]
    fn columns_and_open_quotes() {
        let words = split("ü  'x y' z", true).unwrap();
        assert_eq!(words.iter().map(|w| w.column).collect::<Vec<_>>(), [1, 4, 10]);
        assert_eq!(split("a 'b", true), Err(Unbalanced { column: 3, quote: '\'' }));
        assert_eq!(split("a \"b\\", true), Err(Unbalanced { column: 3, quote: '"' }));
        assert_eq!(split("a \\", true), Err(Unbalanced { column: 3, quote: '\\' }));
    }
}
