//! `firstboot watch`.

use super::exit_codes::{BUSY, CONFIG, IO, READY};
use super::output::{complain, load_or_complain, open_sinks};
use super::run::take_lock;
use crate::engine;
use crate::host::Host;
use crate::journal::{Event, Journal, RUN, id};
use crate::state::{DIRECTORY, WATCH_DIRECTORY};
use crate::steps::Step;
use contract::spec::Spec;
use std::io;
use std::time::Duration;

/// Time between two checks: with a silent switch's five seconds, and what the nodes take to
/// hear it, no fault is older than 20 s when the controller knows of it.
const INTERVAL: Duration = Duration::from_secs(3);

/// Checks again and again what begins with OpenStack; returns only where nothing does.
pub(super) fn watch_node(host: &Host, console: Option<String>) -> u8 {
    let Some(spec) = load_or_complain(host) else { return CONFIG };
    if !Step::OF_CLOUD.iter().any(|step| Step::of(&spec).contains(step)) {
        return READY;
    }
    let _alive = match take_lock(host, WATCH_DIRECTORY) {
        Ok(Some(lock)) => lock,
        Ok(None) => {
            complain("another `firstboot watch` is running");
            return BUSY;
        }
        Err(error) => {
            complain(&error.to_string());
            return IO;
        }
    };
    let journal = Journal::new(Some(&spec), open_sinks(host, console));
    let mut last = None;
    loop {
        let trouble = check_once(host, &spec, &journal).err().map(|error| error.to_string());
        if let Some(trouble) = trouble.clone().filter(|_| trouble != last) {
            let message = format!("the state file: {trouble}");
            journal
                .record(&Event { outcome: "failed", ..Event::new(id::NODE_FAILED, RUN, message) });
        }
        last = trouble;
        host.clock().sleep(INTERVAL);
    }
}

/// Checks without the lock, so that other runs are not kept from it, and again with it.
fn check_once(host: &Host, spec: &Spec, journal: &Journal) -> io::Result<()> {
    if engine::find_rerun(host, spec, host.locked(DIRECTORY))?.is_none() {
        return Ok(());
    }
    let Some(_lock) = take_lock(host, DIRECTORY)? else { return Ok(()) };
    match engine::find_rerun(host, spec, false)? {
        Some(rerun) => rerun.run(host, spec, journal).map(|_| ()),
        None => Ok(()),
    }
}
