//! A double of QEMU on a host whose KVM only half works, to be put before the real one in PATH
//! as `qemu-system-x86_64`. What KVM is not asked for, the real QEMU does. The file `variant`
//! next to it has how KVM fails, the file `calls` gets a line for each guest that it was asked
//! to run (`probe kvm`, `machine kvm nova01`, …):
//!
//! * `boot-sector`: it runs a boot sector and no kernel, so the probe fails;
//! * `internal-error`: the probe gets to its end, and QEMU stops every machine;
//! * `silent`: the probe gets to its end, and every machine spins without output.
//!
//! The file `late`, if there is one, names the machine whose clock begins in 1970.
//!
//! A machine that KVM fails is this program itself: it answers on the control socket and has
//! shown the boot loader's last line.

use lab_tests::half_kvm::{LOADER, MESSAGES, REAL, Variant, clock};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::thread::{park, sleep, spawn};
use std::time::Duration;

/// Set in the process that is the machine.
const MACHINE: &str = "QEMU_HALF_KVM_DOUBLE_MACHINE";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1).cloned()
    };
    let Some(accelerator) = after("-accel") else { real(&arguments) };
    let accelerator = accelerator.split(',').next().unwrap_or_default().to_owned();
    let directory = std::env::current_exe().expect("its path");
    let directory = directory.parent().expect("its directory");
    let variant = Variant::read(directory);
    if std::env::var_os(MACHINE).is_some() {
        machine(variant, &after);
    }
    let pidfile = after("-pidfile");
    let what = if pidfile.is_some() { "machine" } else { "probe" };
    let name = after("-name").map(|name| format!(" {name}")).unwrap_or_default();
    let mut calls = OpenOptions::new().create(true).append(true).open(directory.join("calls"));
    let line = format!("{what} {accelerator}{name}\n");
    calls.as_mut().expect("calls").write_all(line.as_bytes()).expect("calls");
    if accelerator != "kvm" {
        let clock = clock(directory, &after("-name").unwrap_or_default());
        let clock = clock.iter().map(|word| (*word).to_owned());
        real(&arguments.iter().cloned().chain(clock).collect::<Vec<_>>());
    }
    match (pidfile, variant) {
        (Some(pidfile), _) => daemon(&arguments, Path::new(&pidfile)),
        (None, Variant::BootSector) => fail_probe(&after),
        (None, _) => {
            let emulated = |word: &String| match word.as_str() {
                "kvm" => "tcg".to_owned(),
                "host" => "max".to_owned(),
                _ => word.clone(),
            };
            real(&arguments.iter().map(emulated).collect::<Vec<_>>())
        }
    }
}

/// Becomes the real QEMU.
fn real(arguments: &[String]) -> ! {
    let error = Command::new(REAL).args(arguments).exec();
    panic!("{REAL}: {error}");
}

/// The probe's guest gets into long mode and no further.
fn fail_probe(after: &dyn Fn(&str) -> Option<String>) -> ! {
    let stages = after("-debugcon").expect("-debugcon");
    let stages = stages.strip_prefix("file:").expect("a file");
    fs::write(stages, "RPGLHF").expect("stages");
    std::io::stderr().write_all(MESSAGES.as_bytes()).expect("stderr");
    loop {
        park();
    }
}

/// Starts the machine and ends when it runs, as `-daemonize` wants.
fn daemon(arguments: &[String], pidfile: &Path) -> ! {
    let mut command = Command::new(std::env::current_exe().expect("its path"));
    command.args(arguments).env(MACHINE, "1").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the machine");
    while !pidfile.exists() {
        assert!(matches!(child.try_wait(), Ok(None)), "the machine ended");
        sleep(Duration::from_millis(20));
    }
    exit(0);
}

/// A machine that KVM fails.
fn machine(variant: Variant, after: &dyn Fn(&str) -> Option<String>) -> ! {
    let option = |text: &str, name: &str| {
        let value = text.split(',').find_map(|word| word.strip_prefix(name));
        PathBuf::from(value.expect("an option of QEMU's"))
    };
    let chardev = after("-chardev").expect("-chardev");
    let control = UnixListener::bind(option(&after("-qmp").expect("-qmp"), "unix:"));
    let _serial = UnixListener::bind(option(&chardev, "path=")).expect("the serial console");
    let console = OpenOptions::new().create(true).append(true).open(option(&chardev, "logfile="));
    console.expect("console").write_all(LOADER.as_bytes()).expect("console");
    if variant == Variant::InternalError {
        fs::write(after("-D").expect("-D"), MESSAGES).expect("log");
    }
    let temporary = PathBuf::from("pid.new");
    fs::write(&temporary, format!("{}\n", std::process::id())).expect("pid");
    fs::rename(&temporary, after("-pidfile").expect("-pidfile")).expect("pid");
    if variant == Variant::Silent {
        spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        });
    }
    for stream in control.expect("the control socket").incoming() {
        spawn(move || serve(variant, &stream.expect("a client")));
    }
    unreachable!("a listener has no end");
}

/// QEMU Machine Protocol with one client.
fn serve(variant: Variant, stream: &UnixStream) {
    let mut writer = stream;
    let mut send = |value: Value| writer.write_all(format!("{value}\r\n").as_bytes());
    let version = json!({ "qemu": { "major": 0, "minor": 0, "micro": 0 }, "package": "double" });
    if send(json!({ "QMP": { "version": version, "capabilities": [] } })).is_err() {
        return;
    }
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let command: Value = serde_json::from_str(&line).unwrap_or_default();
        let running = variant == Variant::Silent;
        let status = if running { "running" } else { "internal-error" };
        let answer = match command["execute"].as_str() {
            Some("query-status") => json!({ "running": running, "status": status }),
            _ => json!({}),
        };
        if send(json!({ "return": answer })).is_err() {
            return;
        }
    }
}
