//! This node's status, from the state file of its run.

mod cloud;
mod current_run;
mod run_state;

pub use cloud::judge_cloud;
pub use current_run::{CurrentRun, WATCH_DIRECTORY};
pub use run_state::{DIRECTORY, PATH, RunState, StateError, VERSION};
