//! `sshkey` of the kickstart: public keys that accounts accept.

use crate::kickstart::SshKey;
use crate::spec::Spec;
use formats::tree::{Content, Entry};

/// The superuser, whose keys the lab file names as well.
const ROOT: &str = "root";

/// Lines of root's `authorized_keys`: the lab file's and the kickstart's, without repeats.
pub fn of_root(spec: &Spec) -> Vec<String> {
    let mut keys = spec.authorized_keys.clone();
    for key in spec.kickstart.ssh_keys.iter().filter(|k| k.user == ROOT).map(|k| &k.key) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys
}

/// A user that has a key and that neither a package nor the kickstart makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: sshkey: the user {} does not exist", .0.place.file, .0.place.line, .0.user)]
pub struct UnknownUser(SshKey);

/// Files of other accounts' keys, with their paths below the root: the directory before what is
/// in it. `passwd` is the tree's; files are last changed at `mtime`.
///
/// # Errors
/// A user that does not exist.
pub fn files(
    keys: &[SshKey],
    passwd: &str,
    mtime: i64,
) -> Result<Vec<(String, Entry)>, UnknownUser> {
    let mut users: Vec<(&str, Vec<&SshKey>)> = Vec::new();
    for key in keys.iter().filter(|key| key.user != ROOT) {
        match users.iter_mut().find(|(user, _)| *user == key.user) {
            Some((_, keys)) => keys.push(key),
            None => users.push((&key.user, vec![key])),
        }
    }
    let mut files = Vec::new();
    for (user, keys) in users {
        let account = passwd.lines().find_map(|line| Account::read(line, user));
        let account = account.ok_or_else(|| UnknownUser(keys[0].clone()))?;
        let directory = format!("{}/.ssh", account.home.trim_matches('/'));
        let text: String = keys.iter().map(|key| format!("{}\n", key.key)).collect();
        let file = Content::Bytes(text.into_bytes());
        for (path, mode, content) in [
            (directory.clone(), 0o700, Content::Dir),
            (format!("{directory}/authorized_keys"), 0o600, file),
        ] {
            let mut entry = Entry::new(mode, mtime, content);
            (entry.uid, entry.gid) = (account.uid, account.gid);
            files.push((path, entry));
        }
    }
    Ok(files)
}

/// What of a line of passwd(5) its keys need.
struct Account<'a> {
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Account<'a> {
    fn read(line: &'a str, user: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let &[name, _, uid, gid, _, home, ..] = &fields[..] else { return None };
        (name == user).then_some(())?;
        Some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::place::Place;

    #[test]
    fn keys_are_in_the_home_of_their_user() {
        let key = |user: &str, key: &str| SshKey {
            place: Place::new("a.ks", 7, 1),
            user: user.into(),
            key: key.into(),
        };
        let passwd = "root:x:0:0:root:/root:/bin/bash\nann:x:1500:1600::/srv/ann:/bin/sh\n";
        let keys = [key("ann", "ssh-rsa A"), key("root", "ssh-rsa R"), key("ann", "ssh-rsa B")];
        let files = files(&keys, passwd, 9).unwrap();
        let [(directory, _), (path, file)] = &files[..] else { panic!("{files:?}") };
        assert_eq!(directory, "srv/ann/.ssh");
        assert_eq!(path, "srv/ann/.ssh/authorized_keys");
        assert_eq!((file.uid, file.gid, file.mode), (1500, 1600, 0o600));
        assert!(matches!(&file.content, Content::Bytes(b) if b == b"ssh-rsa A\nssh-rsa B\n"));
        let error = super::files(&[key("bob", "x")], passwd, 9).unwrap_err().to_string();
        assert_eq!(error, "a.ks:7: sshkey: the user bob does not exist");
    }
}
