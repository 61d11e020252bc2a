//! Kickstarts that people wrote for their machines, each in place of the shipped controller's:
//! what becomes of every line of them, which of them pass `validate`, and what each installs from
//! CentOS 7's repository.

use crate::shipped::{Lab, request};
use builder::base::diagnostic::Diagnostic;
use builder::base::progress::{Mode, Progress, Settings};
use builder::kickstart::{Fate, Line};
use builder::pipeline::{self, Select};
use builder::spec::{Request, load};
use lab_tests::{fixture, product};
use std::fmt::Write;
use std::path::Path;
use std::{fs, thread};

/// The least number of files that must be accepted.
const LEAST: usize = 88;
/// CentOS 7.2's own repository: what was renamed since, and what is not its, is not there.
const REPOSITORY: &str = "corpus/yum/repos/centos-7.2.1511-os";

/// What a line of a kickstart includes from the installer's own files.
fn included(kickstart: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(kickstart);
    let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("%include"));
    names.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect()
}

/// What becomes of one file.
struct Judged {
    accepted: bool,
    /// The rows of the table: what is lost, or what stops it.
    lost: Vec<String>,
    /// The row of the table of plans.
    plan: Option<String>,
}

/// What the lab makes of one file. What a user would give is given, and the table says so: an
/// empty file for each one that only the installer's run had, `--ignore-encryption`, and a larger
/// disk where the shipped one is too small.
fn judge(name: &str, kickstart: &[u8], repository: &Path) -> Judged {
    let lab = Lab::new();
    fs::write(lab.path().join("kickstart/controller.ks"), kickstart).expect("kickstart");
    let empty = lab.path().join("empty");
    fs::write(&empty, "").expect("file");
    let included = included(kickstart);
    let includes: Vec<_> = included.iter().map(|name| (name.clone(), empty.clone())).collect();
    let plain = request("controller", lab.path());
    let request = Request { includes: &includes, ignore_encryption: true, ..plain };
    let (mut accepted, mut lost) = judge_request(name, &request);
    if !accepted {
        lab.edit("profiles/controller.toml", "\"50 GiB\"", "\"1 TiB\"");
        (accepted, lost) = judge_request(name, &request);
        if accepted {
            lost.push(format!("{name}: given a disk of 1 TiB"));
        }
    }
    lost.extend(included.iter().map(|file| format!("{name}: %include {file}: given as empty")));
    Judged { accepted, lost, plan: accepted.then(|| plan(name, &request, repository)) }
}

/// How many packages the plan has, and what the repository does not have of what was asked for;
/// or why it has no plan.
fn plan(name: &str, request: &Request<'_>, repository: &Path) -> String {
    let select = Select {
        profiles: vec![request.profile.to_owned()],
        ignore_encryption: request.ignore_encryption,
        includes: request.includes.to_vec(),
        media: vec![repository.to_string_lossy().into_owned()],
        ignore_missing_packages: true,
        directory: request.directory.to_owned(),
        cache: request.directory.join("cache"),
        offline: true,
        ..Select::default()
    };
    let quiet = Settings { mode: Mode::None, ..Settings::default() };
    let mut progress = Progress::new(&quiet).expect("no log");
    match pipeline::plan(&select, &mut progress) {
        Ok(plans) => {
            let [plan] = &plans[..] else { panic!("{name}: {} plans", plans.len()) };
            let missing = plan.skipped.iter().filter(|text| text.contains(" on the media"));
            let missing: Vec<&str> = missing.filter_map(|text| text.split('`').nth(1)).collect();
            format!("{name}: {} packages; not there: {}", plan.packages.len(), missing.join(" "))
        }
        Err(error) => format!("{name}: no plan: {error}"),
    }
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
    let repository = product::shared().expect("corpus").join(REPOSITORY);
    let judge_all = |names: &[&str]| -> Vec<Judged> {
        let read = |name| fs::read(corpus.join("real").join(name)).expect("kickstart");
        names.iter().map(|name| judge(name, &read(name), &repository)).collect()
    };
    let (first, second) = names.split_at(names.len() / 2);
    let judged = thread::scope(|scope| {
        let second = scope.spawn(|| judge_all(second));
        let mut judged = judge_all(first);
        judged.extend(second.join().expect("a judge"));
        judged
    });
    let accepted = judged.iter().filter(|j| j.accepted).count();
    let whole = judged.iter().filter(|j| j.accepted && j.lost.is_empty()).count();
    let head = format!(
        "{accepted} of {} kickstarts are accepted, {whole} of them with every line.\n\n",
        names.len()
    );
    let lines = |rows: Vec<&String>| {
        rows.into_iter().fold(String::new(), |mut text, row| {
            writeln!(text, "{row}").expect("a string");
            text
        })
    };
    let lost = judged.iter().flat_map(|j| &j.lost).collect();
    fixture::same("real-kickstarts.txt", &(head + &lines(lost)));
    let plans = judged.iter().filter_map(|j| j.plan.as_ref()).collect();
    fixture::same("real-kickstarts-plans.txt", &lines(plans));
    assert!(accepted >= LEAST, "{accepted} of {} are accepted", names.len());
}
