//! Time: the wall clock for people, a monotonic one for deadlines. The wall clock
//! jumps when chrony first sets it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock {
    /// Wall-clock time since 1970-01-01T00:00:00Z.
    fn wall(&self) -> Duration;
    /// Time since some fixed moment, never going back.
    fn monotonic(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration);
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        // Before 1970 only with a broken clock chip; chrony is about to correct it.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
