//! The RHEL 7 dialect against pykickstart's verdicts in `../shared/corpus/kickstart`.

// The note that test data is absent.
#![allow(clippy::print_stdout)]

use builder::kickstart::{Fate, Kickstart, Lines, Text, parse};
use builder::problem::Problem;
use std::fs;
use std::path::PathBuf;

/// The corpus, or a note that it is absent.
fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("IMGBUILD_SHARED").map(PathBuf::from);
    let shared =
        shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let corpus = shared.join("corpus/kickstart");
    if !corpus.is_dir() {
        println!("{} is absent: nothing compared", corpus.display());
        return None;
    }
    Some(corpus)
}

fn read(text: &str) -> Result<Kickstart, Vec<Problem>> {
    parse(&Text { file: "ks.cfg", text, lines: &Lines::default(), salt: "test" })
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
        let line = ours.as_ref().err().map(|p| p[0].line.to_string());
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

/// Every case of pykickstart's own tests gets its verdict, and a refused one its line.
#[test]
fn pykickstarts_own_cases() {
    let Some(corpus) = corpus() else { return };
    let text = fs::read_to_string(corpus.join("rhel7-cases.jsonl")).unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for row in text.lines() {
        let case: serde_json::Value = serde_json::from_str(row).unwrap();
        let input = case["input"].as_str().unwrap();
        let message = case["message"].as_str().unwrap_or("");
        let line = message.split("on line ").nth(1).and_then(|m| m.split(' ').next()?.parse().ok());
        count += 1;
        let ours = read(input);
        let agree = match &ours {
            Ok(_) => case["ok"] == true,
            Err(p) => case["ok"] == false && line.is_none_or(|line: usize| p[0].line == line),
        };
        if !agree {
            wrong.push(format!("{input:?}\n  theirs: {message}\n  ours: {:?}", ours.err()));
        }
    }
    assert!(count > 700, "{count} cases");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every command and section of the dialect has a fate in the report.
#[test]
fn every_command_is_reported() {
    let text = "auth --enableshadow\nauthconfig --passalgo=sha512\nautopart\nautostep\n\
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
    assert_eq!(refused, ["autopart", "repo", "%include"]);
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
                    assert!(problems.iter().all(|p| p.line > 0 && p.column > 0));
                }
            }
        }
    }
}
