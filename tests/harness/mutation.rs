//! Fuzzing with the stable compiler and without coverage: inputs are changed blindly, and each
//! is parsed under a limit of memory and time. The program `mutate` runs one parser, so that a
//! crash ends it alone; what it was parsing is then in its record.

use crate::parsers::Parser;
use nix::sys::resource::{Resource, setrlimit};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Address space of a run: a parser that asks for more ends.
const MEMORY: u64 = 4 << 30;
/// Inputs do not grow beyond this.
const MAX_INPUT: usize = 64 << 10;
/// Inputs that are kept for being accepted.
const POOL: usize = 50;
/// Longer ones are not kept, unless a seed is as long.
const MAX_KEPT: usize = 8 << 10;
/// The exit code of a run whose parser took too long for one input.
pub const HANGS: i32 = 3;

/// A run of one parser.
#[derive(Debug)]
pub struct Run<'r> {
    /// The parser.
    pub parser: &'r Parser,
    /// How long, as a minimum; the seeds are all parsed.
    pub time: Duration,
    /// Makes the same inputs again.
    pub seed: u64,
    /// The maximum processor time of one input.
    pub limit: Duration,
    /// The file that holds the input being parsed.
    pub record: &'r Path,
}

/// Random numbers (splitmix64): the same for the same seed everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A part of `length` bytes: mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let max = if self.below(8) == 0 { length } else { 16 };
        start..(start + self.below(max + 1)).min(length)
    }
}

/// Numbers at which arithmetic breaks.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];

/// Changes the input at one place; `other` is another input.
fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len().max(1));
    match random.below(9) {
        0 | 1 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        2 if !input.is_empty() => input[at] = random.next() as u8,
        3 => {
            let number = EDGES[random.below(EDGES.len())];
            let width = [1, 2, 4, 8][random.below(4)];
            let little = random.below(2) == 0;
            let bytes = if little { number.to_le_bytes() } else { number.to_be_bytes() };
            let bytes = if little { &bytes[..width] } else { &bytes[8 - width..] };
            let end = (at + width).min(input.len());
            input[at.min(end)..end].copy_from_slice(&bytes[..end - at.min(end)]);
        }
        4 => drop(input.drain(random.range(input.len()))),
        5 => {
            let piece = input[random.range(input.len())].to_vec();
            let times = [1, 1, 2, 2, 8, 8, 8, 1000][random.below(8)];
            input.splice(at.min(input.len())..at.min(input.len()), piece.repeat(times));
        }
        6 => {
            let piece = other[random.range(other.len())].to_vec();
            let place = random.range(input.len());
            input.splice(place, piece);
        }
        7 if random.below(8) == 0 => input.truncate(at),
        _ => input.insert(at.min(input.len()), b"\0\n\"'=<>[]{}%-/9,:"[random.below(17)]),
    }
    input.truncate(MAX_INPUT.max(other.len()));
}

/// The run's clock for one input: which one it is, and since when.
struct Watch {
    number: AtomicU64,
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Ends the process when an input takes more than `limit` of processor time, or 20 times as long
/// without using the processor.
fn watch(watch: &Watch, limit: Duration) -> ! {
    let (mut number, mut since, mut began) = (0, processor_time(), Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(20));
        let now = watch.number.load(Ordering::Relaxed);
        if now != number {
            (number, since, began) = (now, processor_time(), Instant::now());
        } else if processor_time() - since > limit || began.elapsed() > 20 * limit {
            std::process::exit(HANGS);
        }
    }
}

impl Run<'_> {
    /// Parses the seeds, and changed inputs until the time is over. Returns the figures.
    ///
    /// # Errors
    /// When the record cannot be written.
    ///
    /// # Panics
    /// When the parser does.
    pub fn run(&self) -> io::Result<Value> {
        setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY)?;
        let (seeds, _) = self.parser.seeds.load();
        let record = File::create(self.record)?;
        static WATCH: Watch = Watch { number: AtomicU64::new(0) };
        let limit = self.limit;
        std::thread::spawn(move || watch(&WATCH, limit));
        let (mut accepted, mut executions, mut slowest) = (0_u64, 0_u64, Duration::ZERO);
        let mut parse = |input: &[u8]| -> io::Result<bool> {
            WATCH.number.fetch_add(1, Ordering::Relaxed);
            let whole = [&(input.len() as u64).to_le_bytes(), input].concat();
            record.write_all_at(&whole, 0)?;
            let began = Instant::now();
            let good = (self.parser.parse)(input);
            slowest = slowest.max(began.elapsed());
            executions += 1;
            accepted += u64::from(good);
            Ok(good)
        };
        let began = Instant::now();
        let mut random = Random(self.seed);
        let mut pool = Vec::new();
        for seed in &seeds {
            parse(seed)?;
            pool.push(seed.clone());
        }
        let longest = seeds.iter().map(Vec::len).max().unwrap_or(0).max(MAX_KEPT);
        while began.elapsed() < self.time {
            let mut input = pool[random.below(pool.len())].clone();
            for _ in 0..=random.below(6) {
                let other = random.below(pool.len());
                change(&mut input, &pool[other], &mut random);
            }
            if parse(&input)? && input.len() <= longest {
                let keep = seeds.len() + random.below(POOL);
                match pool.get_mut(keep) {
                    Some(place) => *place = input,
                    None => pool.push(input),
                }
            }
        }
        Ok(json!({
            "parser": self.parser.name,
            "seeds": seeds.len(),
            "executions": executions,
            "accepted": accepted,
            "seconds": began.elapsed().as_secs_f64(),
            "slowest_ms": slowest.as_secs_f64() * 1000.0,
            "peak_mib": peak() >> 10,
        }))
    }
}

/// The maximum memory of this process so far, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Runs the program `mutate` for one parser and returns its figures.
///
/// # Errors
/// How it ended otherwise, what it printed, and the file in `findings` that holds the input.
///
/// # Panics
/// When the program cannot be started.
pub fn run(
    program: &Path,
    parser: &str,
    (time, limit, seed): (Duration, Duration, u64),
    findings: &Path,
) -> Result<Value, String> {
    fs::create_dir_all(findings).expect("a directory for findings");
    let record: PathBuf = findings.join(format!("{parser}.record"));
    let mut command = Command::new(program);
    command.args(["run", parser]).arg(&record).env("RUST_BACKTRACE", "1");
    command.args([time.as_secs_f64(), limit.as_secs_f64()].map(|seconds| seconds.to_string()));
    let output = command.arg(seed.to_string()).output().expect("the program `mutate` starts");
    let whole = fs::read(&record).unwrap_or_default();
    // A record exists as long as there is something to look at.
    let _ = fs::remove_file(&record);
    if output.status.success() {
        return serde_json::from_slice(&output.stdout).map_err(|e| e.to_string());
    }
    let kept = findings.join(format!("{parser}-{seed}"));
    if let Some((length, input)) = whole.split_first_chunk::<8>() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        fs::write(&kept, &input[..length.min(input.len())]).expect("a finding");
    }
    let how = match output.status.code() {
        Some(HANGS) => "takes too long for one input".to_owned(),
        _ => format!("ended with {}", output.status),
    };
    Err(format!(
        "{parser} (seed {seed}) {how}; the input is {}, try it by `{} replay {parser} FILE`:\n{}",
        kept.display(),
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    ))
}
