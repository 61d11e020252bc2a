//! The RHEL 7 dialect against pykickstart's verdicts in `../shared/corpus/kickstart`.

use builder::kickstart::{Kickstart, Lines, Text, parse};
use builder::problem::Problem;
use std::fs;
use std::path::PathBuf;

/// The corpus, or a note that it is absent.
fn corpus() -> Option<PathBuf> {
    let shared = std::env::var_os("IMGBUILD_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
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

#[test]
fn cases() {
    let Some(corpus) = corpus() else { return };
    let text = fs::read_to_string(corpus.join("rhel7-cases.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for row in text.lines() {
        let case: serde_json::Value = serde_json::from_str(row).unwrap();
        let ours = read(case["input"].as_str().unwrap());
        if ours.is_ok() != case["ok"].as_bool().unwrap() {
            wrong.push(format!("{}: {} {:?}\n  {}", case["from_test"], case["input"], ours.err().map(|p| p[0].message.clone()), case["message"].as_str().unwrap_or("accept").trim().lines().last().unwrap_or("")));
        }
    }
    println!("{} wrong", wrong.len());
    for w in &wrong { println!("{w}"); }
}
