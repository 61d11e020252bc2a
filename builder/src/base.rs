//! What every stage uses: errors, progress, interruption, and files handled with care.

#[cfg(test)]
pub(crate) mod cpu_time;
pub mod diagnostic;
pub mod durable;
pub mod error;
pub(crate) mod files;
pub(crate) mod glob;
pub(crate) mod home;
pub mod interrupt;
pub mod lab;
pub mod malformed;
pub mod names;
pub mod nearest;
pub mod place;
pub mod private;
pub(crate) mod programs;
pub mod progress;
pub(crate) mod terminal;
pub(crate) mod xml;
