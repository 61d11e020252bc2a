//! What this crate writes beside the programs that people use for the same, on the same input,
//! in turn: `cargo bench -p formats --bench peers -- DIRECTORY [RUNS]` makes a disk of the
//! directory's files and prints a table for `builder/docs/performance.md`. Each run is a process
//! of its own; peers that are not installed are left out.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use formats::area::Area;
use formats::bmap::Bmap;
use formats::ext4::{self, Ext4Options, ExtKind};
use formats::qcow2::{self, Compression};
use formats::tree::scan;
use nix::sys::resource::{UsageWho, getrusage};
use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of the disk, most of them a hole.
const SIZE: u64 = 50 << 30;
const RUNS: usize = 5;

/// One way to do a piece of work; `{dir}`, `{raw}` and `{out}` stand for paths. Our own begin
/// with `ours`.
struct Side {
    name: &'static str,
    command: &'static [&'static str],
}

/// A piece of work: ours, then the peer's.
const WORK: [(&str, [Side; 2]); 4] = [
    (
        "ext4 from a directory",
        [
            Side { name: "ext4 writer", command: &["ours", "ext4", "{dir}", "{out}"] },
            Side {
                name: "mke2fs -d",
                command: &["mke2fs", "-q", "-t", "ext4", "-d", "{dir}", "{out}", "50G"],
            },
        ],
    ),
    (
        "qcow2, zlib",
        [
            Side { name: "qcow2 writer", command: &["ours", "zlib", "{raw}", "{out}"] },
            Side {
                name: "qemu-img convert -c",
                command: &[
                    "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "{raw}", "{out}",
                ],
            },
        ],
    ),
    (
        "qcow2, zstd",
        [
            Side { name: "qcow2 writer", command: &["ours", "zstd", "{raw}", "{out}"] },
            Side {
                name: "qemu-img convert -c, zstd",
                command: &[
                    "qemu-img",
                    "convert",
                    "-c",
                    "-f",
                    "raw",
                    "-O",
                    "qcow2",
                    "-o",
                    "compression_type=zstd",
                    "{raw}",
                    "{out}",
                ],
            },
        ],
    ),
    (
        "block map",
        [
            Side { name: "block map", command: &["ours", "bmap", "{raw}", "{out}"] },
            Side {
                name: "bmaptool create",
                command: &["bmaptool", "create", "-o", "{out}", "{raw}"],
            },
        ],
    ),
];

/// What one run took.
#[derive(Clone, Copy)]
struct Cost {
    user: f64,
    system: f64,
    wall: f64,
    /// Peak of resident memory, MiB.
    memory: f64,
    /// Size of what was written, MiB.
    size: f64,
}

impl Cost {
    fn fields(self) -> [f64; 5] {
        [self.user + self.system, self.system, self.wall, self.memory, self.size]
    }
}

const MIB: f64 = (1 << 20) as f64;

fn run_ours(kind: &str, from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let out = File::create_new(to)?;
    let open = || File::open(from);
    match kind {
        "ext4" => {
            out.set_len(SIZE)?;
            let options = Ext4Options {
                kind: ExtKind::Ext4,
                uuid: [1; 16],
                hash_seed: [2; 16],
                label: String::new(),
                time: 0,
                reserved_percent: 5,
            };
            let tree = scan(from, i64::MAX, &mut || true)?;
            ext4::write(&Area::new(&out, [(0, SIZE)]), &options, &tree, &mut |_| true)?;
        }
        "zlib" => qcow2::write(&open()?, &out, Compression::ZLIB, None, &mut |_, _| true)?,
        "zstd" => qcow2::write(&open()?, &out, Compression::ZSTD, None, &mut |_, _| true)?,
        _ => fs::write(to, Bmap::of(&open()?, &|_, _| true)?.to_xml())?,
    }
    Ok(())
}

/// Seconds of children that have ended: user, system.
fn spent() -> Result<[f64; 2], Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    Ok([seconds(usage.user_time()), seconds(usage.system_time())])
}

/// Waits for a child; the peak of its memory as far as it was seen, in MiB.
fn watch(child: &mut Child) -> Result<f64, Box<dyn Error>> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        peak = kib.map_or(peak, |kib| kib / 1024.0);
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(peak),
            Some(status) => return Err(format!("it ended with {status}").into()),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn measure(side: &Side, paths: &[(&str, &Path)]) -> Result<Cost, Box<dyn Error>> {
    let out = paths.last().ok_or("no path")?.1;
    let _ = fs::remove_file(out);
    let path = |word: &str| {
        let found = paths.iter().find(|(name, _)| *name == word);
        found.map_or_else(|| word.into(), |(_, path)| path.as_os_str().to_owned())
    };
    let mut command = match side.command[0] {
        "ours" => Command::new(std::env::current_exe()?),
        program => Command::new(program),
    };
    if side.command[0] == "ours" {
        command.arg("ours");
    }
    command.args(side.command[1..].iter().map(|word| path(word))).stdout(Stdio::null());
    let (before, started) = (spent()?, Instant::now());
    let memory = watch(&mut command.spawn()?)?;
    let wall = started.elapsed().as_secs_f64();
    let after = spent()?;
    let size = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(out)?) as f64 * 512.0 / MIB;
    Ok(Cost { user: after[0] - before[0], system: after[1] - before[1], wall, memory, size })
}

fn median(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

/// One row of the table for each side, and the ratio of the two.
fn report(work: &str, sides: &[Side; 2], costs: &[Vec<Cost>; 2]) {
    for (side, costs) in sides.iter().zip(costs) {
        let columns: Vec<String> = (0..5)
            .map(|n| {
                let [least, middle, most] = median(costs.iter().map(|c| c.fields()[n]));
                format!("{middle:.2} ({least:.2} to {most:.2})")
            })
            .collect();
        println!("| {work} | {} | {} |", side.name, columns.join(" | "));
    }
    let columns: Vec<String> = (0..5)
        .map(|n| {
            let pairs = costs[0].iter().zip(&costs[1]);
            let [least, middle, most] =
                median(pairs.map(|(a, b)| a.fields()[n] / b.fields()[n].max(0.01)));
            format!("**{middle:.2} ×** ({least:.2} to {most:.2})")
        })
        .collect();
    println!("| {work} | ours : peer | {} |", columns.join(" | "));
}

fn machine() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = text("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let date = Command::new("date").args(["-u", "+%F"]).output();
    let date = date.map(|d| String::from_utf8_lossy(&d.stdout).trim().to_owned());
    format!(
        "{}, {cores} cores, {}, load {}",
        model.trim_start_matches(['\t', ' ', ':']),
        date.unwrap_or_default(),
        text("/proc/loadavg").split(' ').next().unwrap_or_default()
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [ours, kind, from, to] = arguments.as_slice()
        && ours == "ours"
    {
        return run_ours(kind, Path::new(from), Path::new(to));
    }
    let directory = arguments.first().ok_or("usage: -- DIRECTORY [RUNS]")?;
    let runs = arguments.get(1).map_or(Ok(RUNS), |runs| runs.parse())?;
    let place = tempfile::tempdir_in(std::env::var("TMPDIR").unwrap_or("/var/tmp".to_owned()))?;
    let (raw, out) = (place.path().join("raw"), place.path().join("out"));
    run_ours("ext4", Path::new(directory), &raw)?;
    println!("{}; {runs} runs each, in turn: median (least to most)\n", machine());
    println!("| work | | user + system, s | system, s | wall, s | memory, MiB | written, MiB |");
    println!("|---|---|---|---|---|---|---|");
    let paths = [("{dir}", Path::new(directory)), ("{raw}", &raw), ("{out}", &out)];
    for (work, sides) in &WORK {
        let mut costs = [Vec::new(), Vec::new()];
        for _ in 0..runs {
            for (side, costs) in sides.iter().zip(&mut costs) {
                match measure(side, &paths) {
                    Ok(cost) => costs.push(cost),
                    Err(e) => println!("{}: {e}\n", side.name),
                }
            }
        }
        match costs.iter().all(|costs| costs.len() == runs) {
            true => report(work, sides, &costs),
            false => println!("| {work} | one of the programs is missing | | | | | |"),
        }
    }
    Ok(())
}
