//! Working without root: this process enters a user namespace in which it is root and all
//! ids that packages give their files exist, as subordinate ids of the user
//! (user_namespaces(7), subuid(5), newuidmap(1)). From then on everything sees what root
//! sees, so there is one way of building: owners are read back as they were set, file
//! capabilities come out in their plain form (capabilities(7), "Namespaced file
//! capabilities"), and what sub-ids own can be deleted.

use crate::base::error::{Context, Error, Result};
use crate::base::programs::{self, HostProgram, ID, NEWGIDMAP, NEWUIDMAP, ProgramError};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setresgid, setresuid};
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process;

/// Ids that packages may use, 0 (the user's own) left out: the usual range of one user.
const IDS: u64 = 65_535;
/// The kernel takes this many lines of an id map (user_namespaces(7)).
const MAX_RANGES: usize = 340;

/// Makes this process root: it is already, or it enters a user namespace of its own. To be
/// called while the process has one thread.
///
/// # Errors
/// An environment error with the line that makes it possible.
pub fn become_root() -> Result<()> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    if uid.is_root() {
        return Ok(());
    }
    let ranges = Ranges::of(&user_name(uid), uid)?;
    let me = Pid::this();
    let (go, mut ready) = pipe()?;
    let (mut said, answer) = pipe()?;
    // The maps are written from outside of the namespace, by a process created before it.
    // SAFETY: this process has one thread.
    match unsafe { fork() }.or_environment(|| "cannot start a process".to_owned())? {
        ForkResult::Child => {
            drop(ready);
            write_maps(go, answer, me, &ranges, uid, gid)
        }
        ForkResult::Parent { child } => {
            drop((go, answer));
            let entered = unshare(CloneFlags::CLONE_NEWUSER);
            if entered.is_ok() {
                let _ = ready.write_all(b"1");
            }
            drop(ready);
            let mut refused = String::new();
            let _ = said.read_to_string(&mut refused);
            let _ = waitpid(child, None);
            entered.map_err(|e| refusal(&e.to_string()))?;
            if !refused.is_empty() {
                return Err(Error::environment(refused));
            }
        }
    }
    let root = |e: Errno| refusal(&e.to_string());
    setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0)).map_err(root)?;
    setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).map_err(root)
}

/// Whether [`become_root`] works, tried by another process. To be called while this one has one
/// thread.
///
/// # Errors
/// As [`become_root`].
pub fn try_root() -> Result<()> {
    if Uid::effective().is_root() {
        return Ok(());
    }
    let (mut said, mut answer) = pipe()?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }.or_environment(|| "cannot start a process".to_owned())? {
        ForkResult::Child => {
            drop(said);
            if let Err(e) = become_root() {
                let _ = write!(answer, "{}\n{}", e.message, e.hint.unwrap_or_default());
            }
            process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop(answer);
            let mut refused = String::new();
            let _ = said.read_to_string(&mut refused);
            let _ = waitpid(child, None);
            match refused.split_once('\n') {
                None => Ok(()),
                Some((message, hint)) => Err(Error::environment(message).hint(hint)),
            }
        }
    }
}

/// The maps through which this process sees owners; `None` when it sees them as they are.
pub fn id_maps() -> Option<String> {
    let map = |kind| fs::read_to_string(format!("/proc/self/{kind}_map")).unwrap_or_default();
    let maps = map("uid") + &map("gid");
    let plain = |line: &str| line.split_whitespace().eq(["0", "0", "4294967295"]);
    (!maps.lines().all(plain)).then_some(maps)
}

/// The user's name, or the number of one without. Accounts may come from anywhere that
/// nsswitch.conf(5) names; this static program reads files alone, and id(1) asks the host.
fn user_name(uid: Uid) -> String {
    let output = programs::run(ID.command().arg("-un")).map(|output| output.stdout);
    let name = String::from_utf8(output.unwrap_or_default()).unwrap_or_default();
    if name.trim().is_empty() { uid.to_string() } else { name.trim().to_owned() }
}

fn pipe() -> Result<(PipeReader, PipeWriter)> {
    io::pipe().or_environment(|| "cannot create a pipe".to_owned())
}

/// The helper process: waits until the namespace exists, then has its maps written; reports
/// why not on `answer`.
fn write_maps(
    mut go: PipeReader,
    mut answer: PipeWriter,
    target: Pid,
    ranges: &Ranges,
    uid: Uid,
    gid: Gid,
) -> ! {
    let mut byte = [0];
    if go.read_exact(&mut byte).is_ok() {
        let written = newidmap(&NEWUIDMAP, target, uid.as_raw(), &ranges.uids)
            .and_then(|()| newidmap(&NEWGIDMAP, target, gid.as_raw(), &ranges.gids));
        if let Err(e) = written {
            let _ = answer.write_all(e.to_string().as_bytes());
        }
    }
    process::exit(0)
}

/// Id 0 is the user's own; the sub-ids follow from 1 on.
fn newidmap(program: &HostProgram, target: Pid, own: u32, ranges: &[Range]) -> Result<()> {
    let mut arguments = vec![target.to_string(), "0".into(), own.to_string(), "1".into()];
    let mut inside = 1;
    for range in ranges {
        arguments.extend([inside, range.first, range.count].map(|n| n.to_string()));
        inside += range.count;
    }
    let name = program.name;
    match programs::run(program.command().args(&arguments).env("LC_ALL", "C")) {
        Ok(_) => Ok(()),
        Err(ProgramError::Failed { message, .. }) => Err(refusal(&format!("{name}: {message}"))),
        Err(ProgramError::Start(e)) if e.kind() == io::ErrorKind::NotFound => {
            Err(Error::environment(format!(
                "working without root needs {name}, which is not installed"
            ))
            .hint(
                "sudo apt-get install uidmap (Fedora, EL: shadow-utils), or run imgbuild as root",
            ))
        }
        Err(e) => Err(e).or_environment(|| format!("cannot run {name}")),
    }
}

/// Why the kernel refuses, as far as its settings show.
fn refusal(reason: &str) -> Error {
    let setting = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let error = Error::environment(format!(
        "working without root needs a user namespace, which is not available: {reason}"
    ));
    for (path, forbids, line) in [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ] {
        if setting(&format!("/proc/sys/{path}")) == forbids {
            return error.hint(format!("sudo sysctl -w {line}, or run imgbuild as root"));
        }
    }
    error.hint("run imgbuild as root, or outside of the container that forbids it")
}

/// One line of /etc/subuid or /etc/subgid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u64,
    count: u64,
}

/// A user's subordinate ids.
struct Ranges {
    uids: Vec<Range>,
    gids: Vec<Range>,
}

impl Ranges {
    fn of(user: &str, uid: Uid) -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (subuid, subgid) = (read("/etc/subuid"), read("/etc/subgid"));
        let ids = |text: &str| ranges(text, user, &uid.to_string());
        let (uids, gids) = (ids(&subuid), ids(&subgid));
        let enough = |ranges: &[Range]| ranges.iter().map(|r| r.count).sum::<u64>() >= IDS;
        let mut missing = Vec::new();
        let mut line = "sudo usermod".to_owned();
        for (name, option, text, found) in [
            ("/etc/subuid", "--add-subuids", &subuid, &uids),
            ("/etc/subgid", "--add-subgids", &subgid, &gids),
        ] {
            if !enough(found) {
                let first = free(text);
                line.push_str(&format!(" {option} {first}-{}", first + IDS));
                missing.push(name);
            }
        }
        if missing.is_empty() {
            return Ok(Self { uids, gids });
        }
        Err(Error::environment(format!(
            "working without root needs {} subordinate ids for {user} in {}: the files of packages have owners",
            IDS + 1,
            missing.join(" and ")
        ))
        .hint(format!("{line} {user}, or run imgbuild as root")))
    }
}

/// The ranges of a user, by name or number, as far as one is enough.
fn ranges(text: &str, user: &str, uid: &str) -> Vec<Range> {
    let mut found = Vec::new();
    let mut sum = 0;
    for range in text.lines().filter_map(|line| {
        let (owner, range) = line.trim().split_once(':')?;
        (owner == user || owner == uid).then(|| parse(range)).flatten()
    }) {
        if sum >= IDS || found.len() == MAX_RANGES - 1 {
            break;
        }
        sum += range.count;
        found.push(range);
    }
    found
}

/// First id and count of every user's range.
pub(super) fn all_ranges(text: &str) -> Vec<(u64, u64)> {
    let range = |line: &str| parse(line.trim().split_once(':')?.1);
    text.lines().filter_map(range).map(|range| (range.first, range.count)).collect()
}

fn parse(range: &str) -> Option<Range> {
    let (first, count) = range.split_once(':')?;
    Some(Range { first: first.parse().ok()?, count: count.parse().ok()? })
}

/// Where a range begins that nobody has yet; from 100000 on, as useradd(8) does.
fn free(text: &str) -> u64 {
    text.lines()
        .filter_map(|line| parse(line.split_once(':')?.1))
        .map(|range| range.first + range.count)
        .fold(100_000, u64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "other:100000:65536\nme:165536:1000\n# me:1:2\n1000:300000:65536\nme:x:y\n";

    #[test]
    fn ranges_by_name_and_number() {
        let mine = [Range { first: 165_536, count: 1000 }, Range { first: 300_000, count: 65_536 }];
        assert_eq!(ranges(TEXT, "me", "1000"), mine);
        assert_eq!(ranges(TEXT, "nobody", "7"), []);
        assert_eq!(free(TEXT), 365_536);
        assert_eq!(free(""), 100_000);
    }
}
