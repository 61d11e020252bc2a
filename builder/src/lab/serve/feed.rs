//! What is published to everybody who listens: the last line alone counts.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines of which each replaces the one before.
#[derive(Debug, Default)]
pub struct StatusFeed {
    now: Mutex<Published>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Published {
    /// How many lines there were.
    number: u64,
    line: String,
    ended: bool,
}

/// What became of waiting for a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// A line, and its number.
    New(u64, String),
    /// None came in time.
    Nothing,
    /// No more will come.
    End,
}

impl StatusFeed {
    /// Replaces the line by another, which has no line end in it.
    pub fn publish(&self, line: &str) {
        let mut now = self.lock();
        now.number += 1;
        line.trim_end().clone_into(&mut now.line);
        self.changed.notify_all();
    }

    /// No more lines will come.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// The line that is later than number `seen`, waiting for it for at most `limit`.
    pub fn wait(&self, seen: u64, limit: Duration) -> FeedEvent {
        let is_old = |now: &mut Published| now.number == seen && !now.ended;
        let now = match self.changed.wait_timeout_while(self.lock(), limit, is_old) {
            Ok((now, _)) => now,
            Err(poisoned) => poisoned.into_inner().0,
        };
        match (now.number > seen, now.ended) {
            (true, _) => FeedEvent::New(now.number, now.line.clone()),
            (false, true) => FeedEvent::End,
            (false, false) => FeedEvent::Nothing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Published> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_nobody_gets_one_twice() {
        let feed = StatusFeed::default();
        let limit = Duration::from_millis(1);
        assert_eq!(feed.wait(0, limit), FeedEvent::Nothing);
        feed.publish("one\n");
        feed.publish("two\n");
        assert_eq!(feed.wait(0, limit), FeedEvent::New(2, "two".into()));
        assert_eq!(feed.wait(2, limit), FeedEvent::Nothing);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| feed.wait(2, Duration::from_secs(60)));
            feed.publish("three");
            assert_eq!(waiting.join().unwrap(), FeedEvent::New(3, "three".into()));
        });
        feed.end();
        assert_eq!(feed.wait(2, limit), FeedEvent::New(3, "three".into()));
        assert_eq!(feed.wait(3, limit), FeedEvent::End);
    }
}
