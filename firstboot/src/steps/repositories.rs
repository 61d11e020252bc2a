//! Repositories: each answers, and together they hold the expected number of packages.
//! Only packstack installs from them; where it does not run here, a repository that
//! does not answer is reported and holds nothing up.

use super::outcome::CheckOutcome;
use super::packstack;
use crate::host::Host;
use crate::services::repositories::{count_packages, describe_silent};
use contract::spec::Spec;

/// What was found, in words: the good news and the bad.
pub(crate) struct RepositoryFindings {
    pub(crate) good: Vec<String>,
    pub(crate) bad: Vec<String>,
}

/// Counts every repository.
pub(crate) fn inspect_repositories(host: &Host, spec: &Spec) -> RepositoryFindings {
    let mut findings = RepositoryFindings { good: Vec::new(), bad: Vec::new() };
    let mut total = Some(0);
    let mut silent = Vec::new();
    for repository in &spec.repositories {
        let id = &repository.id;
        match (count_packages(host, repository), repository.packages) {
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
                silent.push((id.as_str(), why));
            }
        }
    }
    findings.bad.extend(describe_silent(&silent, "does not answer", "do not answer"));
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

pub(super) fn check(host: &Host, spec: &Spec) -> CheckOutcome {
    if !host.live() {
        return CheckOutcome::Skipped("repositories are asked by the running node".to_owned());
    }
    let RepositoryFindings { good, bad } = inspect_repositories(host, spec);
    let bad = bad.join("; ");
    if bad.is_empty() {
        CheckOutcome::Met(good.join(", "))
    } else if packstack::present(host, spec) {
        CheckOutcome::Waiting(format!("the repositories to be whole: {bad}"))
    } else {
        CheckOutcome::Skipped(format!("{bad}. Nothing on this node installs from them by itself"))
    }
}
