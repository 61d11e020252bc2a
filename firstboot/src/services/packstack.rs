//! packstack, OpenStack's installer: what its answer file must contain, and what its output
//! and logs mean.

pub mod logs;
pub mod running;

use crate::host::Fault;
use crate::host::{Host, MIN_SECRET};
use contract::answers::{ADMIN_PASSWORD, WORD_ALLOWED, find_word_violation};
use contract::spec::SpecPackstack;
use std::collections::BTreeMap;

/// What it prints when it succeeds, and only then.
pub const SUCCESS: &str = "Installation completed successfully";

/// The keys of the answer file that are ours with their values, the administrator's
/// password from its file included. It is kept from being shown from here on.
///
/// # Errors
/// When the password's file can be read by others, or holds no password.
pub fn wanted(host: &Host, packstack: &SpecPackstack) -> Result<BTreeMap<String, String>, Fault> {
    let mut answers = packstack.answers.clone();
    let path = &packstack.admin_password_file;
    let Some(text) = host.read(path)? else { return Ok(answers) };
    if host.mode(path)?.is_some_and(|mode| mode & 0o077 != 0) {
        return Err(Fault::new(format!("{path} holds a password and others may read it"))
            .hint(format!("`chmod 600 {path}`")));
    }
    let password = text.strip_suffix('\n').unwrap_or(&text);
    if password.chars().any(char::is_control)
        || password.trim() != password
        || password.len() < MIN_SECRET
    {
        return Err(Fault::new(format!("{path} is not a password on one line")).hint(format!(
            "put the password there on one line: {MIN_SECRET} characters or more, no blanks at its ends"
        )));
    }
    if let Some(why) = find_word_violation(password) {
        return Err(Fault::new(format!("{path}: {why}"))
            .hint(format!("put another password there, of {WORD_ALLOWED}")));
    }
    host.keep_secret(password);
    answers.insert(ADMIN_PASSWORD.to_owned(), password.to_owned());
    Ok(answers)
}

/// Why a run failed: how it ended, its error, and the log that
/// it names.
pub fn failure(lines: &[String], code: Option<i32>) -> String {
    let ended = match code {
        Some(0) => format!("ended without printing \"{SUCCESS}\""),
        Some(code) => format!("ended with exit code {code}"),
        None => "was killed".to_owned(),
    };
    // `ERROR : Error appeared during Puppet run: …`, then `Error: …`, or a step's mark.
    let marks: [fn(&str) -> bool; 3] = [
        |line| line.trim_start().starts_with("ERROR :"),
        |line| line.trim_start().starts_with("Error:"),
        |line| line.ends_with("[ ERROR ]"),
    ];
    let reasons = marks.iter().filter_map(|mark| lines.iter().rfind(|line| mark(line)));
    let mut reasons: Vec<&str> = reasons.map(|line| line.trim()).collect();
    reasons.extend(
        lines.iter().rfind(|line| line.contains("full trace in log")).map(|line| line.trim()),
    );
    if reasons.is_empty() {
        reasons.extend(lines.last().map(|line| line.trim()));
    }
    let reasons =
        if reasons.is_empty() { "it printed nothing".to_owned() } else { reasons.join("; ") };
    format!("packstack {ended}: {reasons}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_failure_is_found() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let puppet = lines(
            "192.168.1.10_controller.pp:                          [ ERROR ]\n\
             Applying Puppet manifests                         [ ERROR ]\n\n\
             ERROR : Error appeared during Puppet run: 192.168.1.10_controller.pp\n\
             Error: Execution of '/usr/bin/yum -d 0 -e 0 -y install mongodb' returned 1\n\
             You will find full trace in log /var/tmp/packstack/x/manifests/y.pp.log\n\
             Please check log file /var/tmp/packstack/x/openstack-setup.log for more information",
        );
        let reason = failure(&puppet, Some(1));
        assert!(reason.starts_with(
            "packstack ended with exit code 1: ERROR : Error appeared during Puppet run: \
             192.168.1.10_controller.pp; Error: Execution"
        ));
        assert!(reason.contains("full trace in log /var/tmp/packstack/x"), "{reason}");
        assert_eq!(failure(&[], None), "packstack was killed: it printed nothing");
        assert_eq!(
            failure(&lines("Installing:\nClean Up [ DONE ]"), Some(0)),
            "packstack ended without printing \"Installation completed successfully\": Clean Up [ DONE ]"
        );
    }
}
