//! What is wrong with a service's parts, equal findings together.

use contract::status::ServiceState;

/// One finding: `nova-compute` on `nova02` `is down`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) kind: String,
    /// Where that is; empty where it is nowhere.
    pub(super) host: String,
    /// What is wrong with it.
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(kind: &str, host: &str, what: impl Into<String>) -> Finding {
        Finding { kind: kind.to_owned(), host: host.to_owned(), what: what.into() }
    }
}

/// `good`, unless something was found: then that, as in `nova-compute on nova01, nova02 is
/// down; nova-scheduler is not listed`.
pub(super) fn judge(found: &[Finding], good: impl FnOnce() -> String) -> Result<String, String> {
    if found.is_empty() {
        return Ok(good());
    }
    let whats = distinct(found.iter().map(|one| one.what.as_str()));
    let sentence = |what: &str| {
        let same = || found.iter().filter(|one| one.what == what);
        let kinds = distinct(same().map(|one| one.kind.as_str()));
        let part = |kind: &str| {
            let hosts = same().filter(|one| one.kind == kind && !one.host.is_empty());
            let hosts: Vec<&str> = hosts.map(|one| one.host.as_str()).collect();
            let on = if hosts.is_empty() { "" } else { " on " };
            format!("{kind}{on}{}", hosts.join(", "))
        };
        let parts: Vec<String> = kinds.into_iter().map(part).collect();
        format!("{} {what}", parts.join(", "))
    };
    let sentences: Vec<String> = whats.into_iter().map(sentence).collect();
    Err(sentences.join("; "))
}

/// The status of the service `name`, as it was judged.
pub(super) fn to_state(name: &str, judged: Result<String, String>) -> ServiceState {
    let ok = judged.is_ok();
    ServiceState { name: name.to_owned(), ok, evidence: judged.unwrap_or_else(|why| why) }
}

/// Each once, in the order of their first.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for text in texts {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_are_one_sentence() {
        let found = [
            Finding::new("nova-compute", "nova01", "is down"),
            Finding::new("nova-scheduler", "", "is not listed"),
            Finding::new("nova-conductor", "openstack", "is down"),
            Finding::new("nova-compute", "nova02", "is down"),
        ];
        let text = "nova-compute on nova01, nova02, nova-conductor on openstack is down; \
                    nova-scheduler is not listed";
        assert_eq!(judge(&found, String::new), Err(text.to_owned()));
        assert_eq!(judge(&[], || "good".to_owned()), Ok("good".to_owned()));
    }
}
