//! Processor time, by which tests tell linear time from quadratic on a busy machine as well.

use std::fs;
use std::time::Duration;

/// What this thread has used so far (the first number of schedstat, see the kernel's
/// Documentation/scheduler/sched-stats.rst).
pub fn of_this_thread() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    Duration::from_nanos(nanoseconds)
}
