//! Child processes: bounded in time and output, ended with their whole group.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where programs are looked up; the unit's environment is not to be relied on.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// Output kept of each stream, bytes.
const MAX_OUTPUT: usize = 256 << 10;
/// Of a program's last line this many characters are quoted.
const MAX_LINE: usize = 500;
/// Time limit of a program that is only asked something.
const ASK: Duration = Duration::from_secs(20);
/// How long output is still read after the program ended: a daemon it started may
/// hold the pipe open indefinitely.
const DRAIN: Duration = Duration::from_millis(200);
/// Longest sleep between two checks of the child.
const TICK: u8 = 20;

/// A program to run: no shell, a clean environment, nothing on its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Name, looked up in the system directories.
    pub name: String,
    /// Arguments.
    pub args: Vec<String>,
    /// After this long it and its children are killed.
    pub limit: Duration,
}

/// How a program ended and what it printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit code; `None` when killed by a signal or by the time limit.
    pub code: Option<i32>,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// Standard output, at most 256 KiB.
    pub stdout: String,
    /// Standard error, at most 256 KiB.
    pub stderr: String,
}

impl Program {
    /// The program `name` without arguments, with 20 s to answer.
    pub fn new(name: &str) -> Program {
        Program { name: name.to_owned(), args: Vec::new(), limit: ASK }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: &str) -> Program {
        self.args.push(arg.to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Program {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Sets the time limit.
    pub fn time_limit(mut self, limit: Duration) -> Program {
        self.limit = limit;
        self
    }
}

impl fmt::Display for Program {
    /// The command line as one would type it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)?;
        for arg in &self.args {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
            if !arg.is_empty() && arg.chars().all(plain) {
                write!(f, " {arg}")?;
            } else {
                write!(f, " '{}'", arg.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

impl Output {
    /// Whether it ended with exit code 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }

    /// In words: how it ended, and the last line it printed (standard error first).
    pub fn summary(&self) -> String {
        let ended = match (self.timed_out, self.code) {
            (true, _) => "did not end in time".to_owned(),
            (false, Some(code)) => format!("exit code {code}"),
            (false, None) => "killed by a signal".to_owned(),
        };
        let last = |text: &str| {
            let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
            Some(line.chars().take(MAX_LINE).collect::<String>())
        };
        match last(&self.stderr).or_else(|| last(&self.stdout)) {
            Some(line) => format!("{ended}: {line}"),
            None => ended,
        }
    }
}

/// Runs `program` to its end or its time limit.
///
/// # Errors
/// When it cannot be started ([`io::ErrorKind::NotFound`]: there is no such program).
pub fn run(program: &Program) -> io::Result<Output> {
    let mut child = command(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let collected = collect(&mut child, Instant::now() + program.limit);
    if collected.as_ref().map_or(true, |(status, ..)| status.is_none()) {
        end(&mut child);
    }
    let (status, stdout, stderr) = collected?;
    Ok(Output {
        code: status.and_then(|status| status.code()),
        timed_out: status.is_none(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// `program` with its clean environment.
pub(super) fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.name);
    command.args(&program.args).env_clear().env("PATH", PATH).env("LC_ALL", "C");
    // packstack needs a home, and keeps its progress to itself without the last one.
    command.env("HOME", "/root").env("SYSTEMD_PAGER", "").env("PYTHONUNBUFFERED", "1");
    command.current_dir("/");
    command
}

/// Starts the program `name`, with this process's terminal and environment.
///
/// # Errors
/// When it cannot be started.
pub fn start_attached(name: &str, args: &[String]) -> io::Result<Child> {
    Command::new(name).args(args).stdin(Stdio::null()).spawn()
}

/// Kills what is left of the child's process group and reaps the child.
fn end(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // It may have ended meanwhile; then there is nothing to kill.
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    let _ = child.wait();
}

/// Reads both streams until the child has ended and they are read, or `deadline`.
/// No status: the child is still running.
fn collect(
    child: &mut Child,
    deadline: Instant,
) -> io::Result<(Option<ExitStatus>, Vec<u8>, Vec<u8>)> {
    let mut stdout = Stream::new(child.stdout.take())?;
    let mut stderr = Stream::new(child.stderr.take())?;
    let mut status: Option<(ExitStatus, Instant)> = None;
    loop {
        wait_readable(&stdout, &stderr)?;
        stdout.read()?;
        stderr.read()?;
        if status.is_none() {
            status = child.try_wait()?.map(|status| (status, Instant::now() + DRAIN));
        }
        let (read, now) = (stdout.pipe.is_none() && stderr.pipe.is_none(), Instant::now());
        match status {
            Some((_, drained)) if read || now >= drained => break,
            None if now >= deadline => break,
            _ => {}
        }
        if read {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok((status.map(|(status, _)| status), stdout.kept, stderr.kept))
}

/// Sleeps until a stream has something, at most [`TICK`] ms.
fn wait_readable<A: AsFd, B: AsFd>(stdout: &Stream<A>, stderr: &Stream<B>) -> io::Result<()> {
    let mut fds = Vec::new();
    fds.extend(stdout.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
    fds.extend(stderr.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
    match poll(&mut fds, PollTimeout::from(TICK)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// One output stream of the child; no pipe once it is at its end.
struct Stream<P> {
    pipe: Option<P>,
    kept: Vec<u8>,
}

impl<P: AsFd> Stream<P> {
    fn new(pipe: Option<P>) -> io::Result<Stream<P>> {
        if let Some(pipe) = &pipe {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Stream { pipe, kept: Vec::new() })
    }
}

impl<P: Read> Stream<P> {
    /// Reads one buffer of what is there; beyond [`MAX_OUTPUT`] it is dropped.
    fn read(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut buffer = [0; 16 << 10];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(n) => {
                let room = MAX_OUTPUT.saturating_sub(self.kept.len());
                self.kept.extend_from_slice(&buffer[..n.min(room)]);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Output {
        run(&Program::new("sh").args(["-c", script]).time_limit(limit)).unwrap()
    }

    #[test]
    fn streams_and_code_are_kept() {
        let output = sh("echo out; echo err >&2; exit 3", ASK);
        assert_eq!((output.code, output.timed_out), (Some(3), false));
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(output.summary(), "exit code 3: err");
    }

    #[test]
    fn much_output_is_cut_and_does_not_block() {
        let output = sh("head -c 3000000 /dev/zero", ASK);
        assert!(output.ok());
        assert_eq!(output.stdout.len(), MAX_OUTPUT);
        assert!(output.summary().len() < MAX_LINE + 20);
    }

    #[test]
    fn the_time_limit_ends_it_and_its_children() {
        let output = sh("sleep 1000 & echo $!; wait", Duration::from_millis(300));
        assert!(output.timed_out && !output.ok());
        let child = output.stdout.trim().to_owned();
        // Killed, it becomes a zombie or goes, as soon as it gets a turn.
        let stat = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let gone = |stat: &str| stat.is_empty() || stat.contains(") Z");
        let until = Instant::now() + ASK;
        while !gone(&stat()) {
            assert!(Instant::now() < until, "still there: {}", stat());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_daemon_left_behind_does_not_hold_us() {
        let output = sh("sleep 5 & echo $!", ASK);
        assert!(output.ok());
        let daemon: i32 = output.stdout.trim().parse().unwrap();
        nix::sys::signal::kill(Pid::from_raw(daemon), Signal::SIGKILL)
            .expect("the daemon was left running");
    }

    #[test]
    fn a_missing_program_is_reported() {
        let error = run(&Program::new("no-such-program-here")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(
            Program::new("chronyc").args(["-c", "a b", "it's"]).to_string(),
            r"chronyc -c 'a b' 'it'\''s'"
        );
    }
}
