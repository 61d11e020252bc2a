//! Everything firstboot does to the outside: files under a root directory, processes
//! and kernel calls through a [`Runner`], time through a [`Clock`].
//!
//! With the root `/` this is the running node. With any other root it is a directory
//! tree: files are read and written there, and nothing else is touched.

pub mod clock;
pub mod fault;
pub mod files;
pub mod followed;
mod handle;
pub mod http;
pub mod job;
mod jobs;
mod note;
pub mod ovsdb;
pub mod process;
mod questions;
pub mod system;
mod watched;

pub use clock::{Clock, SystemClock};
pub use fault::Fault;
pub use handle::{Host, MIN_SECRET};
pub use note::Note;
pub use process::{Output, Program};
pub use system::{DirectoryRunner, Interface, Runner, SystemRunner};
