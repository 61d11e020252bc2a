//! Processes that outlive imgbuild, identified without ambiguity: by number, start time and boot.

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks of a second in proc(5): the same in every Linux on x86 (`USER_HZ`).
const TICKS: u32 = 100;

/// A process that we started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since the machine booted (proc(5), field 22 of `stat`).
    pub started: u64,
    /// The machine's boot, as the kernel names it.
    pub boot: String,
}

impl Process {
    /// The process that has this number now.
    pub fn of(pid: i32) -> Option<Self> {
        let started = start_time(pid)?;
        Some(Self { pid, started, boot: boot_id() })
    }

    /// Whether it still runs. Another process that got its number is not it.
    pub fn alive(&self) -> bool {
        self.boot == boot_id() && start_time(self.pid) == Some(self.started)
    }

    /// Sends it a signal; does nothing when it has ended.
    pub fn signal(&self, signal: Signal) {
        // The descriptor holds on to the process: its number cannot become another's between
        // the look at its start time and the signal (pidfd_open(2)).
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let held = pidfd_open(pid, PidfdFlags::empty());
        if !self.alive() {
            return;
        }
        // Either only fails when it has ended meanwhile.
        let _ = match held {
            Ok(process) => pidfd_send_signal(process, signal),
            Err(Errno::SRCH) => Ok(()),
            // Linux before 5.3, and containers that forbid it: the number has to do.
            Err(_) => kill_process(pid, signal),
        };
    }

    /// The processor time that it has used, a guest's included; `None` when it has ended.
    pub fn cpu_time(&self) -> Option<Duration> {
        let [user, system] = [14, 15].map(|field| stat(self.pid, field));
        let used = Duration::from_secs(user? + system?) / TICKS;
        self.alive().then_some(used)
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.wait(Duration::from_secs(10));
    }

    /// Waits until it has ended, at most `limit`; whether it has.
    pub fn wait(&self, limit: Duration) -> bool {
        let started = Instant::now();
        while self.alive() {
            if started.elapsed() > limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }
}

/// Start time of a process that exists and is not a zombie.
fn start_time(pid: i32) -> Option<u64> {
    stat(pid, 22)
}

/// A number of a process that exists and is not a zombie: the `field` of its `stat`, counted as in
/// proc(5).
fn stat(pid: i32, field: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // The state was the third.
    fields.nth(field.checked_sub(4)?)?.parse().ok()
}

/// The machine's boot, as the kernel names it.
pub fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_is_known_again_and_no_other_is_touched() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let process = Process::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(process.alive());
        for other in [
            Process { started: process.started + 1, ..process.clone() },
            Process { boot: "another".into(), ..process.clone() },
        ] {
            assert!(!other.alive());
            other.signal(Signal::KILL);
        }
        assert!(process.alive());
        assert!(process.cpu_time().unwrap() < Duration::from_secs(60), "it sleeps");
        process.kill();
        assert_eq!(process.cpu_time(), None);
        // A zombie has ended, though nobody has waited for it yet.
        assert!(!process.alive());
        child.wait().unwrap();
        process.signal(Signal::KILL);
    }
}
