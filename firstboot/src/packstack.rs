//! packstack, OpenStack's installer: what its answer file must say, and what its output
//! and logs tell.

use crate::answers::ADMIN_PASSWORD;
use crate::host::{Host, MIN_SECRET};
use crate::spec::Packstack;
use crate::steps::Fault;
use std::collections::BTreeMap;

/// The keys of the answer file that are ours with their values, the administrator's
/// password from its file included. It is kept from being shown from here on.
///
/// # Errors
/// When the password's file can be read by others, or is empty.
pub fn wanted(host: &Host, packstack: &Packstack) -> Result<BTreeMap<String, String>, Fault> {
    let mut answers = packstack.answers.clone();
    let path = &packstack.admin_password_file;
    let Some(text) = host.read(path)? else { return Ok(answers) };
    if host.mode(path)?.is_some_and(|mode| mode & 0o077 != 0) {
        return Err(Fault::new(format!("{path} holds a password and others may read it"))
            .remedy(format!("`chmod 600 {path}`")));
    }
    let password = text.strip_suffix('\n').unwrap_or(&text);
    if password.is_empty() || password.chars().any(char::is_control) || password.trim() != password
    {
        return Err(Fault::new(format!("{path} is not a password on one line"))
            .remedy("put the password there on one line, without blanks at its ends"));
    }
    if password.len() < MIN_SECRET {
        return Err(Fault::new(format!(
            "the password in {path} is shorter than {MIN_SECRET} characters"
        ))
        .remedy("choose a longer one"));
    }
    host.keep_secret(password);
    answers.insert(ADMIN_PASSWORD.to_owned(), password.to_owned());
    Ok(answers)
}
