//! Waiting until firstboot reports on each node.

use super::console::{self, Readiness};
use super::state::{Folder, State};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::progress::{Progress, Unit};
use std::time::{Duration, Instant};

/// How often waiting looks.
const TICK: Duration = Duration::from_millis(500);

/// Waits until the nodes called `names` are ready.
///
/// # Errors
/// A build error that names every node which is not, and what its console showed last; an
/// environment error when what runs the machines does not answer.
pub fn wait_until_ready(
    folder: &Folder,
    state: &State,
    names: &[String],
    timeout: Duration,
    progress: &mut Progress,
) -> Result<()> {
    progress.stage("waiting for firstboot", Unit::Steps);
    let started = Instant::now();
    let mut working: Vec<&String> = names.iter().collect();
    let mut bad: Vec<String> = Vec::new();
    while !working.is_empty() {
        interrupt::check()?;
        let mut shown = Vec::new();
        let over = started.elapsed() > timeout;
        let alive = state.running(working.iter().copied())?;
        working.retain(|name| {
            let node = &state.nodes[*name];
            let (readiness, line) = console::report(&folder.console(name), node.log_start, name);
            let problem = match readiness {
                Readiness::Ready => {
                    progress.note(&format!("{name} is ready ({})", node.address));
                    return false;
                }
                Readiness::Failed => Some("firstboot says that it is not ready".to_owned()),
                Readiness::Working if !alive.contains(name) => {
                    Some("its machine has ended".to_owned())
                }
                Readiness::Working if over => {
                    Some(format!("firstboot has not reported after {} s", timeout.as_secs()))
                }
                Readiness::Working => None,
            };
            shown.push(format!("{name}: {line}"));
            let Some(problem) = problem else { return true };
            bad.push(format!(
                "{name}: {problem}; last on its console ({}): {line}",
                folder.console(name).display()
            ));
            false
        });
        progress.at(0, 0, &shown.join("; "));
        std::thread::sleep(TICK);
    }
    progress.finish();
    if bad.is_empty() {
        return Ok(());
    }
    Err(Error::build(bad.join("\n"))
        .hint("the machines stay as they are: see `imgbuild console NODE --log`, `imgbuild ssh NODE firstboot status`"))
}
