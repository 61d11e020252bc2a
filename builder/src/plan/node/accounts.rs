//! `rootpw`, `user` and `group` of the kickstart, worked into the account files that
//! the packages left (passwd(5), group(5), shadow(5), gshadow(5)).

use crate::kickstart::{Kickstart, Login, NewGroup, User};
use formats::tree::{Content, Entry};

/// Why accounts cannot be what the kickstart asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// A number that something else has.
    #[error("the number {id} of {whose} is taken")]
    NumberTaken {
        /// The number.
        id: u32,
        /// What is to have it.
        whose: String,
    },
    /// All numbers are taken.
    #[error("no number is left for {0}")]
    NoNumberLeft(String),
    /// A group of a user's own name.
    #[error("the group {0} exists with another number")]
    OtherNumber(String),
    /// A user that the packages made.
    #[error("the user {0} already exists; only password and groups can be set")]
    UserExists(String),
    /// Neither `name` nor `name(number)`.
    #[error("`{0}` is not a group")]
    NotAGroup(String),
}

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

/// A home directory to create, with its owner.
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
    /// The directory's tree entry, last changed at `mtime` (seconds since 1970).
    pub fn entry(&self, mtime: i64) -> Entry {
        let mut entry = Entry::new(0o700, mtime, Content::Dir);
        (entry.uid, entry.gid) = (self.uid, self.gid);
        entry
    }
}

/// What the kickstart's commands make of the account files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The files.
    pub files: AccountFiles,
    /// Home directories to create.
    pub homes: Vec<Home>,
    /// What is left as it was, as Anaconda leaves it, with the reason.
    pub notes: Vec<String>,
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
/// its own name unless one exists. A group that exists stays as it is, and nobody becomes a
/// member of one that does not, as Anaconda has it (pyanaconda/users.py).
///
/// # Errors
/// A number taken already, no number left.
pub fn apply(mut files: AccountFiles, kickstart: &Kickstart) -> Result<Accounts, AccountError> {
    files.shadow = shadow(&files.shadow, kickstart);
    let mut notes = Vec::new();
    for group in &kickstart.groups {
        match id_of(&files.group, &group.name) {
            Some(gid) if group.gid.is_none_or(|wanted| wanted == gid) => {}
            Some(gid) => {
                let name = &group.name;
                notes.push(format!("the group {name} exists and keeps its number, {gid}"));
            }
            None => drop(add_group(&mut files, group)?),
        }
    }
    let mut homes = Vec::new();
    for user in &kickstart.users {
        homes.extend(add_user(&mut files, user, &mut notes)?);
    }
    Ok(Accounts { files, homes, notes })
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
fn free_id(text: &str, wanted: Option<u32>, whose: &str) -> Result<u32, AccountError> {
    match wanted {
        Some(id) if ids(text).any(|i| i == id) => {
            Err(AccountError::NumberTaken { id, whose: whose.to_owned() })
        }
        Some(id) => Ok(id),
        None => {
            let ordinary = ids(text).filter(|i| (FIRST_ID..=LAST_ID).contains(i));
            match ordinary.max().map_or(FIRST_ID, |last| last + 1) {
                id if id <= LAST_ID => Ok(id),
                _ => Err(AccountError::NoNumberLeft(whose.to_owned())),
            }
        }
    }
}

fn add_group(files: &mut AccountFiles, group: &NewGroup) -> Result<u32, AccountError> {
    let NewGroup { name, gid } = group;
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
fn add_user(
    files: &mut AccountFiles,
    user: &User,
    notes: &mut Vec<String>,
) -> Result<Option<Home>, AccountError> {
    let name = &user.name;
    if id_of(&files.passwd, name).is_some() {
        if user.uid.is_some() || user.gid.is_some() || user.home.is_some() {
            return Err(AccountError::UserExists(name.clone()));
        }
        add_memberships(files, user, notes)?;
        files.shadow = set_password(&files.shadow, name, &field(&user.login));
        return Ok(None);
    }
    let uid = free_id(&files.passwd, user.uid, &format!("the user {name}"))?;
    let own = id_of(&files.group, name);
    let gid = match (own, user.gid) {
        (Some(gid), None) => gid,
        (Some(gid), Some(wanted)) if gid == wanted => gid,
        (Some(_), Some(_)) => return Err(AccountError::OtherNumber(name.clone())),
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
    add_memberships(files, user, notes)?;
    Ok(Some(Home { path: home, uid, gid }))
}

/// Makes the user a member of its supplementary groups. Its own group needs no member.
fn add_memberships(
    files: &mut AccountFiles,
    user: &User,
    notes: &mut Vec<String>,
) -> Result<(), AccountError> {
    for group in user.groups.iter().filter(|group| **group != user.name) {
        if !add_member(files, group, &user.name)? {
            let name = &user.name;
            notes.push(format!("nothing makes the group {group}: {name} is not in it"));
        }
    }
    Ok(())
}

/// Adds `user` to `group`, which may carry a number: `disk(6)`, created if missing. Whether there
/// is such a group.
fn add_member(files: &mut AccountFiles, group: &str, user: &str) -> Result<bool, AccountError> {
    let (name, gid) = match group.strip_suffix(')').and_then(|g| g.split_once('(')) {
        Some((name, gid)) => {
            let gid = gid.parse().map_err(|_| AccountError::NotAGroup(group.to_owned()))?;
            (name, Some(gid))
        }
        None => (group, None),
    };
    if id_of(&files.group, name).is_none() {
        if gid.is_none() {
            return Ok(false);
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
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kickstart::{SourceMap, Text, parse};
    use std::fs;
    use std::process::Command;

    fn kickstart(text: &str) -> Kickstart {
        parse(&Text::new("ks", text, &SourceMap::default(), "lab")).unwrap()
    }

    fn el7() -> AccountFiles {
        AccountFiles {
            passwd: "root:x:0:0:root:/root:/bin/bash\nbin:x:1:1:bin:/bin:/sbin/nologin\n".into(),
            group: "root:x:0:\nbin:x:1:\nwheel:x:10:bin\n".into(),
            shadow: "root:*:17000:0:99999:7:::\nbin:*:17000:0:99999:7:::\n".into(),
            gshadow: "root:::\nbin:::\nwheel:::bin\n".into(),
        }
    }

    #[test]
    fn accounts_are_worked_in_and_pwck_finds_no_fault() {
        let text = "rootpw --iscrypted $6$salt$hash\ngroup --name=lab --gid=2000\n\
            user --name=ann --groups=wheel,disk(6) --uid=1500 --gecos=\"Ann B\" --lock\n\
            user --name=bob --homedir=/srv/bob --shell=/bin/sh --gid=3000\n";
        let Accounts { files, homes, notes } = apply(el7(), &kickstart(text)).unwrap();
        assert_eq!(notes, [""; 0]);
        assert_eq!(
            files.passwd.lines().skip(2).collect::<Vec<_>>(),
            ["ann:x:1500:1500:Ann B:/home/ann:/bin/bash", "bob:x:1501:3000::/srv/bob:/bin/sh"]
        );
        assert_eq!(
            files.group.lines().skip(2).collect::<Vec<_>>(),
            ["wheel:x:10:bin,ann", "lab:x:2000:", "ann:x:1500:", "disk:x:6:ann", "bob:x:3000:"]
        );
        assert_eq!(
            files.shadow.lines().collect::<Vec<_>>(),
            [
                "root:$6$salt$hash:17000:0:99999:7:::",
                "bin:*:17000:0:99999:7:::",
                "ann:!!:17652:0:99999:7:::",
                "bob:!!:17652:0:99999:7:::"
            ]
        );
        assert_eq!(homes[1], Home { path: "/srv/bob".into(), uid: 1501, gid: 3000 });
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let passwd = write("passwd", &files.passwd);
        let (shadow, group) = (write("shadow", &files.shadow), write("group", &files.group));
        let gshadow = write("gshadow", &files.gshadow);
        for (tool, one, two) in [("pwck", &passwd, &shadow), ("grpck", &group, &gshadow)] {
            let path = "/usr/sbin:/usr/bin:/sbin:/bin";
            let output =
                Command::new(tool).env("PATH", path).args(["-r"]).args([one, two]).output();
            let output = output.expect("pwck and grpck are missing: apt-get install passwd");
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            // Homes, shells and groups of the test machine are not ours; lines are.
            assert!(!said.contains("invalid") && !said.contains("duplicate"), "{tool}: {said}");
            assert!(!said.contains("no matching"), "{tool}: {said}");
        }
    }

    #[test]
    fn what_is_taken_or_missing_is_said() {
        for (text, why) in [
            ("group --name=x --gid=10", "the number 10 of the group x is taken"),
            ("user --name=x --uid=1", "the number 1 of the user x is taken"),
            ("user --name=x --groups=no(y)", "`no(y)` is not a group"),
            (
                "user --name=bin --uid=7",
                "the user bin already exists; only password and groups can be set",
            ),
        ] {
            assert_eq!(apply(el7(), &kickstart(text)).unwrap_err().to_string(), why, "{text}");
        }
    }

    #[test]
    fn what_anaconda_leaves_alone_is_noted() {
        let group_of = |text: &str| {
            let Accounts { files, notes, .. } = apply(el7(), &kickstart(text)).unwrap();
            (files.group.lines().skip(2).map(str::to_owned).collect::<Vec<_>>(), notes)
        };
        let own = group_of("user --name=ann --groups=ann,wheel");
        assert_eq!(own, (vec!["wheel:x:10:bin,ann".into(), "ann:x:1000:".into()], vec![]));
        let (groups, notes) = group_of("user --name=ann --groups=docker");
        assert_eq!(groups, ["wheel:x:10:bin", "ann:x:1000:"]);
        assert_eq!(notes, ["nothing makes the group docker: ann is not in it"]);
        let (groups, notes) = group_of("group --name=wheel --gid=2000\ngroup --name=bin");
        assert_eq!(groups, ["wheel:x:10:bin"]);
        assert_eq!(notes, ["the group wheel exists and keeps its number, 10"]);
    }

    #[test]
    fn root_is_locked_hashed_or_left_alone() {
        let shadow_of = |text: &str| shadow("root:*:1::::::\n", &kickstart(text));
        assert_eq!(shadow_of("rootpw --lock"), "root:!!:1::::::\n");
        assert_eq!(shadow_of("rootpw --lock --iscrypted $6$a$b"), "root:!$6$a$b:1::::::\n");
        assert_eq!(shadow_of("skipx"), "root:*:1::::::\n");
        assert_eq!(shadow("", &kickstart("rootpw --lock")), "root:!!:17652:0:99999:7:::\n");
    }
}
