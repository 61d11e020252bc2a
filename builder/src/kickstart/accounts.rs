//! `rootpw`, `user`, `group`.

use super::model::{Kickstart, Login, NewGroup, User};
use super::options::{OptionValue, Parsed};
use super::password::PasswordHash;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;
use crate::base::diagnostic::Diagnostic;
use std::collections::HashSet;

/// `rootpw`.
pub fn rootpw(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let password = parsed.arguments.first();
    if password.is_none_or(|w| w.text.is_empty()) && !parsed.has("--lock") {
        let hint = "write a password, or --lock";
        return state.error(item.line, item.words[0].column, "rootpw needs a password", hint);
    }
    let given = password.map(|w| (w.text.as_str(), w.column));
    if let Some(login) = read_login(state, item, parsed, given, "root") {
        state.kickstart.root = Some(login);
        state.report(item, Fate::Honoured, "root's entry in /etc/shadow");
    }
}

/// The login of an account; `None` after an error.
fn read_login(
    state: &mut State<'_>,
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
    password: Option<(&str, usize)>,
    name: &str,
) -> Option<Login> {
    let locked = parsed.has("--lock");
    let Some((password, column)) = password.filter(|(p, _)| !p.is_empty()) else {
        return Some(Login { hash: None, locked });
    };
    // Of --iscrypted and --plaintext the last one counts.
    let kind = parsed
        .options
        .iter()
        .rev()
        .map(|(n, _)| *n)
        .find(|n| ["--iscrypted", "--plaintext"].contains(n));
    let hash = match kind {
        Some("--iscrypted") => PasswordHash::from_hash(password),
        _ => {
            let (message, hint) = match PasswordHash::from_hash(password) {
                Ok(hash) if hash.is_usable() => (
                    format!("the password of {name} is this hash itself, not what it is made of"),
                    "to mean the hash, add --iscrypted",
                ),
                _ => (
                    format!("the password of {name} is written in clear"),
                    "write its hash: --iscrypted and the output of `openssl passwd -6`",
                ),
            };
            state.warning(item.line, column, message, hint);
            PasswordHash::from_clear(password, &format!("{} {name}", state.source.salt))
        }
    };
    match hash {
        Ok(hash) => {
            if !hash.is_usable() {
                let message =
                    format!("no password matches this hash: {name} cannot log in with one");
                state.warning(item.line, column, message, "to mean that, write --lock");
            }
            Some(Login { hash: Some(hash), locked })
        }
        Err(why) => {
            let hint = "`openssl passwd -6` prints one; in kickstarts put it in single quotes";
            state.refuse(item, column, format!("{why}: {hint}"));
            None
        }
    }
}

/// `group`.
pub fn group(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(name) = read_account_name(state, item, parsed) else { return };
    let Some(gid) = read_id(state, item, parsed, "--gid") else { return };
    state.kickstart.groups.push(NewGroup { name, gid });
    state.report(item, Fate::Honoured, "the group is created");
}

/// `user`.
pub fn user(state: &mut State<'_>, item: &KickstartItem<'_>, parsed: &Parsed<'_>) {
    let Some(name) = read_account_name(state, item, parsed) else { return };
    let (Some(uid), Some(gid)) =
        (read_id(state, item, parsed, "--uid"), read_id(state, item, parsed, "--gid"))
    else {
        return;
    };
    for option in ["--homedir", "--shell", "--gecos"] {
        let Some(value) = parsed.get(option) else { continue };
        let path_ok = option == "--gecos" || value.text.starts_with('/');
        if !path_ok || value.text.contains([':', '\n']) || value.text.split('/').any(|p| p == "..")
        {
            let why = format!(
                "{option} cannot be `{}`: an absolute path without `:` (--gecos: text without `:`)",
                value.text
            );
            return state.refuse(item, value.word.column, why);
        }
    }
    let password = parsed.get("--password").map(|v| (v.text, v.word.column));
    let Some(login) = read_login(state, item, parsed, password, &name) else { return };
    state.kickstart.users.push(User {
        name,
        // `--groups` may give a number: `wheel,disk(6)`.
        groups: parsed.list("--groups"),
        home: parsed.text("--homedir"),
        shell: parsed.text("--shell"),
        uid,
        gid,
        gecos: parsed.text("--gecos").unwrap_or_default(),
        login,
    });
    state.report(item, Fate::Honoured, "the account is created");
}

/// The groups that EL7's package setup makes, which every system has (its /etc/group).
const SETUP_GROUPS: [&str; 27] = [
    "root", "bin", "daemon", "sys", "adm", "tty", "disk", "lp", "mem", "kmem", "wheel", "cdrom",
    "mail", "man", "dialout", "floppy", "games", "tape", "video", "ftp", "lock", "audio", "nobody",
    "users", "utmp", "utempter", "ssh_keys",
];

/// Says of users with a group that neither the kickstart nor every system makes that a package
/// has to: like Anaconda, an image goes on without it.
pub fn note_groups(kickstart: &mut Kickstart) {
    let Kickstart { groups, users, report, warnings, .. } = kickstart;
    let made: HashSet<&str> = SETUP_GROUPS
        .into_iter()
        .chain(groups.iter().map(|g| g.name.as_str()))
        .chain(users.iter().map(|u| u.name.as_str()))
        .collect();
    let lines = report.iter_mut().filter(|l| l.command == "user" && l.fate != Fate::Refused);
    for (line, user) in lines.zip(users.iter()) {
        let absent = |group: &&String| !made.contains(group.as_str()) && !group.ends_with(')');
        let absent: Vec<&str> = user.groups.iter().filter(absent).map(String::as_str).collect();
        if absent.is_empty() {
            continue;
        }
        let (name, absent) = (&user.name, absent.join(", "));
        line.why.push_str(&format!("; a member of {absent} only where a package makes the group"));
        let message = format!("no command makes the group {absent} of the user {name}");
        let hint = format!("add `group --name=…`; without, {name} is in it if a package makes it");
        warnings.push(Diagnostic::warning(line.place.clone(), message).hint(hint));
    }
}

/// `--name` as useradd and groupadd take it.
fn read_account_name(
    state: &mut State<'_>,
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
) -> Option<String> {
    let OptionValue { text, word } = parsed.get("--name")?;
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && text.len() <= 32 && text.bytes().all(ok) {
        return Some((*text).to_owned());
    }
    let why = format!(
        "`{text}` is not an account's name: letters, digits, `_`, `-`, `.`; a letter first; 32 at most"
    );
    state.refuse(item, word.column, why);
    None
}

/// A user or group number: `Some(None)` when not given, `None` after an error.
fn read_id(
    state: &mut State<'_>,
    item: &KickstartItem<'_>,
    parsed: &Parsed<'_>,
    option: &str,
) -> Option<Option<u32>> {
    let Some(value) = parsed.get(option) else { return Some(None) };
    match value.text.trim().parse::<u32>() {
        Ok(number) if (1..u32::MAX - 1).contains(&number) => Some(Some(number)),
        _ => {
            let why = format!("{option}={} is out of range: from 1 to 4294967293", value.text);
            state.refuse(item, value.word.column, why);
            None
        }
    }
}
