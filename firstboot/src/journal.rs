//! One journal record for each transition, with fields that programs can select by:
//!
//! | field | value |
//! |---|---|
//! | `MESSAGE_ID` | one of the constants of [`id`], explained in the catalogue (`journalctl -x`) |
//! | `FIRSTBOOT_STEP` | the step's name, `run` for the run as a whole, `peers` for the other nodes |
//! | `FIRSTBOOT_OUTCOME` | `started`, `waiting`, `retry`, `unchanged`, `changed`, `failed`, `blocked`, `skipped`, `ready`, `output`, `answers`, `fails`; of other nodes `joined`, `ready`, `failed`, `lost`, `back`, `refused`, `up` |
//! | `FIRSTBOOT_DURATION_MS` | milliseconds since the step (or the run) began |
//! | `FIRSTBOOT_ATTEMPT` | how often the step was applied |
//! | `FIRSTBOOT_NODE`, `FIRSTBOOT_ROLE` | from the node spec |
//! | `FIRSTBOOT_ABOUT` | the program that printed a line (`output`), the service of OpenStack (`answers`, `fails`), the other node (`peers`) |
//! | `FIRSTBOOT_REMEDY` | what to do, on `failed` and `blocked` |

use contract::spec::Spec;
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, Log, Record};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;
use systemd_journal_logger::JournalLog;

/// The `SYSLOG_IDENTIFIER` of every record: `journalctl -t firstboot`.
pub const IDENTIFIER: &str = "firstboot";
/// The step field of records about the run as a whole.
pub const RUN: &str = "run";

/// A record's text is cut at this many bytes: without memfd (kernel 3.10) a record
/// must fit one datagram, of which the kernel takes about 200 KB.
const MAX_TEXT: usize = 16 << 10;

/// Message identifiers (128 bits, hexadecimal), never to be changed.
pub mod id {
    /// A run begins.
    pub const RUN_STARTED: &str = "969a3db8b14e44de803525fb6746d00b";
    /// A step begins.
    pub const STEP_STARTED: &str = "582d375b9b854b93ab2553b40248aad9";
    /// A step waits for something outside.
    pub const STEP_WAITING: &str = "8a22cf12bbe5443cb630f076849e4f5b";
    /// A step is tried again.
    pub const STEP_RETRY: &str = "d4609efe4598420d80f06be56e3d6fa5";
    /// A step is in the desired state.
    pub const STEP_DONE: &str = "af7bb7d3776d4e0e96ef092ecea57d52";
    /// A step was given up.
    pub const STEP_FAILED: &str = "e96ce961a7a641a4835f5e9ee337b3d7";
    /// A step was not tried, as one that it needs has failed.
    pub const STEP_BLOCKED: &str = "f39c88e6e2d846a4b8901c1693dae753";
    /// A program that a step runs printed a line.
    pub const OUTPUT: &str = "5d3b0c7a1f5e4c0f9d6f1f0a6f8b2e17";
    /// A service of OpenStack was asked.
    pub const SERVICE: &str = "c1a6e0b39d7f4a52b0d8447d1b5e9f63";
    /// The node is ready.
    pub const NODE_READY: &str = "846bb1852055451f9b677208cc5a4f2a";
    /// The run ended and the node is not ready.
    pub const NODE_FAILED: &str = "fdf7f854451245ee9028462590eba66c";
    /// This node begins to announce its status to the others.
    pub const PEERS_STARTED: &str = "b6ce85b44143436b9ddee91a1d167f5d";
    /// Another node was seen for the first time.
    pub const PEER_JOINED: &str = "958f192f08094bc6bf409a0c075b5edf";
    /// Another node has become ready.
    pub const PEER_READY: &str = "f9da96078a3f41d590bf0f6941984ae3";
    /// Another node has failed.
    pub const PEER_FAILED: &str = "3ec8cb9a682f4585b678f34a0b9c1a90";
    /// Another node is not reachable any more.
    pub const PEER_LOST: &str = "8697cf45b9174d0f97a4f3839882b57b";
    /// Another node was seen again, or has restarted.
    pub const PEER_BACK: &str = "a14c4f78ea95424eabe6929b3b2ad2c8";
    /// A connection or an announcement was refused.
    pub const PEER_REFUSED: &str = "d4799fe084bc43c4802d71a54df472cf";
    /// OpenStack has come up.
    pub const CLOUD_UP: &str = "726072f9955541429d92a6b214f68592";
}

/// One transition.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// One of [`id`].
    pub id: &'static str,
    /// Step name or [`RUN`].
    pub step: &'a str,
    /// What happened, see the module's table.
    pub outcome: &'a str,
    /// Since the step or the run began.
    pub duration: Duration,
    /// How often the step was applied.
    pub attempt: u32,
    /// The program or service that it is about.
    pub about: Option<&'a str>,
    /// What to do about it.
    pub hint: Option<&'a str>,
    /// The sentence for people.
    pub message: String,
}

impl<'a> Event<'a> {
    /// An event of `step` with nothing but a text.
    pub fn new(id: &'static str, step: &'a str, message: String) -> Event<'a> {
        let (outcome, duration, attempt) = ("", Duration::ZERO, 0);
        Event { id, step, outcome, duration, attempt, about: None, hint: None, message }
    }
}

/// Where transitions are written to.
pub struct Journal {
    node: String,
    role: &'static str,
    sinks: Vec<Box<dyn Log>>,
}

impl Journal {
    /// A journal for the node of `spec`, or for a node whose spec cannot be read.
    pub fn new(spec: Option<&Spec>, sinks: Vec<Box<dyn Log>>) -> Journal {
        let node = spec.map(|spec| spec.node.name.clone()).unwrap_or_default();
        let role = spec.map_or("", |spec| spec.node.role.as_str());
        Journal { node, role, sinks }
    }

    /// The system's journal; standard error where there is none.
    pub fn system_sink() -> Box<dyn Log> {
        match JournalLog::empty() {
            Ok(journal) => Box::new(journal.with_syslog_identifier(IDENTIFIER.to_owned())),
            Err(_) => Box::new(Lines::Stderr),
        }
    }

    /// Writes one record.
    pub fn record(&self, event: &Event) {
        let level = match event.id {
            id::STEP_FAILED | id::STEP_BLOCKED | id::NODE_FAILED => Level::Error,
            id::STEP_RETRY | id::PEER_FAILED | id::PEER_LOST | id::PEER_REFUSED => Level::Warn,
            id::OUTPUT => Level::Debug,
            _ => Level::Info,
        };
        let duration = u64::try_from(event.duration.as_millis()).unwrap_or(u64::MAX);
        let mut fields: Vec<(&str, Value)> = vec![
            ("MESSAGE_ID", event.id.into()),
            ("FIRSTBOOT_STEP", event.step.into()),
            ("FIRSTBOOT_OUTCOME", event.outcome.into()),
            ("FIRSTBOOT_DURATION_MS", duration.into()),
            ("FIRSTBOOT_ATTEMPT", event.attempt.into()),
            ("FIRSTBOOT_NODE", self.node.as_str().into()),
            ("FIRSTBOOT_ROLE", self.role.into()),
        ];
        fields.extend(event.about.map(|about| ("FIRSTBOOT_ABOUT", about.into())));
        let hint = event.hint.map(cut);
        fields.extend(hint.map(|hint| ("FIRSTBOOT_REMEDY", hint.into())));
        let message = cut(&event.message);
        for sink in &self.sinks {
            sink.log(
                &Record::builder()
                    .level(level)
                    .target(IDENTIFIER)
                    .args(format_args!("{message}"))
                    .key_values(&fields.as_slice())
                    .build(),
            );
        }
    }
}

/// At most [`MAX_TEXT`] bytes of `text`, ended between two characters.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Plain lines for people.
#[derive(Debug)]
pub enum Lines {
    /// To standard error.
    Stderr,
    /// To a terminal device, opened for each line: a getty that starts on it hangs
    /// up every process that has it open. A device that takes nothing is ignored.
    Device(String),
}

impl Log for Lines {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        if record.level() > Level::Info && matches!(self, Lines::Device(_)) {
            // The output of programs is for the journal.
            return;
        }
        let line = format!("{}\n", line(record));
        // There is no place left to report that a line could not be written.
        let _ = match self {
            Lines::Stderr => io::stderr().write_all(line.as_bytes()),
            Lines::Device(path) => to_device(path, &line),
        };
    }

    fn flush(&self) {}
}

fn to_device(path: &str, line: &str) -> io::Result<()> {
    let flags = nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK;
    let mut device = std::fs::OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    device.write_all(line.replace('\n', "\r\n").as_bytes())
}

/// `firstboot: chrony: unchanged: the clock follows …`, with the hint.
fn line(record: &Record) -> String {
    let field =
        |name: &str| record.key_values().get(Key::from(name)).map(|value| value.to_string());
    let step = field("FIRSTBOOT_STEP").unwrap_or_default();
    let outcome = field("FIRSTBOOT_OUTCOME").unwrap_or_default();
    let hint = field("FIRSTBOOT_REMEDY").map(|hint| format!(" [{hint}]"));
    let text = format!("{step}: {outcome}: {}{}", record.args(), hint.unwrap_or_default());
    format!("{IDENTIFIER}: {}", printable(&text))
}

/// Text of programs and other nodes for a console, which it must not command: control
/// characters are escaped, except line ends and tabs.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() && c != '\n' && c != '\t' {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// The fields of a record as text.
pub fn fields(record: &Record) -> Vec<(String, String)> {
    struct Collect(Vec<(String, String)>);
    impl<'kvs> VisitSource<'kvs> for Collect {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
            self.0.push((key.to_string(), value.to_string()));
            Ok(())
        }
    }
    let mut collect = Collect(Vec::new());
    // The visitor above never refuses.
    let _ = record.key_values().visit(&mut collect);
    collect.0
}
