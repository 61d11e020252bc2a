//! Which of the lab's repositories are here.

use crate::base::error::{Error, Result};
use crate::base::lab::{LabRepository, RepositorySource};

/// The repositories to build from without `--media`, and a note for each that is left out because
/// its source does not exist. Looks at the disk.
///
/// # Errors
/// Every required repository whose source does not exist, or when none is left.
pub fn available_repositories(
    repositories: &[LabRepository],
) -> Result<(Vec<&LabRepository>, Vec<String>)> {
    let present = |source: &RepositorySource| match source {
        RepositorySource::Url(_) => true,
        RepositorySource::Path(path) => path.exists(),
    };
    let (found, absent): (Vec<_>, Vec<_>) = repositories.iter().partition(|r| present(&r.source));
    let (required, optional): (Vec<_>, Vec<_>) = absent.into_iter().partition(|r| r.required);
    let hint = "put the file there, change `source` in the lab file, or give --media";
    if !required.is_empty() {
        let list: Vec<String> = required
            .iter()
            .map(|r| format!("repository {}: {} does not exist", r.id, r.source))
            .collect();
        return Err(Error::input(list.join("\n")).hint(hint));
    }
    if found.is_empty() {
        return Err(Error::input("no repository to build from").hint(hint));
    }
    let notes = optional
        .iter()
        .map(|r| format!("repository {} is left out: {} does not exist", r.id, r.source))
        .collect();
    Ok((found, notes))
}
