//! Repositories: each answers, and together they hold the expected number of packages.
//! Only packstack installs from them; where it does not run here, a repository that
//! does not answer is said and holds nothing up.

use super::{State, packstack};
use crate::host::Host;
use crate::repositories::count;
use contract::spec::Spec;

/// What was found, in words: the good news and the bad.
pub(crate) struct Findings {
    pub(crate) good: Vec<String>,
    pub(crate) bad: Vec<String>,
}

/// Counts every repository.
pub(crate) fn look(host: &Host, spec: &Spec) -> Findings {
    let mut findings = Findings { good: Vec::new(), bad: Vec::new() };
    let mut total = Some(0);
    for repository in &spec.repositories {
        let id = &repository.id;
        match (count(host, repository), repository.packages) {
            (Ok(found), Some(wanted)) if found != wanted => {
                total = total.map(|sum| sum + found);
                findings.bad.push(format!("{id} holds {found} packages in place of {wanted}"));
            }
            (Ok(found), _) => {
                total = total.map(|sum| sum + found);
                findings.good.push(format!("{id} {found}"));
            }
            (Err(why), _) => {
                total = None;
                findings.bad.push(format!("{id} does not answer ({why})"));
            }
        }
    }
    if let (Some(found), Some(wanted)) = (total, spec.packages.total)
        && found != wanted
    {
        let text = format!("together they hold {found} packages in place of {wanted}");
        findings.bad.push(text);
    } else if let Some(found) = total {
        let count = spec.repositories.len();
        findings.good.insert(0, format!("{count} repositories with {found} packages"));
    }
    findings
}

pub(super) fn check(host: &Host, spec: &Spec) -> State {
    if !host.live() {
        return State::Skipped("repositories are asked by the running node".to_owned());
    }
    let Findings { good, bad } = look(host, spec);
    let bad = bad.join("; ");
    if bad.is_empty() {
        State::Met(good.join(", "))
    } else if packstack::present(host, spec) {
        State::Waiting(format!("the repositories to be whole: {bad}"))
    } else {
        State::Skipped(format!("{bad}. Nothing on this node installs from them by itself"))
    }
}
