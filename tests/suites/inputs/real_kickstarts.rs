//! Kickstarts that people wrote for their machines, each in place of the shipped controller's:
//! what becomes of every line of them, and which of them pass `validate`.

use crate::shipped::{Lab, request};
use builder::base::diagnostic::Diagnostic;
use builder::kickstart::{Fate, Line};
use builder::spec::{Request, load};
use lab_tests::{fixture, product};
use std::fmt::Write;
use std::fs;

/// The least number of files that must be accepted.
const LEAST: usize = 88;

/// What a line of a kickstart includes from the installer's own files.
fn included(kickstart: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(kickstart);
    let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("%include"));
    names.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// What the lab makes of one file: the rows of the table, the last one the error that stops it.
/// What a user would give is given, and the table says so: an empty file for each one that only
/// the installer's run had, `--ignore-encryption`, and a larger disk where the shipped one is
/// too small.
fn judge(name: &str, kickstart: &[u8]) -> (bool, Vec<String>) {
    let lab = Lab::new();
    fs::write(lab.path().join("kickstart/controller.ks"), kickstart).expect("kickstart");
    let empty = lab.path().join("empty");
    fs::write(&empty, "").expect("file");
    let included = included(kickstart);
    let includes: Vec<_> = included.iter().map(|name| (name.clone(), empty.clone())).collect();
    let plain = request("controller", lab.path());
    let request = Request { includes: &includes, ignore_encryption: true, ..plain };
    let (mut ok, mut rows) = judge_request(name, &request);
    if !ok {
        lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"1 TiB\"");
        (ok, rows) = judge_request(name, &request);
        if ok {
            rows.push(format!("{name}: given a disk of 1 TiB"));
        }
    }
    rows.extend(included.iter().map(|file| format!("{name}: %include {file}: given as empty")));
    (ok, rows)
}

fn judge_request(name: &str, request: &Request<'_>) -> (bool, Vec<String>) {
    match load(request) {
        Ok(spec) => {
            let lost = |line: &&Line| matches!(line.fate, Fate::LeftOut | Fate::Refused);
            let row = |line: &Line| {
                let fate = line.fate.as_str();
                format!("{name}:{}: {}: {fate}: {}", line.place.line, line.command, line.why)
            };
            (true, spec.kickstart.report.iter().filter(lost).map(row).collect())
        }
        Err(errors) => {
            let row = |error: &Diagnostic| {
                let hint = error.hint.as_deref().unwrap_or_default();
                format!("{name}:{}: stops a build: {}: {hint}", error.place.line, error.message)
            };
            (false, errors.0.iter().map(row).collect())
        }
    }
}

/// The table of what is not honoured is a part of the repository: a line that is lost shows in
/// a change of it.
#[test]
fn real_kickstarts_are_accepted() {
    let Some(corpus) = product::shared().map(|shared| shared.join("corpus/kickstart")) else {
        return;
    };
    let verdicts = fs::read_to_string(corpus.join("verdicts.tsv")).expect("verdicts");
    let mut names: Vec<&str> = verdicts
        .lines()
        .filter_map(|row| row.split_once('\t'))
        .filter(|(_, rest)| rest.split('\t').next() == Some("accept"))
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    let (mut accepted, mut whole, mut rows) = (0, 0, String::new());
    for name in &names {
        let bytes = fs::read(corpus.join("real").join(name)).expect("kickstart");
        let (ok, lost) = judge(name, &bytes);
        accepted += usize::from(ok);
        whole += usize::from(ok && lost.is_empty());
        for row in lost {
            writeln!(rows, "{row}").expect("a string");
        }
    }
    let head = format!(
        "{accepted} of {} kickstarts are accepted, {whole} of them with every line.\n\n",
        names.len()
    );
    fixture::same("real-kickstarts.txt", &(head + &rows));
    assert!(accepted >= LEAST, "{accepted} of {} are accepted", names.len());
}
