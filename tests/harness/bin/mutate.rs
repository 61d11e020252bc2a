//! Runs one parser over changed inputs; see [`lab_tests::mutation`].
//!
//! ```text
//! mutate run PARSER RECORD SECONDS LIMIT SEED   prints figures as JSON
//! mutate seeds PARSER DIRECTORY                 writes the inputs to begin with
//! mutate replay PARSER FILE                     parses one file
//! ```
//!
//! The parsers `double-panic`, `double-memory` and `double-hang` are doubles: they do what a
//! broken parser does.

use lab_tests::mutation::Run;
use lab_tests::parsers::seeds::Seeds;
use lab_tests::parsers::{self, Parser};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// A seed of the doubles, which is fine.
fn harmless() -> Vec<Vec<u8>> {
    vec![b"harmless".to_vec()]
}

const SEEDS: Seeds = Seeds { files: &[], made: harmless };

/// Parsers that are broken, for testing that it is noticed.
static DOUBLES: [Parser; 3] = [
    Parser { name: "double-panic", parse: |data| data[..8] == *b"harmless", seeds: SEEDS },
    Parser {
        name: "double-memory",
        parse: |data| {
            data == b"harmless" || std::hint::black_box(vec![1_u8; 8 << 30]).len() == data.len()
        },
        seeds: SEEDS,
    },
    Parser {
        name: "double-hang",
        parse: |data| {
            if data != b"harmless" {
                loop {
                    std::hint::spin_loop();
                }
            }
            true
        },
        seeds: SEEDS,
    },
];

fn find(name: &str) -> Result<&'static Parser, String> {
    DOUBLES.iter().find(|double| double.name == name).map_or_else(|| parsers::find(name), Ok)
}

fn run(arguments: &[String]) -> Result<(), String> {
    let number = |text: &str| text.parse::<f64>().map_err(|e| format!("{text}: {e}"));
    match arguments {
        [mode, name, record, seconds, limit, seed] if mode == "run" => {
            let run = Run {
                parser: find(name)?,
                time: Duration::from_secs_f64(number(seconds)?),
                seed: seed.parse().map_err(|e| format!("{seed}: {e}"))?,
                limit: Duration::from_secs_f64(number(limit)?),
                record: Path::new(record),
            };
            let figures = run.run().map_err(|e| format!("{record}: {e}"))?;
            writeln!(std::io::stdout(), "{figures}").map_err(|e| e.to_string())
        }
        [mode, name, directory] if mode == "seeds" => {
            let (seeds, absent) = find(name)?.seeds.load();
            for (number, seed) in seeds.iter().enumerate() {
                let place = Path::new(directory).join(format!("seed-{number:03}"));
                std::fs::write(&place, seed).map_err(|e| format!("{}: {e}", place.display()))?;
            }
            absent.iter().try_for_each(|pattern| {
                writeln!(std::io::stderr(), "no seeds: {pattern}").map_err(|e| e.to_string())
            })
        }
        [mode, name, file] if mode == "replay" => {
            let input = std::fs::read(file).map_err(|e| format!("{file}: {e}"))?;
            let accepted = (find(name)?.parse)(&input);
            writeln!(std::io::stdout(), "accepted: {accepted}").map_err(|e| e.to_string())
        }
        _ => Err("mutate run|seeds|replay PARSER …; see tests/src/bin/mutate.rs".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "mutate: {why}");
            ExitCode::from(2)
        }
    }
}
