//! The normal form of a kickstart: it means the same to us and to pykickstart.

use builder::base::diagnostic::Diagnostic;
use builder::base::place::Place;
use builder::kickstart::{Document, Kickstart, Packages, SourceMap, Text, parse};
use lab_tests::product::shared;
use lab_tests::pykickstart::{Verdict, verdicts};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn read(text: &str) -> Result<Kickstart, Vec<Diagnostic>> {
    parse(&Text::new("ks.cfg", text, &SourceMap::default(), "test"))
}

/// Names and texts of everything in the corpus that pykickstart accepts.
fn accepted(corpus: &Path) -> Vec<(String, String)> {
    let table = fs::read_to_string(corpus.join("verdicts.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>());
    let files = rows.filter(|row| row[1] == "accept").map(|row| {
        let bytes = fs::read(corpus.join("real").join(row[0])).unwrap();
        (row[0].to_owned(), String::from_utf8(bytes).unwrap())
    });
    let cases = fs::read_to_string(corpus.join("rhel7-cases.jsonl")).unwrap();
    let cases = cases.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let cases = cases.filter(|case| case["ok"] == true).map(|case| {
        let input = case["input"].as_str().unwrap().to_owned();
        (format!("case {input:?}"), input)
    });
    files.chain(cases).collect()
}

/// Where what pykickstart writes of our normal form may differ from what it writes of the
/// original: the change made to both before they are compared, and why it is right.
type Justified = (&'static str, fn(&str) -> String);
const JUSTIFIED: [Justified; 4] = [
    ("scripts with CRLF get LF: sh takes the CR for a part of its words", |t| t.replace('\r', "")),
    ("keyboard's old form next to the new one has no effect; it is a comment in theirs", |t| {
        let comment = |l: &&str| l.starts_with("# old format: ") || *l == "# new format:";
        t.split('\n').filter(|l| !comment(l)).collect::<Vec<_>>().join("\n")
    }),
    ("authconfig's words are parted by one blank, as the shell parts them", |t| {
        per_line(t, |line| match line.starts_with("auth") {
            true => line.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
            false => line.to_owned(),
        })
    }),
    ("services of the firewall are a set: --ssh, --http have the dialect's order", |t| {
        per_line(t, |line| match line.split_once("--service=") {
            Some((before, after)) if line.starts_with("firewall") => {
                let (list, rest) = after.split_once(' ').unwrap_or((after, ""));
                let mut list: Vec<&str> = list.split(',').collect();
                list.sort_unstable();
                format!("{before}--service={} {rest}", list.join(","))
            }
            _ => line.to_owned(),
        })
    }),
];

fn per_line(text: &str, change: impl Fn(&str) -> String) -> String {
    text.split('\n').map(change).collect::<Vec<_>>().join("\n")
}

#[test]
fn it_means_the_same_to_pykickstart() {
    let Some(shared) = shared() else { return };
    let inputs = accepted(&shared.join("corpus/kickstart"));
    assert!(inputs.len() > 350, "{} inputs", inputs.len());
    let ours: Vec<String> = inputs.iter().map(|(_, t)| read(t).unwrap().normalized()).collect();
    let texts: Vec<String> = inputs.iter().map(|(_, t)| t.clone()).chain(ours.clone()).collect();
    let verdicts = verdicts(&texts);
    let (before, after) = verdicts.split_at(inputs.len());
    let (mut wrong, mut used) = (Vec::new(), [0; JUSTIFIED.len()]);
    for (((name, _), ours), verdicts) in inputs.iter().zip(&ours).zip(before.iter().zip(after)) {
        let (Verdict::Accepted(before), Verdict::Accepted(after)) = verdicts else {
            wrong.push(format!("{name}: {verdicts:?}\n{ours}"));
            continue;
        };
        let (mut before, mut after) = (before.clone(), after.clone());
        for (index, (_, change)) in JUSTIFIED.iter().enumerate() {
            if before == after {
                break;
            }
            let changed = (change(&before), change(&after));
            used[index] += usize::from(changed != (before, after));
            (before, after) = changed;
        }
        if before != after {
            wrong.push(format!("{name}:\n{}", difference(&before, &after)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), inputs.len(), wrong.join("\n"));
    assert!(!used.contains(&0), "a justification is not needed: {used:?}");
}

/// Two lines of one command: what the second takes back, and what stays.
#[test]
fn a_later_line_changes_an_earlier_one_as_in_pykickstart() {
    let pairs: Vec<String> = [
        ["bootloader --location=mbr --boot-drive=vda --append=a", "bootloader --append=b"],
        ["bootloader --password=x --timeout=3", "bootloader --location=mbr"],
        ["clearpart --all --disklabel=gpt", "clearpart --all"],
        ["clearpart --drives=a --linux", "clearpart --initlabel"],
        ["keyboard --vckeymap=fr", "keyboard us"],
        ["timezone Europe/Prague --utc", "timezone --utc --ntpservers=a"],
        ["autopart --nolvm", "autopart --fstype=ext4"],
        ["autopart --nolvm", "autopart --type=lvm"],
        ["autopart --type=lvm", "autopart --nolvm"],
        ["url --url=http://a/", "url --mirrorlist=http://b/"],
        ["url --mirrorlist=http://b/", "url --url=http://a/"],
        ["services --enabled=a", "services --disabled=b"],
        ["logging --host=a --level=debug", "logging --host=b"],
        ["rootpw --iscrypted x", "rootpw y"],
        ["selinux --permissive", "selinux --enforcing"],
        ["firewall --enabled --port=1:tcp", "firewall --enabled --port=2:tcp"],
        ["xconfig --defaultdesktop=GNOME", "xconfig --startxonboot"],
        ["firstboot --enable", "firstboot --disable"],
    ]
    .iter()
    .map(|lines| lines.join("\n") + "\n")
    .collect();
    let ours: Vec<String> = pairs.iter().map(|t| read(t).unwrap().normalized()).collect();
    let verdicts = verdicts(&[pairs.clone(), ours.clone()].concat());
    let (before, after) = verdicts.split_at(pairs.len());
    for ((text, ours), (before, after)) in pairs.iter().zip(&ours).zip(before.iter().zip(after)) {
        let (Verdict::Accepted(before), Verdict::Accepted(after)) = (before, after) else {
            panic!("{text}{ours}{before:?}{after:?}");
        };
        assert_eq!(JUSTIFIED[1].1(after), JUSTIFIED[1].1(before), "{text}{ours}");
    }
    for refused in [
        "harddrive --dir=/a --partition=a\nharddrive --dir=/a --biospart=b\n",
        "ignoredisk --drives=a\nignoredisk --interactive\n",
        "snapshot v/a --name=s --when=post-install\nsnapshot v/b --name=s --when=post-install\n",
    ] {
        assert_eq!(read(refused).unwrap_err()[0].place.line, 2);
    }
}

/// It parses to the same value, and its own normal form is itself.
#[test]
fn it_is_stable() {
    let Some(shared) = shared() else { return };
    for (name, text) in accepted(&shared.join("corpus/kickstart")) {
        let before = read(&text).unwrap();
        let normal = before.normalized();
        let after = read(&normal).unwrap_or_else(|p| panic!("{name}: {p:?}\n{normal}"));
        assert_eq!(after.normalized(), normal, "{name}");
        assert!(after == before || without_lines(&after) == without_lines(&before), "{name}");
    }
}

/// The value without the places of its parts in the file.
fn without_lines(kickstart: &Kickstart) -> Kickstart {
    let mut bare = kickstart.clone();
    (bare.report, bare.warnings) = (Vec::new(), Vec::new());
    bare.document = Document::default();
    let storage = &mut bare.storage;
    storage.partitions.iter_mut().for_each(|p| p.place = Place::default());
    storage.volume_groups.iter_mut().for_each(|g| g.place = Place::default());
    storage.logical_volumes.iter_mut().for_each(|v| v.place = Place::default());
    storage.autopart.iter_mut().for_each(|a| a.place = Place::default());
    storage.reqpart.iter_mut().for_each(|r| r.place = Place::default());
    storage.tmpfs.iter_mut().for_each(|t| t.place = Place::default());
    storage.encrypted.iter_mut().for_each(|place| *place = Place::default());
    bare.networks.iter_mut().for_each(|n| (n.place, n.entry) = (Place::default(), 0));
    bare.post.iter_mut().for_each(|s| s.place = Place::default());
    bare.timezone.iter_mut().for_each(|t| t.place = Place::default());
    bare.ssh_keys.iter_mut().for_each(|k| k.place = Place::default());
    bare.url.iter_mut().chain(&mut bare.repos).for_each(|r| r.place = Place::default());
    bare.packages.names.sort();
    bare.packages.excluded.sort();
    bare.packages.excluded_groups.sort();
    bare.packages.groups.sort_by(|a, b| a.name.cmp(&b.name));
    bare
}

/// Lines of pykickstart's normal form (`-`, after we read it) and of ours (`+`) that differ.
type Differing = (&'static str, fn(&str) -> bool);
const EXPECTED: [Differing; 4] = [
    ("it writes a boot loader that the file does not ask for", |l| {
        l == "- bootloader --location=none"
    }),
    ("it gives a line that is only a host name DHCP, and so another meaning", |l| {
        l.starts_with("- network --bootproto=dhcp --hostname=")
            || l.starts_with("+ network --hostname=")
    }),
    ("it leaves out %include lines of files that do not exist", |l| l.starts_with("+ %include ")),
    ("it writes sections that are not its own without a line end after them", |l| {
        ["- %end%a", "+ %a", "- # old format", "- # new format"].iter().any(|p| l.starts_with(p))
    }),
];

/// Against what the corpus has for each real file: pykickstart's own normal form read by
/// us, and its lists of packages.
#[test]
fn it_is_equivalent_to_the_expected_one() {
    let Some(shared) = shared() else { return };
    let corpus = shared.join("corpus/kickstart");
    let table = fs::read_to_string(corpus.join("verdicts.tsv")).unwrap();
    let (mut wrong, mut used) = (Vec::new(), [0; EXPECTED.len()]);
    for row in table.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()) {
        if row[1] != "accept" {
            continue;
        }
        let kickstart =
            read(&fs::read_to_string(corpus.join("real").join(row[0])).unwrap()).unwrap();
        let expected = corpus.join("expected").join(format!("{}.normalized.ks", row[0]));
        let theirs = read(&fs::read_to_string(expected).unwrap()).unwrap();
        let (ours, theirs) = (kickstart.normalized(), theirs.normalized());
        for line in difference(&theirs, &ours).lines() {
            let known = EXPECTED.iter().position(|(_, is)| is(line));
            match known {
                Some(index) => used[index] += 1,
                None => wrong.push(format!("{}: {line}", row[0])),
            }
        }
        let packages = corpus.join("expected").join(format!("{}.packages.json", row[0]));
        let packages = fs::read_to_string(packages).unwrap();
        let mut packages: Value = serde_json::from_str(&packages).unwrap();
        for flag in ["default", "multiLib"] {
            assert_eq!(packages.as_object_mut().unwrap().remove(flag), Some(false.into()));
        }
        assert_eq!(lists(&kickstart.packages), packages, "{}", row[0]);
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(!used.contains(&0), "a justification is not needed: {used:?}");
}

/// The packages as the corpus lists them.
fn lists(packages: &Packages) -> Value {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let groups: Vec<String> = packages.groups.iter().map(|g| g.name.clone()).collect();
    // pykickstart's numbers: 0 asks about what is missing, 1 ignores it.
    serde_json::json!({
        "groups": sorted(&groups),
        "excludedGroups": sorted(&packages.excluded_groups),
        "packages": sorted(&packages.names),
        "excluded": sorted(&packages.excluded),
        "environment": packages.environment,
        "nocore": packages.no_core,
        "handleMissing": i32::from(packages.ignore_missing),
    })
}

/// Lines that only one of the texts has.
fn difference(before: &str, after: &str) -> String {
    let only = |sign: &str, one: &str, other: &str| {
        let lines = one.lines().filter(|l| !other.lines().any(|o| o == *l));
        lines.map(|l| format!("{sign} {l}\n")).collect::<String>()
    };
    only("-", before, after) + &only("+", after, before)
}
