//! Causes that yum and rpm report.

use super::cause::Cause;
use crate::services::packstack::evidence::Evidence;

/// What to do about a package that no repository has.
fn fix_repositories(evidence: &Evidence) -> String {
    let name = &evidence.name;
    format!("give {name} a repository that has it: see `yum repolist` and /etc/yum.repos.d there")
}

/// rpm cannot read its own database.
pub fn find_damaged_database(evidence: &Evidence) -> Option<Cause> {
    let words = ["rpmdb open failed", "cannot open Packages database", "error: rpmdb: "];
    words.iter().find_map(|word| evidence.find(word))?;
    let hint = format!("`rpm --rebuilddb` on {}", evidence.name);
    Some(Cause::new("its RPM database is damaged", hint))
}

/// A repository does not answer, or serves something else.
pub fn find_silent_repository(evidence: &Evidence) -> Option<Cause> {
    let name = evidence
        .between("One of the configured repositories failed (", ")")
        .or_else(|| evidence.between("Cannot find a valid baseurl for repo: ", ""))
        .or_else(|| evidence.between("repomd.xml from ", ": [Errno"));
    let address = evidence.between("http", "repodata/repomd.xml: [Errno");
    if name.is_none() && address.is_none() {
        return None;
    }
    let name = name.map(|name| format!(" `{name}`")).unwrap_or_default();
    let place = address.map(|rest| format!(" at http{rest}")).unwrap_or_default();
    let hint = format!(
        "see that the repository server is on and that {} reaches it: `yum makecache` there",
        evidence.name
    );
    Some(Cause::new(format!("the repository{name} does not answer{place}"), hint))
}

/// A package needs another one that no repository has.
pub fn find_unmet_requirement(evidence: &Evidence) -> Option<Cause> {
    let needed = evidence.list_between("Requires: ", "");
    let needed: Vec<&str> = needed.into_iter().map(str::trim).collect();
    if needed.is_empty() {
        return None;
    }
    let package = evidence.between(" install ", "' returned").unwrap_or("a package");
    let what = format!("{package} cannot be installed, it requires {}", needed.join(", "));
    Some(Cause::new(what, fix_repositories(evidence)))
}

/// No repository has a package that is to be installed.
pub fn find_missing_package(evidence: &Evidence) -> Option<Cause> {
    let mut missing = evidence.list_between("No package ", " available.");
    if missing.is_empty() {
        missing = evidence.list_between("Package ", " has not been found in enabled Yum repos.");
    }
    if missing.is_empty() {
        missing = evidence.list_between(" install ", "' returned 1: Error: Nothing to do");
    }
    if missing.is_empty() {
        missing = evidence.list_between("no package provides ", "");
    }
    if missing.is_empty() {
        return None;
    }
    let what = format!("no enabled repository has {}", missing.join(", "));
    Some(Cause::new(what, fix_repositories(evidence)))
}

/// Another yum is at work, and does not end.
pub fn find_lock(evidence: &Evidence) -> Option<Cause> {
    let words = ["Existing lock /var/run/yum.pid", "currently holding the yum lock"];
    words.iter().find_map(|word| evidence.find(word))?;
    let hint = format!("see what runs yum on {} (`ps -ef`), and let it end", evidence.name);
    Some(Cause::new("another program holds yum's lock", hint))
}

/// A package is not signed by a key that the host knows.
pub fn find_bad_signature(evidence: &Evidence) -> Option<Cause> {
    let package = evidence
        .between("Public key for ", " is not installed")
        .or_else(|| evidence.between("Package ", " is not signed"))?;
    let hint =
        format!("give {} the key of that repository: `gpgkey` in /etc/yum.repos.d", evidence.name);
    Some(Cause::new(format!("the signature of {package} cannot be checked"), hint))
}
