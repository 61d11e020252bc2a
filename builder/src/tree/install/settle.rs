//! What an installation leaves that says when and where it ran, and nothing else: settled
//! here, once, so that the same plan gives the same tree on any day and any machine. File
//! times are settled where the tree is read ([`crate::tree::scan`]).

use super::job::Listener;
use super::{initramfs, keystore, rpmdb};
use crate::base::error::{Context, Result};
use crate::tree;
use crate::tree::sandbox::Sandbox;
use std::fs;
use std::path::Path;

/// Bytes of a file that is settled, an initramfs at most.
const LARGEST: u64 = 1 << 30;

const DAY: i64 = 24 * 60 * 60;

/// Settles the installed tree in `root` to `time`, seconds since 1970.
///
/// # Errors
/// A build error with what cannot be read or written.
pub fn settle(time: i64, root: &Path, listener: &mut dyn Listener) -> Result<()> {
    tidy(root, time, listener)?;
    rpmdb::settle(root, time, listener)?;
    rewrite(root, "etc/shadow", &mut |old| Some(shadow(&old, time / DAY)))?;
    rewrite(root, "etc/pki/ca-trust/extracted/java/cacerts", &mut |old| {
        keystore::settled(&old, time)
    })?;
    let Some(boot) = tree::inside(root, "boot")? else { return Ok(()) };
    let what = || format!("cannot read {}", boot.display());
    for entry in fs::read_dir(&boot).or_build(what)? {
        let name = entry.or_build(what)?.file_name();
        let Some(name) = name.to_str().filter(|n| is_initramfs(n)) else { continue };
        rewrite(root, &format!("boot/{name}"), &mut |old| {
            let time = u32::try_from(time).unwrap_or(u32::MAX);
            initramfs::settled(&old, time)
                .inspect_err(|e| {
                    listener.warn(&format!(
                        "/boot/{name} {e}: left as it is, so two builds of this image will differ"
                    ));
                })
                .ok()
        })?;
    }
    Ok(())
}

fn is_initramfs(name: &str) -> bool {
    name.starts_with("initramfs-") && name.ends_with(".img")
}

/// Removes what must be each node's own or is only left over from the installation. By
/// the tree's own shell in the sandbox: no link of the tree can lead it out of the tree.
fn tidy(root: &Path, time: i64, listener: &mut dyn Listener) -> Result<()> {
    // BerkeleyDB's environment belongs to the process that is gone; the next one makes its own.
    // The machine id is empty, not absent: systemd fills it in on the first boot (machine-id(5)).
    // openldap's certificates have a random key; a node without them has no ldap server either.
    // ldconfig's cache of inode numbers and the account files' backups are made again at need.
    // Logs of the installation are in the build log.
    let script = format!(
        "set -e
        for directory in /tmp /var/tmp /var/cache/yum /var/cache/dnf; do
            [ ! -d \"$directory\" ] || find \"$directory/\" -mindepth 1 -delete
        done
        rm -f /var/lib/rpm/__db.* /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
        rm -f /var/lib/systemd/random-seed /var/lib/dbus/machine-id /etc/machine-id
        rm -f /etc/openldap/certs/*.db /etc/openldap/certs/password
        rm -f /var/cache/ldconfig/aux-cache
        rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
        find /var/log -type f -size +0 -newermt @{time} -exec sh -c ': >\"$1\"' sh {{}} \\;
        : >/etc/machine-id"
    );
    Sandbox::new(root, ["/bin/sh", "-c", &script]).must(&mut |line| listener.log(line))
}

/// `useradd` notes the day of the password's last change; the day of the build is none.
fn shadow(old: &[u8], latest: i64) -> Vec<u8> {
    let mut new = Vec::with_capacity(old.len());
    for line in old.split_inclusive(|&byte| byte == b'\n') {
        let mut fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
        let day = latest.to_string();
        let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse::<i64>().ok();
        if let Some(changed) = fields.get_mut(2)
            && number(changed).is_some_and(|n| n > latest)
        {
            *changed = day.as_bytes();
        }
        new.extend(fields.join(&b':'));
    }
    new
}

/// Puts new bytes into a file of the tree, which stays the same file with the same owner
/// and mode. Nothing where there is no such file or `settled` does not apply.
fn rewrite(
    root: &Path,
    name: &str,
    settled: &mut dyn FnMut(Vec<u8>) -> Option<Vec<u8>>,
) -> Result<()> {
    let Some(old) = tree::read_file(root, name, LARGEST)? else { return Ok(()) };
    match settled(old) {
        Some(new) => tree::rewrite_file(root, name, &new),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_after_the_build_time_change() {
        let old = b"root:*:17000:0:99999:7:::\nnew:!!:20000:0:99999:7:::\nodd\nn:x::::::\n";
        let new = "root:*:17000:0:99999:7:::\nnew:!!:18000:0:99999:7:::\nodd\nn:x::::::\n";
        assert_eq!(String::from_utf8(shadow(old, 18_000)).unwrap(), new);
    }
}
