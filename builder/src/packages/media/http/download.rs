//! One file from one of several servers: attempts, pauses between them, going on where a lost
//! connection left off.

use super::address::{Address, shown};
use super::client::{Answer, Client, Failure, Head};
use super::settings::PROGRESS;
use crate::base::error::{Error, Result};
use crate::base::interrupt;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{Seek, SeekFrom, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The pause after the first failure; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, also where the server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where the bytes of a file go.
pub trait Sink {
    /// How many are there.
    fn have(&self) -> u64;
    /// Adds some.
    fn add(&mut self, bytes: &[u8]) -> std::io::Result<()>;
    /// Removes all again.
    fn restart(&mut self) -> std::io::Result<()>;
}

impl Sink for Vec<u8> {
    fn have(&self) -> u64 {
        self.len() as u64
    }

    fn add(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> std::io::Result<()> {
        self.clear();
        Ok(())
    }
}

/// A file that is appended to.
pub struct Append<'a> {
    file: &'a File,
    have: u64,
}

impl<'a> Append<'a> {
    /// Goes on at the file's end.
    pub fn new(file: &'a File) -> std::io::Result<Self> {
        let have = (&*file).seek(SeekFrom::End(0))?;
        Ok(Self { file, have })
    }
}

impl Sink for Append<'_> {
    fn have(&self) -> u64 {
        self.have
    }

    fn add(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.have += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.have = self.file.seek(SeekFrom::Start(0))?;
        Ok(())
    }
}

/// What tells one version of a file from another (RFC 9110, 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    fn of(head: &Head) -> Self {
        Self { etag: head.etag.clone(), last_modified: head.last_modified.clone() }
    }

    /// The one for `If-Range`, which takes no weak one.
    fn strong(&self) -> Option<String> {
        match &self.etag {
            Some(etag) if !etag.starts_with("W/") => Some(etag.clone()),
            _ => self.last_modified.clone(),
        }
    }

    fn unless_changed(&self) -> Vec<(&'static str, String)> {
        let etag = self.etag.iter().map(|e| ("if-none-match", e.clone()));
        let time = self.last_modified.iter().map(|t| ("if-modified-since", t.clone()));
        etag.chain(time).collect()
    }
}

/// What to fetch.
pub struct Wanted<'a> {
    /// The file's URL on each server that has it; the first is asked first.
    pub urls: &'a [String],
    /// Maximum of bytes that it may have.
    pub limit: u64,
    /// Whether its checksum is known: what is there from an earlier time can then be gone on
    /// with, as a file that was changed in between is noticed in the end.
    pub known: bool,
    /// The version that is at hand, if it is enough to hear that it is still the right one.
    pub at_hand: Option<&'a Validators>,
    /// Told how many bytes came, each time some do.
    pub advance: &'a (dyn Fn(u64) + Sync),
}

/// How fetching ended well.
pub enum DownloadOutcome {
    /// The file is whole; which of the URLs gave it, and what tells its version.
    Fetched(usize, Validators),
    /// The version at hand is the right one.
    Unchanged,
}

/// Fetches a file.
///
/// # Errors
/// Interruption, or an input error with every server's last message.
pub fn fetch(client: &Client, wanted: &Wanted, sink: &mut dyn Sink) -> Result<DownloadOutcome> {
    let mut run = Run {
        client,
        wanted,
        sink,
        validators: (usize::MAX, Validators::default()),
        most: 0,
        words: vec![None; wanted.urls.len()],
    };
    run.most = run.sink.have();
    let attempts = client.settings().attempts.max(1);
    let (mut attempt, mut pause) = (0, PAUSE);
    loop {
        let (most, mut asked) = (run.most, Duration::ZERO);
        for server in 0..wanted.urls.len() {
            if run.words[server].as_ref().is_some_and(|word| word.last) {
                continue;
            }
            match run.attempt(server) {
                Ok(outcome) => return Ok(outcome),
                Err(Failure::Interrupted) => return Err(Error::interrupted()),
                Err(Failure::Final(why)) => run.words[server] = Some(Word { why, last: true }),
                Err(Failure::Passing(why, after)) => {
                    asked = asked.max(after.unwrap_or_default());
                    run.words[server] = Some(Word { why, last: false });
                }
            }
        }
        attempt += 1;
        if run.most.saturating_sub(most) >= PROGRESS {
            // Much that is new came, so it is worth going on.
            (attempt, pause) = (0, PAUSE);
        }
        if attempt >= attempts || run.words.iter().flatten().all(|word| word.last) {
            return Err(run.failed(attempt));
        }
        rest(jitter(pause).max(asked).min(LONGEST_PAUSE))?;
        pause *= 2;
    }
}

/// The last message about a server, and whether it is final.
#[derive(Clone)]
struct Word {
    why: String,
    last: bool,
}

struct Run<'a> {
    client: &'a Client,
    wanted: &'a Wanted<'a>,
    sink: &'a mut dyn Sink,
    /// Of the bytes in the sink: which server gave them, and what told their version.
    validators: (usize, Validators),
    /// Maximum of bytes that the sink ever had.
    most: u64,
    words: Vec<Option<Word>>,
}

impl Run<'_> {
    fn attempt(&mut self, server: usize) -> Result<DownloadOutcome, Failure> {
        let local =
            |e: std::io::Error| Failure::Final(format!("cannot store what was received: {e}"));
        let mine = self.validators.0 == server;
        let version = self.validators.1.strong().filter(|_| mine);
        let mut headers = self.wanted.at_hand.map(Validators::unless_changed).unwrap_or_default();
        if self.sink.have() > 0 {
            if version.is_some() || self.wanted.known {
                headers = vec![("range", format!("bytes={}-", self.sink.have()))];
                headers.extend(version.map(|v| ("if-range", v)));
            } else {
                self.sink.restart().map_err(local)?;
            }
        }
        let mut answer = self.client.get(&self.wanted.urls[server], &headers)?;
        if answer.head.status == 416 {
            // There is no more, or the file is another one than before.
            self.sink.restart().map_err(local)?;
            answer = self.client.get(&self.wanted.urls[server], &[])?;
        }
        match answer.head.status {
            304 if self.wanted.at_hand.is_some() => return Ok(DownloadOutcome::Unchanged),
            304 | 416 => {
                let why =
                    format!("the server answered {}, which makes no sense", answer.head.status);
                return Err(Failure::Final(why));
            }
            _ => {}
        }
        if answer.head.status != 206 && self.sink.have() > 0 {
            self.sink.restart().map_err(local)?;
        }
        self.validators = (server, Validators::of(&answer.head));
        self.receive(answer)?;
        Ok(DownloadOutcome::Fetched(server, self.validators.1.clone()))
    }

    fn receive(&mut self, mut answer: Answer) -> Result<(), Failure> {
        let start = self.sink.have();
        if answer.head.status == 206 && first_byte(&answer.head) != Some(start) {
            let why = "the server sent another part than it was asked for";
            return Err(Failure::Final(why.to_owned()));
        }
        let end = answer.head.content_length.map(|length| start.saturating_add(length));
        let too_long = || Failure::Final(format!("it has more than {} bytes", self.wanted.limit));
        if end.is_some_and(|end| end > self.wanted.limit) {
            return Err(too_long());
        }
        while let Some(bytes) = answer.next()? {
            if self.sink.have() + bytes.len() as u64 > self.wanted.limit {
                return Err(too_long());
            }
            self.sink
                .add(&bytes)
                .map_err(|e| Failure::Final(format!("cannot store what was received: {e}")))?;
            (self.wanted.advance)(self.sink.have().saturating_sub(self.most));
            self.most = self.most.max(self.sink.have());
        }
        match end {
            Some(end) if self.sink.have() < end => {
                Err(Failure::Passing("the connection was lost".into(), None))
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, attempts: u32) -> Error {
        let said: Vec<String> = self
            .wanted
            .urls
            .iter()
            .zip(&self.words)
            .map(|(url, word)| {
                let why = word.as_ref().map_or("not asked", |word| word.why.as_str());
                format!("{}: {why}", shown(url))
            })
            .collect();
        // A server's final answer is about the address; all else is about the way to it.
        let class = match self.words.iter().flatten().all(|word| word.last) {
            true => Error::input,
            false => Error::environment,
        };
        let tries = if attempts > 1 { format!(" ({attempts} attempts)") } else { String::new() };
        class(format!("cannot fetch {}{tries}", said.join("\n  ")))
            .hint("check address, network and proxy, or give ISO files or directories as --media")
    }
}

/// Where a part of a file starts, by `Content-Range: bytes first-last/all`.
fn first_byte(head: &Head) -> Option<u64> {
    head.content_range.as_deref()?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Between half of the pause and all of it, so that many clients do not come back at once.
fn jitter(pause: Duration) -> Duration {
    // The standard library's hash keys are random for each.
    let random = std::hash::RandomState::new().build_hasher().finish();
    pause / 2 + pause.mul_f64(random as f64 / u64::MAX as f64 / 2.0)
}

/// Sleeps, but not through an interruption.
fn rest(pause: Duration) -> Result<()> {
    let since = Instant::now();
    while since.elapsed() < pause {
        interrupt::check()?;
        sleep(Duration::from_millis(50).min(pause.saturating_sub(since.elapsed())));
    }
    interrupt::check()
}

/// Whether a text is an http(s) URL.
pub fn is_url(text: &str) -> bool {
    Address::parse(text).is_ok()
}
