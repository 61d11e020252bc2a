use super::*;
use contract::lab_answers::list_lab_answers;
use contract::spec::Spec;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn wanted(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn edited(text: &str, pairs: &[(&str, &str)]) -> String {
    let mut file = AnswerFile::parse(text.as_bytes());
    file.apply(&wanted(pairs));
    String::from_utf8(file.to_bytes()).unwrap()
}

#[test]
fn only_the_values_change() {
    let text = "[general]\r\n# a comment = y\r\nA = 1 \r\nodd line\r\nB=2\r\nA:1\r\n\r\n;A=3";
    assert_eq!(
        edited(text, &[("A", "9")]),
        "[general]\r\n# a comment = y\r\nA = 9 \r\nodd line\r\nB=2\r\nA:9\r\n\r\n;A=3"
    );
    assert_eq!(edited(text, &[("B", "2")]), text);
    assert_eq!(edited("a=1\n", &[("A", "2")]), "a=2\n", "names in any case are one key");
    assert_eq!(edited("A=\n", &[("A", "2")]), "A=2\n");
    assert_eq!(edited("A=1", &[("A", "")]), "A=");
    assert_eq!(edited("A=1 ; one\r\n", &[("A", "2")]), "A=2 ; one\r\n");
}

#[test]
fn a_missing_key_goes_to_the_sections_end() {
    assert_eq!(edited("[general]\nA=1\n", &[("B", "2")]), "[general]\nA=1\nB=2\n");
    assert_eq!(edited("[general]\r\nA=1", &[("B", "2")]), "[general]\r\nA=1\r\nB=2");
    assert_eq!(edited("[general]\nA=1\n[x]\n", &[("B", "2")]), "[general]\nA=1\nB=2\n[x]\n");
    assert_eq!(edited("", &[("B", "2")]), "B=2\n");
}

#[test]
fn lines_that_continue_a_value_go_with_it() {
    let text = "A=1\n# kept\n  ,2\n\n\t3\nB=4\n  5\n";
    assert_eq!(edited(text, &[("A", "9")]), "A=9\n# kept\n\nB=4\n  5\n");
}

#[test]
fn what_is_not_an_answer_file_is_kept() {
    for bytes in [&b""[..], b"\xff\xfe\n=\n:\n[\n", b"\n\n\r\n", b"   x", b"A"] {
        let file = AnswerFile::parse(bytes);
        assert_eq!(file.to_bytes(), bytes);
        assert_eq!(file.get("A"), None);
    }
}

/// Python 3's `ConfigParser`, set up as the one of Python 2 with which packstack reads the
/// file: what it reads, or nothing. It does not know `rem`, which Python 2 takes for a comment.
fn read_by_python(text: &str) -> Option<Vec<(String, String)>> {
    let judge = "import configparser, json, sys
parser = configparser.ConfigParser(
    strict=False, interpolation=configparser.LegacyInterpolation(), delimiters=('=', ':'),
    inline_comment_prefixes=(';',))
parser.read_string(sys.stdin.buffer.read().decode('latin-1'))
values = parser.items('general')
if not values:
    sys.exit(1)
print(json.dumps(values))";
    let mut command = Command::new("python3");
    command.args(["-Wignore", "-c", judge]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = command.stderr(Stdio::null()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn what_packstack_cannot_read_is_refused() {
    for (text, why) in [
        ("[general]\nA=1\n  2\n# c\n", None),
        ("[x]\nB=1\n[general]\nA: 1\n", None),
        ("[general] # c\r\nA=1\r\n", None),
        ("A=1\n", Some("line 1 stands before the [general] section")),
        ("\n A=1\n[general]\nB=1\n", Some("line 2 stands before the [general] section")),
        ("# c\n[generic]\nA=1\n", Some("it has no [general] section")),
        ("[General]\nA=1\n", Some("it has no [general] section")),
        ("[general]\nA=1\nodd line\n", Some("line 3 is not a setting (KEY=value)")),
        ("[general]\n<<<<<<< HEAD\nA=1\n", Some("line 2 is not a setting (KEY=value)")),
        ("[general]\nA=1\n=======\nA=2\n", Some("line 3 is not a setting (KEY=value)")),
        ("[general\nA=1\n", Some("line 1 stands before the [general] section")),
        (
            "[general]\nA=1\nB=2%(x)s\n",
            Some("line 3: `%(` in the value of B begins a reference to another value"),
        ),
        ("[general]\n", Some("it has no KEY=value line")),
        ("", Some("it has no [general] section")),
    ] {
        let found = AnswerFile::parse(text.as_bytes()).check_readable().err();
        assert_eq!(found.as_deref(), why, "{text:?}");
        assert_eq!(read_by_python(text).is_some(), why.is_none(), "{text:?}");
    }
    // As Python 2 alone judges.
    assert_eq!(AnswerFile::parse(b"[general]\nrem a line\nA=1\n").check_readable(), Ok(()));
    let indented = AnswerFile::parse(b"[general]\n  A=1\nB=1\n").check_readable();
    assert_eq!(indented, Err("line 2 is not a setting (KEY=value)".to_owned()));
}

#[test]
fn values_are_read_as_packstack_reads_them() {
    for value in ["1", "a b", "a ; b", "a;b", "a;b;c", "a #b", "50%", " a\t", "#", "\u{e9}"] {
        let text = format!("[general]\nX=\nA={value}\nB=2\n");
        let file = AnswerFile::parse(text.as_bytes());
        let lower = |(key, value): (String, String)| (key.to_lowercase(), value);
        let ours: Vec<_> = file.entries().into_iter().map(lower).collect();
        // Python was told to take each byte for a character.
        let latin = |text: String| text.chars().map(|c| c as u8).collect::<Vec<_>>();
        let theirs = read_by_python(&text).unwrap().into_iter();
        let theirs = theirs.map(|(key, value)| (key, String::from_utf8(latin(value)).unwrap()));
        assert_eq!(ours, theirs.collect::<Vec<_>>(), "{value:?}");
    }
    // As Python 2 alone reads them.
    for (line, value) in
        [("A=\"\"", ""), ("A=;x\r", ""), ("A=;x", ";x"), ("A=\t;", ";"), ("A=a;b ;c", "a;b ;c")]
    {
        let file = AnswerFile::parse(format!("{line}\n").as_bytes());
        assert_eq!(file.get("A").as_deref(), Some(value), "{line:?}");
    }
    let file = AnswerFile::parse(b"CONFIG_NOVA_DB_PW=planted ; old one\n");
    assert_eq!(file.secrets(), ["planted"]);
}

#[test]
fn what_is_read_otherwise_than_it_looks_is_listed() {
    let text = "[general]\nA=1\n# c\n\n  B=2\n  # no comment\nC=3 ; old\nCONFIG_NOVA_DB_PW=x ;y\n";
    assert_eq!(
        AnswerFile::parse(text.as_bytes()).list_oddities(),
        [
            "line 5 is indented: it continues the value of A",
            "line 6 is indented: it continues the value of A",
            "line 8: the value of CONFIG_NOVA_DB_PW ends before the `;`",
        ]
    );
}

fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("IMGBUILD_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let corpus = shared.join("corpus/packstack");
    if !corpus.is_dir() {
        // Not `eprintln`: what a test that passes prints is not shown.
        let why = format!("not run: {} is absent\n", corpus.display());
        let _ = std::io::stderr().write_all(why.as_bytes());
        return None;
    }
    Some(corpus)
}

/// The file that packstack 9.0.3 generates: our keys change, every other byte stays.
#[test]
fn a_generated_file_is_edited() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("newton-9.0.3/packstack-answers-9.0.3.default.txt");
    let old = std::fs::read(path).unwrap();
    let spec = Spec::parse(include_str!("../../../examples/controller.spec.toml")).unwrap();
    let answers = list_lab_answers(&spec, false);
    let mut file = AnswerFile::parse(&old);
    let mut changed = file.apply(&answers);
    assert!(file.holds(&answers));
    assert_eq!(file.apply(&answers), Vec::<String>::new(), "a second edit changes nothing");
    let new = file.to_bytes();
    let lines = |bytes: &[u8]| bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (old, new) = (lines(&old), lines(&new));
    assert_eq!(old.len(), new.len());
    let mut different: Vec<String> = old
        .iter()
        .zip(&new)
        .filter(|(old, new)| old != new)
        .map(|(_, new)| String::from_utf8_lossy(new).split('=').next().unwrap().to_owned())
        .collect();
    different.sort();
    changed.sort();
    assert_eq!(different, changed);
    assert!(AnswerFile::parse(&old.join(&b'\n')).secrets().len() > 20);
}

/// Files as people have them: read, kept and edited without a panic, and the count of
/// keys is what Python's parser saw.
#[test]
fn real_files_are_read() {
    let Some(corpus) = corpus() else { return };
    let table = std::fs::read_to_string(corpus.join("real-answer-files.tsv")).unwrap();
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let bytes = std::fs::read(corpus.join("real-answer-files").join(fields[0])).unwrap();
        let mut file = AnswerFile::parse(&bytes);
        assert_eq!(file.to_bytes(), bytes, "{}", fields[0]);
        let entries = file.entries();
        assert_eq!(entries.len().to_string(), fields[1], "{}", fields[0]);
        let mut names: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
        names.sort();
        names.dedup();
        let known = names.iter().filter(|name| find_kind(name).is_some()).count();
        assert_eq!(
            (names.len().to_string(), known.to_string()),
            (fields[2].into(), fields[5].into())
        );
        file.set("CONFIG_SWIFT_INSTALL", "n");
        assert_eq!(file.get("CONFIG_SWIFT_INSTALL").as_deref(), Some("n"));
    }
}
