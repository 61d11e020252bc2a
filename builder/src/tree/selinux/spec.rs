//! One line of `file_contexts`, and the path substitutions.

use super::kind::SeFileKind;
use crate::base::error::{Error, Result};
use rayon::prelude::*;
use regex::bytes::{Regex, RegexBuilder};

/// What a path has to look like, and the context it then gets.
#[derive(Debug)]
pub struct Spec {
    regex: Regex,
    /// Every path that matches begins with it, which rules most specifications out.
    prefix: Vec<u8>,
    kind: Option<SeFileKind>,
    /// `None` for `<<none>>`.
    pub context: Option<String>,
    /// Whether the expression has no metacharacter.
    pub fixed: bool,
}

/// The specifications of a file, in its order. `name` is for messages.
pub fn parse(text: &str, name: &str) -> Result<Vec<Spec>> {
    let lines: Vec<(usize, Vec<&str>)> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<&str>>())
        .enumerate()
        .filter(|(_, fields)| fields.first().is_some_and(|first| !first.starts_with('#')))
        .collect();
    lines
        .par_iter()
        .map(|(number, fields)| {
            Spec::parse(fields).map_err(|what| {
                Error::build(format!("the image's /{name}:{}: {what}", number + 1))
                    .hint("the package of the SELinux policy may be damaged")
            })
        })
        .collect()
}

impl Spec {
    fn parse(fields: &[&str]) -> std::result::Result<Self, String> {
        let (expression, kind, context) = match *fields {
            [expression, context] => (expression, None, context),
            [expression, kind, context] => (expression, Some(file_type(kind)?), context),
            _ => return Err("not `path [type] context`".to_owned()),
        };
        // As libselinux anchors it; `.` is any byte and classes are ASCII's.
        let regex = RegexBuilder::new(&format!("^{expression}$"))
            .unicode(false)
            .dot_matches_new_line(true)
            .build()
            .map_err(|e| format!("`{expression}` is not a supported expression: {e}"))?;
        Ok(Self {
            regex,
            prefix: prefix(expression),
            kind,
            context: (context != "<<none>>").then(|| context.to_owned()),
            fixed: is_fixed(expression),
        })
    }

    /// Whether it is for this path.
    pub fn matches(&self, path: &[u8], kind: SeFileKind) -> bool {
        self.kind.is_none_or(|own| own == kind)
            && path.starts_with(&self.prefix)
            && self.regex.is_match(path)
    }
}

fn file_type(field: &str) -> std::result::Result<SeFileKind, String> {
    Ok(match field {
        "--" => SeFileKind::File,
        "-d" => SeFileKind::Directory,
        "-l" => SeFileKind::Link,
        "-c" => SeFileKind::CharDevice,
        "-b" => SeFileKind::BlockDevice,
        "-p" => SeFileKind::Fifo,
        "-s" => SeFileKind::Socket,
        other => return Err(format!("`{other}` is not a file type")),
    })
}

/// `spec_hasMetaChars` of libselinux: `]`, `)` and `}` are none.
fn is_fixed(expression: &str) -> bool {
    let mut bytes = expression.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' | b'^' | b'$' | b'?' | b'*' | b'+' | b'|' | b'[' | b'(' | b'{' => return false,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    true
}

/// The bytes that every match begins with; perhaps fewer than there are.
fn prefix(expression: &str) -> Vec<u8> {
    let mut found = Vec::new();
    // An alternative outside of parentheses has a beginning of its own.
    let (mut depth, mut class, mut escaped) = (0, false, false);
    for byte in expression.bytes() {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = true,
            b']' => class = false,
            _ if class => {}
            b'[' => class = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'|' if depth == 0 => return found,
            _ => {}
        }
    }
    let mut bytes = expression.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            // What comes before may be absent.
            b'?' | b'*' | b'{' => {
                found.pop();
                break;
            }
            b'\\' => match bytes.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => found.push(escaped),
                _ => break,
            },
            b'.' | b'^' | b'$' | b'+' | b'|' | b'[' | b'(' => break,
            _ => found.push(byte),
        }
    }
    found
}

/// Paths that count as others: lines of `alias original`.
#[derive(Debug, Default)]
pub struct Substitutions(Vec<(Vec<u8>, Vec<u8>)>);

impl Substitutions {
    /// Reads a `.subs` or `.subs_dist` file. A later line goes before an earlier one.
    pub fn parse(text: &str) -> Self {
        let mut pairs: Vec<_> = text
            .lines()
            .map(str::trim_start)
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut fields = line.split_whitespace().map(|f| f.as_bytes().to_vec());
                Some((fields.next()?, fields.next()?))
            })
            .collect();
        pairs.reverse();
        Self(pairs)
    }

    /// The path that stands for `path`, if one does.
    pub fn apply(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find_map(|(alias, original)| {
            let rest = path.strip_prefix(alias.as_slice())?;
            match rest.first() {
                None => Some(original.clone()),
                Some(b'/') if original == b"/" => Some(rest.to_vec()),
                Some(b'/') => Some([original.as_slice(), rest].concat()),
                Some(_) => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_what_every_match_begins_with() {
        for (expression, expected) in [
            ("/etc/passwd", "/etc/passwd"),
            ("/etc/ld\\.so\\.cache.*", "/etc/ld.so.cache"),
            ("/usr/lib(64)?/x", "/usr/lib"),
            ("/usr/libs?/x", "/usr/lib"),
            ("/a\\.*", "/a"),
            ("/a+b", "/a"),
            ("/a|/b", ""),
            ("/a(b|c)", "/a"),
            ("/a[(]x|/b", ""),
        ] {
            assert_eq!(prefix(expression), expected.as_bytes(), "{expression}");
        }
    }

    #[test]
    fn a_root_substitute_has_one_slash() {
        let substitutions = Substitutions::parse("/chroot /\n# /x /y\n/chroot/a /b\n");
        assert_eq!(substitutions.apply(b"/chroot/etc").unwrap(), b"/etc");
        assert_eq!(substitutions.apply(b"/chroot").unwrap(), b"/");
        assert_eq!(substitutions.apply(b"/chroot/a/c").unwrap(), b"/b/c");
        assert!(substitutions.apply(b"/chroots").is_none());
    }
}
