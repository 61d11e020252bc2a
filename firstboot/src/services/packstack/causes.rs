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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use contract::spec::Spec;

    /// What ssh, yum and puppet print where no run has been recorded.
    #[test]
    fn causes_are_known_by_the_words_of_the_programs() {
        for (printed, what, hint) in [
            (
                "ssh: connect to host 192.168.1.11 port 22: No route to host",
                "the connection to it failed",
                "see that nova01 is on and that openstack reaches it",
            ),
            (
                "Existing lock /var/run/yum.pid: another copy is running as pid 4711.",
                "another program holds yum's lock",
                "see what runs yum on nova01",
            ),
            (
                "Public key for openstack-nova-14.0.3-1.el7.noarch.rpm is not installed",
                "the signature of openstack-nova-14.0.3-1.el7.noarch.rpm cannot be checked",
                "give nova01 the key of that repository",
            ),
            (
                "Cannot find a valid baseurl for repo: rhel7-extras",
                "the repository `rhel7-extras` does not answer",
                "see that the repository server is on",
            ),
            (
                "bash: line 2: facter: command not found",
                "it has no program facter",
                "install the package that holds facter on nova01",
            ),
            (
                "tar: modules/nova: Cannot mkdir: No space left on device",
                "there is no space left",
                "make room on nova01",
            ),
        ] {
            let lines = [
                "ERROR : Failed to run remote script, stdout: ",
                "stderr: Warning: Permanently added '192.168.1.11' (RSA) to the list of known hosts.",
                "+ trap t ERR",
                printed,
                "++ t",
            ];
            let lines = lines.map(str::to_owned);
            let directory = tempfile::tempdir().unwrap();
            let spec = Spec::parse(include_str!("../../../examples/controller.spec.toml")).unwrap();
            let evidence = Evidence::collect(&Host::open(directory.path()), &spec, &lines);
            let cause = find_cause(&evidence).unwrap();
            assert_eq!(cause.what, what);
            assert!(cause.hint.starts_with(hint), "{}", cause.hint);
            assert_eq!(evidence.show(), printed);
        }
    }
}
