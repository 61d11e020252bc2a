//! Text that packstack, Hiera or a shell would read as something other than what it says.
//!
//! packstack reads its answer file with Python 2's `ConfigParser`, writes what it read as YAML
//! (PyYAML), and Hiera reads that with Ruby's YAML (psych) and fills in `%{…}`.

/// Of punctuation, what the administrator's name and password may have: nothing that a shell
/// acts on, as packstack writes them into keystonerc_admin without quotes.
const WORD_SIGNS: &str = "_.,:@+=/^~-";

/// What they may consist of, for messages.
pub const WORD_ALLOWED: &str = "letters A to Z and a to z, digits, and _.,:@+=/^~-";

/// Why `value` would not arrive as it is written; `None` if it would.
pub(super) fn find_misreading(value: &str) -> Option<String> {
    if value == "\"\"" {
        return Some("packstack reads `\"\"` as no value".to_owned());
    }
    find_comment(value)
        .or_else(|| find_reference(value))
        .or_else(|| find_scalar(value).map(|what| format!("Hiera reads it as {what}")))
}

/// Why `word`, such as the administrator's password, would not arrive as it is written; `None` if
/// it would. The characters are counted from 1, and only the wrong one is shown.
pub fn find_word_violation(word: &str) -> Option<String> {
    let mut before = None;
    for (place, sign) in (1..).zip(word.chars()) {
        if !sign.is_ascii_alphanumeric() && !WORD_SIGNS.contains(sign) {
            return Some(format!("`{}` (character {place}) is not allowed", sign.escape_debug()));
        }
        // There the shell puts somebody's home directory.
        if sign == '~' && matches!(before, None | Some(':' | '=')) {
            let text = "is not allowed at the beginning and after `:` or `=`";
            return Some(format!("`~` (character {place}) {text}"));
        }
        before = Some(sign);
    }
    find_scalar(word).map(|what| format!("Hiera reads it as {what}"))
}

/// A fact of the host that Hiera fills in, `%{::processorcount}`.
pub(super) fn is_fact(value: &str) -> bool {
    let name = value.strip_prefix("%{::").and_then(|rest| rest.strip_suffix('}'));
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.is_some_and(|name| !name.is_empty() && name.chars().all(is_word))
}

/// A comment within the value. `#` begins none for packstack; it does for other readers of the
/// file, and for people.
fn find_comment(value: &str) -> Option<String> {
    let mut blank = true;
    for (place, sign) in (1..).zip(value.chars()) {
        if blank && (sign == ';' || (sign == '#' && place > 1)) {
            return Some(format!("`{sign}` (character {place}) begins a comment"));
        }
        blank = sign.is_whitespace();
    }
    None
}

/// A reference to another value.
fn find_reference(value: &str) -> Option<String> {
    let found = ["%(", "%{"].into_iter().find_map(|start| Some((start, value.find(start)?)));
    found.map(|(start, at)| {
        let place = value[..at].chars().count() + 1;
        format!("`{start}` (character {place}) begins a reference to another value")
    })
}

/// What Ruby's YAML takes the unquoted `value` for, where Python's writes it without quotes.
fn find_scalar(value: &str) -> Option<&'static str> {
    if value.len() > 1 && value.starts_with(':') {
        return Some("a symbol, as it begins with `:`");
    }
    let odd_case = |word: &str| {
        let mut first = word.to_string();
        first[..1].make_ascii_uppercase();
        value != word && value != first && value != word.to_ascii_uppercase()
    };
    let words = ["yes", "no", "true", "false", "on", "off", "null"];
    if words.iter().any(|word| value.eq_ignore_ascii_case(word) && odd_case(word)) {
        return Some("yes, no or nothing");
    }
    if is_odd_number(value) {
        return Some("a number");
    }
    if is_odd_time(value) {
        return Some("a time");
    }
    is_date(value).then_some("a date")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether Ruby takes it for a number, and Python does not: with commas, or in odd places
/// underscores or no digits.
fn is_odd_number(value: &str) -> bool {
    let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
    let is_signed = unsigned.len() < value.len();
    let plain = unsigned.replace([',', '_'], "");
    let based = |start: &str, base: u32| {
        let digits = plain.strip_prefix(start);
        digits.is_some_and(|digits| {
            !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base))
        })
    };
    let is_decimal = plain.split_once('.').map_or(is_digits(&plain), |(whole, fraction)| {
        let (fraction, power) = fraction.split_once(['e', 'E']).unwrap_or((fraction, "+0"));
        let power = power.strip_prefix(['+', '-']).unwrap_or_default();
        let empty_or_digits = |text: &str| text.is_empty() || is_digits(text);
        empty_or_digits(whole) && empty_or_digits(fraction) && is_digits(power)
    });
    let after_dot = unsigned.strip_prefix('.');
    let is_odd = unsigned.contains(',')
        || unsigned.starts_with("0_")
        || (is_signed && unsigned.starts_with(['.', '_']))
        || after_dot.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    value != "." && is_odd && (based("0x", 16) || based("0b", 2) || is_decimal)
}

/// Whether Ruby takes it for hours, minutes and seconds, and Python does not.
fn is_odd_time(value: &str) -> bool {
    let unsigned = value.strip_prefix(['+', '-']).unwrap_or(value);
    let Some((first, rest)) = unsigned.split_once(':') else { return false };
    let sixty = |part: &str| is_digits(part) && part.parse::<u8>().is_ok_and(|part| part < 60);
    let (rest, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let fraction = fraction.replace('_', "");
    is_digits(&first.replace([',', '_'], ""))
        && (first.starts_with('0') || first.contains(','))
        && rest.split(':').all(sixty)
        && (fraction.is_empty() || is_digits(&fraction))
}

/// Whether it is a date, or begins with one and a time.
fn is_date(value: &str) -> bool {
    let date = value.split(['T', 't', ' ']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let short = |part: &str| is_digits(part) && part.len() <= 2;
    year.len() == 4 && is_digits(year) && short(month) && short(day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What is accepted, and what is refused with the words of the reason.
    const VALUES: &[(&str, Option<&str>)] = &[
        ("", None),
        ("y", None),
        ("a;b", None),
        ("a;b c#d", None),
        ("#b", None),
        ("50%", None),
        ("a%b", None),
        ("a \"\" b", None),
        ("physnet1:br-ex", None),
        ("10:100", None),
        ("1001:2000,3001:4000", None),
        ("192.168.1.11,192.168.1.12", None),
        ("4789", None),
        ("16.0", None),
        ("Zürich", None),
        ("dc=example,dc=com", None),
        ("{\"vendor_id\":\"1234\"}", None),
        ("a ;b", Some("`;` (character 3) begins a comment")),
        ("ü ;b", Some("`;` (character 3) begins a comment")),
        (";b", Some("`;` (character 1) begins a comment")),
        ("a;b ;c", Some("`;` (character 5) begins a comment")),
        ("a #b", Some("`#` (character 3) begins a comment")),
        ("a%(x)s", Some("`%(` (character 2) begins a reference")),
        ("a%(", Some("`%(` (character 2) begins a reference")),
        ("a%{x}", Some("`%{` (character 2) begins a reference")),
        ("\"\"", Some("no value")),
        (":abcd", Some("Hiera reads it as a symbol")),
        ("10,20", Some("Hiera reads it as a number")),
        ("-1,000.5", Some("Hiera reads it as a number")),
        ("-.5", Some("Hiera reads it as a number")),
        ("0x,1f", Some("Hiera reads it as a number")),
        ("08:15", Some("Hiera reads it as a time")),
        ("2016-10-11T12:00:00Zx", Some("Hiera reads it as a date")),
        ("2016-1-1", Some("Hiera reads it as a date")),
        ("tRUE", Some("Hiera reads it as yes, no")),
    ];

    #[test]
    fn what_would_be_read_otherwise_is_refused() {
        for (value, why) in VALUES {
            match (find_misreading(value), why) {
                (None, None) => {}
                (Some(found), Some(why)) => assert!(found.contains(why), "{value}: {found}"),
                (found, why) => panic!("{value}: {found:?} in place of {why:?}"),
            }
        }
        assert!(is_fact("%{::processorcount}"));
        for other in ["%{::}", "%{processorcount}", "2%{::x}", "%{::x}%{::y}", "%{::hiera('x')}"] {
            assert!(!is_fact(other), "{other}");
        }
    }

    /// Python 3's `ConfigParser`, set up as the one of Python 2 with which packstack reads the
    /// file: what is accepted is read back as it is, with both line ends.
    #[test]
    fn configparser_reads_what_is_accepted_as_it_is() {
        let judge = "import configparser, sys
for value in sys.argv[1:]:
    same = True
    for end in '\\n', '\\r\\n':
        parser = configparser.ConfigParser(
            strict=False, inline_comment_prefixes=(';',),
            interpolation=configparser.LegacyInterpolation())
        parser.read_string('[general]' + end + 'A=1' + end + 'B=' + value + end)
        try:
            same &= parser.items('general') == [('a', '1'), ('b', value)]
        except (configparser.Error, ValueError):
            same = False
    print('same' if same else 'other')";
        let mut command = Command::new("python3");
        command.args(["-Wignore", "-c", judge]).args(VALUES.iter().map(|(value, _)| value));
        let output = command.output().expect("`python3` runs (Debian package python3)");
        let verdicts = String::from_utf8(output.stdout).unwrap();
        assert_eq!(verdicts.lines().count(), VALUES.len(), "{verdicts}");
        for ((value, why), verdict) in VALUES.iter().zip(verdicts.lines()) {
            assert!(verdict == "same" || why.is_some(), "{value:?} is read otherwise");
        }
        let refused = verdicts.lines().filter(|verdict| *verdict == "other").count();
        assert_eq!(refused, 5, "the judge knows comments and references: {verdicts}");
    }

    #[test]
    fn passwords_are_refused_by_character_and_place() {
        for password in ["planted-pw", "aB3_.,:@+=/^~-x", "a~b", "12345678", "12e34567"] {
            assert_eq!(find_word_violation(password), None, "{password}");
        }
        for (password, why) in [
            ("ab%(x)s12", "`%` (character 3) is not allowed"),
            ("ab ;cd12", "` ` (character 3) is not allowed"),
            ("abc$d", "`$` (character 4) is not allowed"),
            ("abcé", "`é` (character 4) is not allowed"),
            ("ab\tcd", "`\\t` (character 3) is not allowed"),
            ("~root", "`~` (character 1) is not allowed at the beginning"),
            ("ab:~root", "`~` (character 4) is not allowed at the beginning"),
            (":abcd", "Hiera reads it as a symbol"),
            ("1,234,567", "Hiera reads it as a number"),
        ] {
            let found = find_word_violation(password).unwrap_or_default();
            assert!(found.starts_with(why), "{password}: {found}");
        }
    }

    /// A shell is the judge, as keystonerc_admin has the password without quotes: of all
    /// passwords of four of these characters, what is accepted arrives as it is.
    #[test]
    fn a_shell_reads_accepted_passwords_as_they_are() {
        let signs = "~:=a";
        let mut passwords = vec![String::new()];
        for _ in 0..4 {
            let longer =
                |word: &String| signs.chars().map(|sign| format!("{word}{sign}")).collect();
            passwords = passwords.iter().flat_map(|word| -> Vec<String> { longer(word) }).collect();
        }
        passwords.extend(WORD_SIGNS.chars().map(|sign| format!("a{sign}B{sign}")));
        passwords.extend(["~root", "a:~root", "a~root", "-a", "^a^b^"].map(str::to_owned));
        passwords.retain(|password| find_word_violation(password).is_none());
        assert!(passwords.len() > 80, "{}", passwords.len());
        for shell in ["sh", "bash"] {
            let script: String = passwords
                .iter()
                .map(|word| format!("export P={word}\nprintf '%s\\n' \"$P\"\n"))
                .collect();
            let output = Command::new(shell).args(["-c", &script]).output().unwrap();
            let read = String::from_utf8(output.stdout).unwrap();
            assert_eq!(read.lines().collect::<Vec<_>>(), passwords, "{shell}");
        }
    }
}
