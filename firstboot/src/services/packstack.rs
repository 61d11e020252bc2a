//! packstack, OpenStack's installer: what its answer file must contain, and what its output
//! and logs mean.

mod causes;
pub mod evidence;
pub mod failure;
pub mod logs;
pub mod printed;
pub mod puppet;
mod puppet_log;
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
