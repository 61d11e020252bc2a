//! Ctrl-C, SIGTERM and SIGHUP: kept until the proof asks for them, so that what it made is
//! removed in every case.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::cell::Cell;
use std::io;

/// The signals that end a proof.
pub(super) struct Signals {
    arrived: SignalFd,
    seen: Cell<bool>,
}

impl Signals {
    /// Keeps them from now on.
    pub(super) fn keep() -> io::Result<Signals> {
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            mask.add(signal);
        }
        mask.thread_block()?;
        let arrived = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Signals { arrived, seen: Cell::new(false) })
    }

    /// Whether one has arrived.
    pub(super) fn arrived(&self) -> bool {
        if matches!(self.arrived.read_signal(), Ok(Some(_))) {
            self.seen.set(true);
        }
        self.seen.get()
    }
}
