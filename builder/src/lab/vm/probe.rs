//! Whether QEMU can run a kernel under an accelerator. `/dev/kvm` can exist, run a boot sector
//! and still fail every kernel (a KVM without hardware virtualisation that interprets what it
//! knows of), so the probe's guest does what kernels do: `probe/guest.s`.

use super::process::Process;
use super::processor::cpu;
use super::verdict::{KvmFailure, Verdict};
use crate::base::error::{Context, Result};
use crate::base::interrupt;
use crate::base::programs;
use std::fs;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much processor time the probe may use under KVM, where it needs about a second. A busy
/// host may take [`BUSY`] times as long for it.
pub const LIMIT: Duration = Duration::from_secs(10);
const BUSY: u32 = 6;
/// The port of `isa-debug-exit`, which `guest.s` names as well.
const PORT: u16 = 0x501;
/// What the guest writes there when all was right. QEMU's exit code is twice that and one.
const SUCCESS: i32 = 0x15;
/// QEMU's messages when KVM cannot go on (accel/kvm/kvm-all.c, target/i386/kvm/kvm.c). The guest is
/// stopped then.
const FAILURES: [&str; 4] =
    ["KVM internal error", "KVM: entry failed", "kvm run failed", "emulation failure"];

/// What the guest is at, by the letter that it writes when it begins with it.
const STAGES: [(u8, &str); 12] = [
    (b'R', "real mode"),
    (b'P', "protected mode"),
    (b'G', "switching paging on"),
    (b'L', "long mode"),
    (b'H', "long mode in high memory"),
    (b'F', "handling exceptions"),
    (b'X', "SSE and AVX"),
    (b'M', "model-specific registers"),
    (b'U', "user mode"),
    (b'T', "the timer's interrupt"),
    (b'A', "the local APIC's timer"),
    (b'W', "work in memory"),
];

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(include_str!("probe/guest.s"), options(att_syntax));

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    static imgbuild_kvm_probe: u8;
    static imgbuild_kvm_probe_end: u8;
}

/// The guest's disk: whole sectors, the first of them a boot sector.
#[cfg(target_arch = "x86_64")]
fn guest() -> &'static [u8] {
    let (start, end) = (&raw const imgbuild_kvm_probe, &raw const imgbuild_kvm_probe_end);
    // SAFETY: guest.s defines both symbols around one read-only piece of memory.
    unsafe { std::slice::from_raw_parts(start, end.addr() - start.addr()) }
}

/// An accelerator for this processor's own machine cannot run the nodes'.
#[cfg(not(target_arch = "x86_64"))]
fn guest() -> &'static [u8] {
    &[0; 512]
}

/// Runs the guest by QEMU's `program` under the accelerator called `name`, for at most `limit` of
/// processor time and [`BUSY`] times that.
/// Returns why that does not work, if it does not.
///
/// # Errors
/// When the probe cannot be started.
pub fn run(program: &Path, name: &str, limit: Duration) -> Result<Verdict> {
    let what = || "cannot probe for KVM".to_owned();
    let directory = tempfile::tempdir().or_environment(what)?;
    let [disk, stages, messages] =
        ["disk", "stages", "messages"].map(|name| directory.path().join(name));
    fs::write(&disk, guest()).or_environment(what)?;
    let mut child = programs::command(program)
        // The CPU model that the machines get: QEMU's own may work where the host's does not.
        .args(["-accel", name, "-cpu", cpu(name), "-M", "pc", "-m", "32"])
        .args(["-nodefaults", "-display", "none", "-no-reboot"])
        .args(["-device", &format!("isa-debug-exit,iobase={PORT:#x},iosize=1")])
        .args(["-debugcon", "file:stages"])
        .args(["-drive", "file=disk,format=raw,if=ide,snapshot=on"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&messages).or_environment(what)?)
        .spawn()
        .or_environment(what)?;
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    let started = Instant::now();
    let status = wait(&mut child, limit, || read(&messages));
    let _ = child.kill();
    let _ = child.wait();
    let status = status?;
    if status.is_some_and(|s| s.code() == Some(SUCCESS * 2 + 1)) {
        return Ok(Ok(()));
    }
    let messages = String::from_utf8_lossy(&read(&messages)).into_owned();
    let why = explain(status, started.elapsed(), read(&stages).last().copied(), &messages);
    Ok(Err(KvmFailure(why)))
}

/// Waits until QEMU ends, reports that KVM cannot go on, or its time is over; its exit status in
/// the first case.
fn wait(
    child: &mut Child,
    limit: Duration,
    messages: impl Fn() -> Vec<u8>,
) -> Result<Option<ExitStatus>> {
    let started = Instant::now();
    let process = i32::try_from(child.id()).ok().and_then(Process::of);
    let used = || process.as_ref().and_then(Process::cpu_time).unwrap_or_default();
    loop {
        interrupt::check()?;
        let status = child.try_wait().or_environment(|| "cannot probe for KVM".to_owned())?;
        let stopped = summary(&String::from_utf8_lossy(&messages())).is_some();
        if stopped {
            // There are more lines to come.
            std::thread::sleep(Duration::from_millis(100));
        }
        let over = started.elapsed() > limit * BUSY || used() > limit;
        if status.is_some() || over || stopped {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The reason as a message; `stage` is the last letter that the guest wrote.
fn explain(status: Option<ExitStatus>, took: Duration, stage: Option<u8>, log: &str) -> String {
    let seconds = took.as_secs();
    let stage = stage.and_then(|letter| STAGES.iter().find(|(l, _)| *l == letter));
    let Some((_, stage)) = stage else {
        let first = log.lines().map(str::trim).find(|line| !line.is_empty());
        return match (first, status) {
            (Some(line), _) => line.to_owned(),
            (None, Some(status)) => format!("QEMU ended with {status}"),
            (None, None) => format!("a guest does not start within {seconds} s"),
        };
    };
    match (summary(log), status) {
        (Some(words), _) => format!("a guest fails at {stage}: {words}"),
        (None, Some(_)) => format!("a guest fails at {stage}"),
        (None, None) => {
            format!("a guest hangs at {stage} (no answer within {seconds} s)")
        }
    }
}

/// What QEMU's log has on KVM's failure, without the processor's registers; `None` where it
/// has nothing on one.
pub fn summary(log: &str) -> Option<String> {
    let failure = |line: &&str| FAILURES.iter().any(|words| line.contains(words));
    let words: Vec<&str> = log.lines().map(str::trim).filter(failure).take(2).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QEMU: &str = "qemu-system-x86_64";

    #[test]
    fn the_probe_guest_is_a_boot_disk() {
        let guest = guest();
        assert_eq!((guest.len() % 512, &guest[510..512]), (0, &[0x55, 0xaa][..]));
    }

    #[test]
    fn the_probe_guest_gets_to_its_end_in_emulation() {
        let limit = Duration::from_secs(60);
        assert_eq!(run(Path::new(QEMU), "tcg", limit).unwrap(), Ok(()));
    }

    #[test]
    fn what_qemu_cannot_do_is_explained_in_its_own_words() {
        let KvmFailure(why) = run(Path::new(QEMU), "nonsense", LIMIT).unwrap().unwrap_err();
        assert!(why.contains("nonsense"), "{why}");
    }

    #[test]
    fn a_failure_is_explained_by_stage() {
        let log = "KVM internal error. Suberror: 1\nextra data[0]: 0x1\nemulation failure\nRAX=0\n";
        let words = "KVM internal error. Suberror: 1, emulation failure";
        assert_eq!(summary(log).as_deref(), Some(words));
        assert_eq!(
            explain(None, LIMIT, Some(b'F'), log),
            format!("a guest fails at handling exceptions: {words}")
        );
        assert_eq!(
            explain(None, LIMIT, Some(b'T'), ""),
            "a guest hangs at the timer's interrupt (no answer within 10 s)"
        );
        assert_eq!(explain(None, LIMIT, None, ""), "a guest does not start within 10 s");
        assert_eq!(explain(None, LIMIT, None, "\nqemu: no KVM\n"), "qemu: no KVM");
    }
}
