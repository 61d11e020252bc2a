//! The engine: for each step check, change, check again, until it is as desired or its
//! bounds are reached; one journal record and one state file for each transition.

mod run;
mod run_context;
mod step_run;
mod watch;

pub use run::{retry_step, run_all};
pub use watch::{Rerun, find_rerun};
