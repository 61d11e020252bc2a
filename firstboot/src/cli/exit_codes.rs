//! Exit codes: those above 2 are of sysexits.h, as systemd and scripts know them.

/// Exit code: the node is ready; for `run` in a directory tree: nothing failed.
pub const READY: u8 = 0;
/// Exit code: a step failed.
pub const FAILED: u8 = 1;
/// Exit code of `status`: still working.
pub const WORKING: u8 = 2;
/// Exit code: wrong arguments (`EX_USAGE`; 2 means "still working" here).
pub const USAGE: u8 = 64;
/// Exit code: an input file is missing or is not what it should be (`EX_DATAERR`).
pub const INPUT: u8 = 65;
/// Exit code: the state cannot be read or written (`EX_IOERR`).
pub const IO: u8 = 74;
/// Exit code: another run is in progress (`EX_TEMPFAIL`).
pub const BUSY: u8 = 75;
/// Exit code: the node spec is missing or wrong (`EX_CONFIG`).
pub const CONFIG: u8 = 78;
