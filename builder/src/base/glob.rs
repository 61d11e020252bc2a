//! Shell patterns: `*`, `?`, `[a-z]`, `[!a-z]`.

/// Whether `word` has a character that makes it a pattern.
pub fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// Whether the whole of `text` fits `pattern`. No recursion: at most the product of both lengths.
/// A `[` without its `]` stands for itself.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last star, with one more byte given to it.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if let Some(length) = one(&pattern[p..], text[t]) {
            p += length;
            t += 1;
        } else if let Some((behind, from)) = retry {
            retry = Some((behind, from + 1));
            (p, t) = (behind, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// How many bytes of the pattern stand for `byte`, if its beginning does.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => match set(rest) {
            Some((negated, set)) => {
                let range = set.windows(3).any(|w| w[1] == b'-' && (w[0]..=w[2]).contains(&byte));
                let length = set.len() + usize::from(negated) + 2;
                ((range || set.contains(&byte)) != negated).then_some(length)
            }
            None => (byte == b'[').then_some(1),
        },
        [b, ..] => (*b == byte).then_some(1),
        [] => None,
    }
}

/// What is between the brackets, and whether it is what must not be there.
fn set(rest: &[u8]) -> Option<(bool, &[u8])> {
    let negated = matches!(rest.first(), Some(b'!' | b'^'));
    let rest = &rest[usize::from(negated)..];
    // A `]` that comes first is a member.
    let end = rest.iter().skip(1).position(|&b| b == b']')? + 1;
    Some((negated, &rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_shell_does() {
        for (pattern, text, expected) in [
            ("id_*.pub", "id_rsa.pub", true),
            ("id_*.pub", "id_.pub", true),
            ("id_*.pub", "id_rsa.pub.old", false),
            ("*", "", true),
            ("?", "", false),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbbYc", true),
            ("a*b*c", "aXcYb", false),
            ("lib[a-c]?r*", "libbar2", true),
            ("lib[!a-c]*", "libbar", false),
            ("lib[^a-c]*", "libxar", true),
            ("[]x]", "]", true),
            ("[", "[", true),
            ("*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
