//! QEMU's control socket (QEMU Machine Protocol, docs/interop/qmp-spec.txt of QEMU's sources):
//! one command for each connection, as QEMU serves one client at a time.

use super::directory;
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The socket's name in a node's directory.
pub const SOCKET: &str = "control";

/// A greeting, answer, error or event.
#[derive(Deserialize)]
struct Message {
    event: Option<String>,
    error: Option<QmpRefusal>,
    #[serde(default, rename = "return")]
    result: Value,
}

#[derive(Deserialize)]
struct QmpRefusal {
    desc: String,
}

/// Runs `command` on the machine whose node's directory this is, and returns what it returns.
/// QEMU has `limit` for each answer.
///
/// # Errors
/// When QEMU does not answer or refuses.
pub fn execute(directory: &Path, command: &str, limit: Duration) -> io::Result<Value> {
    let stream = directory::connect(directory, SOCKET)?;
    stream.set_read_timeout(Some(limit))?;
    let mut lines = BufReader::new(stream.try_clone()?);
    receive(&mut lines)?;
    ask(&stream, &mut lines, "qmp_capabilities")?;
    ask(&stream, &mut lines, command)
}

fn ask(mut stream: &UnixStream, lines: &mut impl BufRead, command: &str) -> io::Result<Value> {
    stream.write_all(format!("{{\"execute\": \"{command}\"}}\n").as_bytes())?;
    let message = receive(lines)?;
    match message.error {
        Some(error) => Err(io::Error::other(format!("{command}: {}", error.desc))),
        None => Ok(message.result),
    }
}

/// The next message that is not an event: those come between the answers.
fn receive(lines: &mut impl BufRead) -> io::Result<Message> {
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let message: Message = serde_json::from_str(&line)?;
        if message.event.is_none() {
            return Ok(message);
        }
    }
}

/// The run state in an answer to `query-status`, in QEMU's terms (`RunState` in
/// qapi/run-state.json).
pub fn run_state(answer: &Value) -> Option<&str> {
    answer.get("status")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn events_are_passed_over_and_refusals_reported() {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let server = std::thread::spawn(move || {
            for last in [
                "{\"return\": {\"status\": \"internal-error\", \"running\": false}}\n",
                "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\n",
            ] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                stream.write_all(b"{\"QMP\": {}}\n{\"event\": \"STOP\"}\n").unwrap();
                for answer in ["{\"return\": {}}\n", last] {
                    lines.read_line(&mut String::new()).unwrap();
                    stream.write_all(b"{\"event\": \"RESUME\"}\n").unwrap();
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let limit = Duration::from_secs(60);
        let answer = execute(directory.path(), "query-status", limit).unwrap();
        assert_eq!(run_state(&answer), Some("internal-error"));
        let error = execute(directory.path(), "query-status", limit).unwrap_err();
        assert_eq!(error.to_string(), "query-status: not now");
        server.join().unwrap();
    }
}
