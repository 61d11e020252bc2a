//! The kickstart's scripts → those of a plan.

use crate::kickstart;
use crate::plan::Script;
use sha2::{Digest, Sha256};

/// A script of the kickstart as a plan has it, with its text.
pub fn plan_script(script: &kickstart::Script) -> (Script, String) {
    let authconfig = if script.authconfig { " (authconfig)" } else { "" };
    let plan = Script {
        origin: format!("{}:{}{authconfig}", script.place.file, script.place.line),
        interpreter: script.interpreter.clone(),
        error_on_fail: script.error_on_fail,
        nochroot: script.nochroot,
        log: script.log.clone(),
        sha256: hex::encode(Sha256::digest(&script.body)),
    };
    (plan, script.body.clone())
}
