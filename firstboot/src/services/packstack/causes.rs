//! What made a run of packstack fail, and what a person can do about it. Each rule knows
//! one kind of cause by the words that the programs concerned print.

mod access;
mod cause;
mod install;
mod packages;

use super::evidence::Evidence;
pub use cause::Cause;

/// One kind of cause.
type Rule = fn(&Evidence) -> Option<Cause>;

/// The rules, the more special ones first.
const RULES: [Rule; 17] = [
    install::find_full_disk,
    packages::find_damaged_database,
    packages::find_silent_repository,
    packages::find_unmet_requirement,
    packages::find_missing_package,
    packages::find_lock,
    packages::find_bad_signature,
    install::find_failed_service,
    install::find_slow_command,
    install::find_failed_command,
    install::find_wrong_manifest,
    install::find_missing_program,
    access::find_refused_key,
    access::find_unreachable_host,
    access::find_idle_host,
    access::find_silence,
    install::find_exception,
];

/// The cause that the evidence shows, if it is a known one.
pub fn find_cause(evidence: &Evidence) -> Option<Cause> {
    RULES.iter().find_map(|rule| rule(evidence))
}
