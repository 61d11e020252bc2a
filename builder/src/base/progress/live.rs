//! A stage while it goes on. A thread shows it again and again, so that time passes on the screen
//! and events come while a program that reports nothing runs.

use super::settings::{Level, Mode, Outcome};
use super::sink::Sink;
use super::view::Stage;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A terminal that does not say how wide it is.
const USUAL_WIDTH: usize = 80;

/// A stage, shared with the thread that shows it.
struct Shared {
    sink: Arc<Sink>,
    stage: Mutex<Option<Stage>>,
    over: Condvar,
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Option<Stage>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stage that is shown until it ends.
pub struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How often it is shown; never where nobody looks.
fn interval(mode: Mode) -> Option<Duration> {
    match mode {
        Mode::Auto => Some(Duration::from_millis(200)),
        Mode::Json => Some(Duration::from_secs(1)),
        Mode::Plain => Some(Duration::from_secs(10)),
        Mode::None => None,
    }
}

impl Live {
    /// Shows that it begins.
    pub fn begin(stage: Stage, sink: &Arc<Sink>) -> Self {
        match sink.mode {
            Mode::Auto => {
                sink.log(Level::Info, &stage.begins());
                draw(&stage);
            }
            _ => sink.send(Level::Info, "stage-start", &stage.begins(), stage.event()),
        }
        let (sink, stage) = (Arc::clone(sink), Mutex::new(Some(stage)));
        let every = interval(sink.mode);
        let shared = Arc::new(Shared { sink, stage, over: Condvar::new() });
        let other = Arc::clone(&shared);
        let thread = every.and_then(|every| {
            // Without the thread it is shown less often.
            thread::Builder::new().name("progress".into()).spawn(move || show(&other, every)).ok()
        });
        Self { shared, thread }
    }

    /// How far it is.
    pub fn at(&self, done: u64, total: u64, what: &str) {
        if let Some(stage) = self.shared.stage().as_mut() {
            stage.at(done, total, what);
        }
    }

    /// Lets something else be printed.
    pub fn aside(&self, print: impl FnOnce()) {
        let stage = self.shared.stage();
        let on_screen = stage.as_ref().filter(|_| self.shared.sink.mode == Mode::Auto);
        if on_screen.is_some() {
            clear();
        }
        print();
        on_screen.inspect(|stage| draw(stage));
    }

    /// Shows how it ended.
    pub fn end(mut self, outcome: Outcome) {
        let Some(mut stage) = self.shared.stage().take() else { return };
        if outcome == Outcome::Done {
            stage.complete();
        }
        self.shared.over.notify_all();
        if let Some(thread) = self.thread.take() {
            // It panics never; a line more or less would be all.
            let _ = thread.join();
        }
        let sink = &self.shared.sink;
        if sink.mode == Mode::Auto {
            clear();
        }
        let mut event = stage.event();
        event["outcome"] = outcome.word().into();
        let text = stage.ends(outcome);
        if sink.mode == Mode::Json || text.is_some() {
            sink.send(Level::Info, "stage-end", &text.unwrap_or_default(), event);
        }
    }
}

fn show(shared: &Shared, every: Duration) {
    let mut stage = shared.stage();
    loop {
        let (waited, timeout) = shared
            .over
            .wait_timeout_while(stage, every, |stage| stage.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        stage = waited;
        let Some(stage) = stage.as_ref().filter(|_| timeout.timed_out()) else { return };
        match shared.sink.mode {
            Mode::Auto => draw(stage),
            _ => shared.sink.send(Level::Info, "stage-progress", &stage.goes_on(), stage.event()),
        }
    }
}

/// Draws the line over the one before, and clears what a narrower terminal has made of that one:
/// the cursor waits in the first column, so that what was wrapped is below it (ECMA-48: ED). On a
/// terminal that gets narrower meanwhile the line is cut, not wrapped (DEC: DECAWM).
///
/// It reaches the terminal in one piece: the kernel would pass a carriage return on separately, and a
/// terminal that is resized in between moves the cursor. ECMA-48's CHA has the same effect.
fn draw(stage: &Stage) {
    // The last column is left free: some terminals wrap behind it.
    let width = terminal_size::terminal_size_of(std::io::stderr())
        .map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
        .saturating_sub(1);
    put(&format!("\x1b[G\x1b[?7l{}\x1b[J\x1b[?7h\x1b[G", stage.line(width)));
}

fn clear() {
    put("\x1b[G\x1b[J");
}

/// A closed standard error must not end a build.
fn put(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
