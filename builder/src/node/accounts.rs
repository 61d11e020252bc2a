//! `rootpw`, `user` and `group` of the kickstart, worked into the account files that
//! the packages left (passwd(5), group(5), shadow(5), gshadow(5)).

use crate::format::tree::{Content, Entry};
use crate::kickstart::{Kickstart, Login, NewGroup, User};

/// The four files' texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFiles {
    /// /etc/passwd.
    pub passwd: String,
    /// /etc/group.
    pub group: String,
    /// /etc/shadow.
    pub shadow: String,
    /// /etc/gshadow; empty if there is none.
    pub gshadow: String,
}

/// A home folder to make, with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Its path.
    pub path: String,
    /// The user's number.
    pub uid: u32,
    /// The user's group number.
    pub gid: u32,
}

impl Home {
    /// The folder's tree entry, last changed at `mtime` (seconds since 1970).
    pub fn entry(&self, mtime: i64) -> Entry {
        let mut entry = Entry::new(0o700, mtime, Content::Dir);
        (entry.uid, entry.gid) = (self.uid, self.gid);
        entry
    }
}

/// First number of ordinary users and groups in EL7's login.defs.
const FIRST_ID: u32 = 1000;
/// The last one.
const LAST_ID: u32 = 60_000;
/// Days since 1970 of 2018-05-01, about the release of CentOS 7.5: a last change in
/// the past, the same in every image.
const CHANGED: u32 = 17_652;

/// What `passwd -l` and login make of a password field.
fn field(login: &Login) -> String {
    match (&login.hash, login.locked) {
        (Some(hash), false) => hash.expose().to_owned(),
        (Some(hash), true) => format!("!{}", hash.expose()),
        // EL7's mark of an account that never had a password.
        (None, _) => "!!".into(),
    }
}

/// /etc/shadow with root's password as `rootpw` says; other lines unchanged. A file
/// without root gets a line for it.
pub fn shadow(existing: &str, kickstart: &Kickstart) -> String {
    let Some(login) = &kickstart.root else { return existing.to_owned() };
    set_password(existing, "root", &field(login))
}

fn set_password(existing: &str, name: &str, password: &str) -> String {
    let mut found = false;
    let mut text = String::new();
    for line in existing.lines() {
        let mut fields: Vec<&str> = line.split(':').collect();
        if fields.len() > 1 && fields[0] == name {
            fields[1] = password;
            found = true;
        }
        text.push_str(&fields.join(":"));
        text.push('\n');
    }
    if !found {
        text.push_str(&format!("{name}:{password}:{CHANGED}:0:99999:7:::\n"));
    }
    text
}

/// Works everything in. Groups first, then users in order; each user gets a group of
/// its own name unless one exists.
///
/// # Errors
/// A name or number taken already, a group that does not exist, no number left.
pub fn apply(
    mut files: AccountFiles,
    kickstart: &Kickstart,
) -> Result<(AccountFiles, Vec<Home>), String> {
    files.shadow = shadow(&files.shadow, kickstart);
    for group in &kickstart.groups {
        add_group(&mut files, group)?;
    }
    let mut homes = Vec::new();
    for user in &kickstart.users {
        homes.extend(add_user(&mut files, user)?);
    }
    Ok((files, homes))
}

/// The number in the third field of the line for `name`.
fn id_of(text: &str, name: &str) -> Option<u32> {
    let mut lines = text.lines().map(|l| l.split(':'));
    lines.find_map(|mut f| if f.next() == Some(name) { f.nth(1)?.parse().ok() } else { None })
}

fn ids(text: &str) -> impl Iterator<Item = u32> + '_ {
    text.lines().filter_map(|l| l.split(':').nth(2)?.parse().ok())
}

/// `wanted` if it is free, else the next number after the highest ordinary one.
fn free_id(text: &str, wanted: Option<u32>, whose: &str) -> Result<u32, String> {
    match wanted {
        Some(id) if ids(text).any(|i| i == id) => {
            Err(format!("the number {id} of {whose} is taken"))
        }
        Some(id) => Ok(id),
        None => {
            let ordinary = ids(text).filter(|i| (FIRST_ID..=LAST_ID).contains(i));
            match ordinary.max().map_or(FIRST_ID, |last| last + 1) {
                id if id <= LAST_ID => Ok(id),
                _ => Err(format!("no number is left for {whose}")),
            }
        }
    }
}

fn add_group(files: &mut AccountFiles, group: &NewGroup) -> Result<u32, String> {
    let NewGroup { name, gid } = group;
    if id_of(&files.group, name).is_some() {
        return Err(format!("the group {name} exists already"));
    }
    let gid = free_id(&files.group, *gid, &format!("the group {name}"))?;
    add_line(&mut files.group, &format!("{name}:x:{gid}:"));
    if !files.gshadow.is_empty() {
        add_line(&mut files.gshadow, &format!("{name}:!::"));
    }
    Ok(gid)
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// Adds the user, or for one that exists (root) sets password and groups.
fn add_user(files: &mut AccountFiles, user: &User) -> Result<Option<Home>, String> {
    let name = &user.name;
    for group in &user.groups {
        add_member(files, group, name)?;
    }
    if id_of(&files.passwd, name).is_some() {
        if user.uid.is_some() || user.gid.is_some() || user.home.is_some() {
            return Err(format!(
                "the user {name} exists already; only password and groups can be set"
            ));
        }
        files.shadow = set_password(&files.shadow, name, &field(&user.login));
        return Ok(None);
    }
    let uid = free_id(&files.passwd, user.uid, &format!("the user {name}"))?;
    let own = id_of(&files.group, name);
    let gid = match (own, user.gid) {
        (Some(gid), None) => gid,
        (Some(gid), Some(wanted)) if gid == wanted => gid,
        (Some(_), Some(_)) => return Err(format!("the group {name} exists with another number")),
        // The same number as the user, where it is free, is what useradd aims for.
        (None, wanted) => {
            let same = Some(uid).filter(|id| !ids(&files.group).any(|i| i == *id));
            add_group(files, &NewGroup { name: name.clone(), gid: wanted.or(same) })?
        }
    };
    let home = user.home.clone().unwrap_or_else(|| format!("/home/{name}"));
    let shell = user.shell.as_deref().unwrap_or("/bin/bash");
    add_line(&mut files.passwd, &format!("{name}:x:{uid}:{gid}:{}:{home}:{shell}", user.gecos));
    files.shadow = set_password(&files.shadow, name, &field(&user.login));
    Ok(Some(Home { path: home, uid, gid }))
}

/// Adds `user` to `group`, which may carry a number: `disk(6)`, made if missing.
fn add_member(files: &mut AccountFiles, group: &str, user: &str) -> Result<(), String> {
    let (name, gid) = match group.strip_suffix(')').and_then(|g| g.split_once('(')) {
        Some((name, gid)) => {
            let gid = gid.parse().map_err(|_| format!("`{group}` is not a group"))?;
            (name, Some(gid))
        }
        None => (group, None),
    };
    if id_of(&files.group, name).is_none() {
        if gid.is_none() {
            return Err(format!("the group {name} of the user {user} does not exist"));
        }
        add_group(files, &NewGroup { name: name.to_owned(), gid })?;
    }
    for text in [&mut files.group, &mut files.gshadow] {
        let lines = text.lines().map(|line| {
            let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
            if let [n, _, _, members] = &mut fields[..]
                && n == name
                && !members.split(',').any(|m| m == user)
            {
                let comma = if members.is_empty() { "" } else { "," };
                members.push_str(&format!("{comma}{user}"));
            }
            fields.join(":") + "\n"
        });
        *text = lines.collect();
    }
    Ok(())
}
