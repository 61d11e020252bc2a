//! The RHEL 7 dialect against pykickstart's verdicts in `../shared/corpus/kickstart`.

use builder::base::diagnostic::Diagnostic;
use builder::kickstart::{Fate, Kickstart, SourceMap, Text, parse};
use lab_tests::product::{self, shared};
use lab_tests::pykickstart::ksvalidator;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The corpus, or `None` where it is absent.
fn corpus() -> Option<PathBuf> {
    shared().map(|directory| directory.join("corpus/kickstart"))
}

fn read(text: &str) -> Result<Kickstart, Vec<Diagnostic>> {
    parse(&Text::new("ks.cfg", text, &SourceMap::default(), "test"))
}

#[test]
fn real_files_get_pykickstarts_verdict() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("verdicts.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let bytes = fs::read(corpus.join("real").join(fields[0])).unwrap();
        let ours = read(&String::from_utf8_lossy(&bytes));
        let line = ours.as_ref().err().map(|p| p[0].place.line.to_string());
        let agree = match fields[1] {
            "accept" => ours.is_ok(),
            _ => line.as_deref() == Some(fields[2]),
        };
        if !agree {
            wrong.push(format!("{row}\n   ours: {:?}", ours.err()));
        }
        count += 1;
    }
    assert!(count > 50, "{count} files");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What RHEL 7 takes and pykickstart's model of it refuses: inputs, and why.
const DEVIATIONS: [(&str, &str); 1] =
    [("sshkey", "RHEL 7.3 and later have it (Red Hat bugs 1240410 and 1311755)")];

/// Every case of pykickstart's own tests gets its verdict, and a refused one its line.
#[test]
fn pykickstarts_own_cases() {
    let Some(corpus) = corpus() else { return };
    let text = fs::read_to_string(corpus.join("rhel7-cases.jsonl")).unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for row in text.lines() {
        let case: Value = serde_json::from_str(row).unwrap();
        let input = case["input"].as_str().unwrap();
        let message = case["message"].as_str().unwrap_or("");
        let line = message.split("on line ").nth(1).and_then(|m| m.split(' ').next()?.parse().ok());
        count += 1;
        let ours = read(input);
        let deviates = DEVIATIONS.iter().any(|(command, _)| input.trim().starts_with(command));
        let agree = match &ours {
            _ if deviates => case["ok"] == false,
            Ok(_) => case["ok"] == true,
            Err(p) => case["ok"] == false && line.is_none_or(|line: usize| p[0].place.line == line),
        };
        if !agree {
            wrong.push(format!("{input:?}\n  theirs: {message}\n  ours: {:?}", ours.err()));
        }
    }
    assert!(count > 700, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every command and section of the dialect has its support in the report.
#[test]
fn every_command_is_reported() {
    let text = "auth --enableshadow\nauthconfig --passalgo=sha512\nbtrfs none btrfs.1\nautostep\n\
        bootloader --append=x\ncdrom\nclearpart --all\ncmdline\neula --agreed\n\
        firewall --enabled\nfirstboot --disable\ngroup --name=g\nhalt\nignoredisk --only-use=vda\n\
        install\nkeyboard us\nlang cs_CZ.UTF-8\nlogging --level=info\nmediacheck\n\
        network --hostname=x\npart / --size=4096 --grow\npartition /boot/efi --size=200\npoweroff\n\
        reboot\nrepo --name=x --baseurl=http://x/\nreqpart\nrootpw --lock\nselinux --permissive\n\
        services --enabled=sshd\nskipx\ntext\ntimezone Etc/UTC\nurl --url=http://x/\n\
        user --name=u\nvnc\nzerombr\n%include more.ks\n\
        %addon x --disable\n%end\n%anaconda\n%end\n%packages\n%end\n%post\ntrue\n%end\n\
        %pre\ntrue\n%end\n";
    let kickstart = read(text).unwrap();
    let heads = text.lines().filter(|l| *l != "true" && *l != "%end");
    let commands: Vec<&str> = heads.map(|l| l.split(' ').next().unwrap()).collect();
    let reported: Vec<&str> = kickstart.report.iter().map(|l| l.command.as_str()).collect();
    assert_eq!(reported, commands);
    let refused = kickstart.report.iter().filter(|l| l.fate == Fate::Refused);
    let refused: Vec<&str> = refused.map(|l| l.command.as_str()).collect();
    assert_eq!(refused, ["btrfs", "%include"]);
}

/// No prefix of a real file, and no file with a byte changed, stops the parser.
#[test]
fn damaged_files_do_not_panic() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("verdicts.tsv")).unwrap();
    for row in table.lines().skip(1).take(20) {
        let name = row.split('\t').next().unwrap();
        let bytes = fs::read(corpus.join("real").join(name)).unwrap();
        for step in 1..40 {
            let cut = bytes.len() * step / 40;
            let mut damaged = bytes.clone();
            damaged[cut.min(bytes.len() - 1)] = b"\"'\\%@-\xff"[step % 7];
            for text in [&bytes[..cut], &damaged] {
                if let Err(problems) = read(&String::from_utf8_lossy(text)) {
                    assert!(problems.iter().all(|p| p.place.line > 0 && p.place.column > 0));
                }
            }
        }
    }
}

/// `imgbuild validate` as outside checks use it: its exit code and its JSON.
fn validate(path: &str) -> (Option<i32>, Value) {
    let output = product::run(&["validate", "--report", "--json", "--kickstart", path]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Writes a file of `directory`, whose path it returns.
fn write(directory: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn diagnostics_are_printed_as_json_with_their_places() {
    let directory = tempfile::tempdir().unwrap();
    let text = "lang en_US.UTF-8\n  skpx\npart / --sise=1 'x\nnetwork --mtu\n";
    let bad = write(&directory, "bad.ks", text);
    let (code, json) = validate(&bad);
    assert_eq!(
        (code, &json["ok"], &json["report"]),
        (Some(2), &false.into(), &Value::Array(vec![]))
    );
    let places = json["errors"].as_array().unwrap().iter().map(|e| {
        assert_eq!(e["file"], bad.as_str());
        assert!(e["hint"].is_string() && e["message"].is_string());
        (e["line"].as_u64().unwrap(), e["column"].as_u64().unwrap())
    });
    assert_eq!(places.collect::<Vec<_>>(), [(2, 3), (3, 17), (4, 9)]);
    assert!(json["errors"][0]["hint"].as_str().unwrap().contains("skipx"));
}

/// A kickstart with an included file in a directory of its own, which includes `last`.
fn including(directory: &tempfile::TempDir, last: &str) -> String {
    write(directory, "more/x", "skipx\n%include y\n");
    write(directory, "more/y", last);
    let text = "rootpw secret\nraid / --device=0 --level=1 raid.1 raid.2\n%include more/x\n";
    write(directory, "good.ks", text)
}

/// Passwords in clear are warned about and not repeated; a refused line is not an error.
#[test]
fn the_report_is_printed_as_json_for_every_line_of_every_file() {
    let directory = tempfile::tempdir().unwrap();
    let good = including(&directory, "lang cs_CZ.UTF-8\n");
    let (code, json) = validate(&good);
    assert_eq!((code, &json["ok"]), (Some(0), &true.into()));
    assert_eq!(json["warnings"][0]["line"], 1);
    assert!(!json.to_string().contains("secret"));
    let line = |l: &Value| {
        assert!(l["why"].is_string());
        let word = |key: &str| l[key].as_str().unwrap().to_owned();
        let file = word("file").rsplit('/').next().unwrap().to_owned();
        format!("{file}:{} {} {}", l["line"], word("command"), word("fate"))
    };
    let report: Vec<_> = json["report"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(
        report[..4],
        [
            "good.ks:1 rootpw honoured",
            "good.ks:2 raid refused",
            "x:1 skipx honoured",
            "y:1 lang honoured",
        ]
    );
    let normal = product::run(&["kickstart", "normalize", &good]);
    assert!(String::from_utf8_lossy(&normal.stdout).contains("\nlang cs_CZ.UTF-8\n"), "{normal:?}");
}

/// A circle is refused with its chain, and together with what else is wrong.
#[test]
fn files_that_include_each_other_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (code, json) = validate(&including(&directory, "%include ../good.ks\nskpx\n"));
    let message = json["errors"][0]["message"].as_str().unwrap();
    assert_eq!(code, Some(2));
    assert!(message.starts_with("files include each other: "), "{message}");
    assert_eq!(message.matches(" -> ").count(), 3);
    let other = &json["errors"][1];
    assert!(other["file"].as_str().unwrap().ends_with("more/y"), "{other}");
    assert_eq!((&other["line"], &other["column"]), (&2.into(), &1.into()));
}

/// The kickstart of a node, and the profile it belongs to.
#[test]
fn profiles_are_validated_and_rendered_for_each_node() {
    let render = |node: &str| {
        let output = product::run(&["kickstart", "render", "--profile", "compute", "--node", node]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let (one, two) = (render("nova01"), render("nova02"));
    assert!(one.contains("--ip=192.168.1.11 ") && two.contains("--ip=192.168.1.12 "));
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("one.ks", one.clone()), ("normal.ks", read(&one).unwrap().normalized())] {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        assert_eq!(ksvalidator(&path), [""; 0], "{name}");
    }
    let output = product::run(&["validate", "--profile", "compute", "--report"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("compute.ks:") && text.ends_with(": ok\n"),
        "{text}"
    );
    let output = product::run(&["kickstart", "render", "--profile", "compute"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("nova01, nova02"), "{stderr}");
}

/// Every file that the dialect accepts has a report, without a crash.
#[test]
fn every_accepted_file_has_a_report() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("verdicts.tsv")).unwrap();
    for row in table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()) {
        let path = corpus.join("real").join(row[0]);
        let path = path.to_str().unwrap();
        let output = product::run(&["validate", "--report", "--json", "--kickstart", path]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["ok"], row[1] == "accept", "{}: {json}", row[0]);
        assert_eq!(
            output.status.code(),
            Some(if row[1] == "accept" { 0 } else { 2 }),
            "{}",
            row[0]
        );
        let report = json["report"].as_array().unwrap();
        let reported: Vec<(u64, &str)> = report
            .iter()
            // No line asks for these.
            .filter(|l| l["fate"] != "added")
            .map(|l| (l["line"].as_u64().unwrap(), l["command"].as_str().unwrap()))
            .collect();
        let bytes = fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let expected = if row[1] == "accept" { heads(&text) } else { Vec::new() };
        // What the file as a whole lacks follows.
        let (reported, lacking) = reported.split_at(expected.len());
        assert_eq!(reported, expected, "{}", row[0]);
        assert!(lacking.iter().all(|(_, command)| *command == "part"), "{}: {lacking:?}", row[0]);
        assert!(report.iter().all(|l| l["why"].as_str().is_some_and(|w| !w.is_empty())));
    }
}

/// Line and first word of every command and section of a kickstart, in order, and of every
/// `%include` in a section: each of them has its support reported.
fn heads(text: &str) -> Vec<(u64, &str)> {
    let mut heads = Vec::new();
    let mut section: Option<(u64, &str)> = None;
    for (line, number) in text.lines().zip(1..) {
        let first = line.split_whitespace().next().unwrap_or_default();
        match section {
            Some(head) if first == "%end" => {
                heads.push(head);
                section = None;
            }
            Some((_, "%packages" | "%post")) if first == "%include" => heads.push((number, first)),
            Some(_) => {}
            None if first.starts_with('%') && first != "%include" => {
                section = Some((number, first));
            }
            None if first.is_empty() || first.starts_with('#') => {}
            None => heads.push((number, first)),
        }
    }
    heads
}
