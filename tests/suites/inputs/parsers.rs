//! Every parser of what others wrote, over thousands of changed inputs: it neither panics nor
//! hangs nor takes all memory. A second each; with `LONG_TESTS=1` (`tests/long`) half a minute.

use lab_tests::mutation;
use lab_tests::parsers::PARSERS;
use lab_tests::product;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// The program that runs one parser.
const MUTATE: &str = env!("CARGO_BIN_EXE_mutate");
/// The processor time that one input may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The maximum memory of a parser, in MiB; metadata may have 1 GiB (`repo::repomd`).
const MEMORY: u64 = 1536;

fn findings() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("findings")
}

/// Inputs by `FUZZ_SEED`, else always the same ones, in the long run new ones.
fn seed(long: bool) -> u64 {
    let given = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_secs());
        if long { now } else { 1 }
    })
}

#[test]
#[allow(clippy::print_stderr, reason = "the figures and the seed are for who reads the output")]
fn parsers_survive_changed_inputs() {
    let long = product::is_long();
    let (time, seed) = (Duration::from_secs(if long { 30 } else { 1 }), seed(long));
    eprintln!("FUZZ_SEED={seed}, {time:?} each");
    let (next, results) = (Mutex::new(PARSERS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(parser) = next.lock().expect("parsers").next() else { break };
                    let limits = (time, LIMIT, seed);
                    let found = mutation::run(Path::new(MUTATE), parser.name, limits, &findings());
                    results.lock().expect("results").push(found);
                }
            });
        }
    });
    let results = results.into_inner().expect("results");
    assert_eq!(results.len(), PARSERS.len());
    let mut faults = Vec::new();
    for result in results {
        match result {
            Ok(figures) => {
                eprintln!("{figures}");
                if figures["peak_mib"].as_u64().is_none_or(|peak| peak > MEMORY) {
                    faults.push(format!("too much memory: {figures}"));
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
#[allow(clippy::print_stderr, reason = "a missing seed is reported")]
fn every_parser_accepts_a_seed() {
    for parser in PARSERS {
        let (seeds, absent) = parser.seeds.load();
        for pattern in absent {
            let why =
                format!("{}: no shared test data at {pattern} (IMGBUILD_SHARED)", parser.name);
            product::not_run(&why);
        }
        let accepted = seeds.iter().filter(|seed| (parser.parse)(seed)).count();
        assert!(accepted > 0, "{} accepts none of its {} seeds", parser.name, seeds.len());
    }
}

#[test]
fn broken_parsers_are_noticed() {
    let try_one = |double: &str| -> Result<Value, String> {
        let limits = (Duration::from_secs(60), Duration::from_millis(500), 7);
        mutation::run(Path::new(MUTATE), double, limits, &findings())
    };
    for (double, words) in [
        ("double-panic", "panicked at"),
        ("double-memory", "memory allocation of"),
        ("double-hang", "takes too long for one input"),
    ] {
        let fault = try_one(double).expect_err(double);
        assert!(fault.contains(words), "{fault}");
        let input = findings().join(format!("{double}-7"));
        let kept = std::fs::read(&input).expect("the input is kept");
        assert_ne!(kept, b"harmless", "{double}");
        std::fs::remove_file(input).expect("a finding");
    }
}
